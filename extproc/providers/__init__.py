"""Who we call: how a request to each kind of provider is addressed and authenticated.

``wire``        per provider dialect: format, errors, headers and body members it wants, framing of streams
``paths``       per provider dialect: the path of each operation
``credential``  what a provider is called with, the headers that carry it, and the port that has those that expire
``request``     a provider and an ask → authority, path, headers to set and to remove; the signature over the finished body
``sigv4``       AWS Signature Version 4
"""
