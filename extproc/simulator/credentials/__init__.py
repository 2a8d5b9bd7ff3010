"""Where the clouds' credentials come from, as the simulator plays it; and whose they are, as its vendors check them.

``issued`` (what a credential looks like and until when it is good) ◄── ``aws`` (STS, the container endpoint),
``google`` (metadata server, OAuth), ``entra``; ``issuer`` has their manners.

Nothing is remembered: a credential carries its own expiry, so that every process of a simulator accepts what another
one issued. The endpoints are under the pseudo-models of their routes (``sts``, ``container-credentials``,
``computeMetadata``, ``token``, ``oauth2``), by which programmes find them; a query ``lifetime=2`` or the behaviour of
that name has them issue what is good for two seconds.
"""
