"""The gateway's HTTP port for operators: is it alive, is it ready, what does it count, how is it configured.

``app``     routes, one visible list, and what each answers
``access``  who may call: the admin token, needed everywhere but on the paths that probes and scrapers use
``health``  what "ready" means
``views``   the configuration as shown, which is what is listed there and so never a secret
``server``  the app on a socket
"""
