"""Who we call: how a request to each kind of provider is addressed and authenticated.

``wire``     per provider dialect: path, credential headers, headers it owns
``request``  a provider and a model → authority, path, headers to set and to remove
"""
