"""The systems under test, one module each: ``start`` runs it in front of the provider, in its documented way.

``provider``     the simulator, which is behind all the others
``envoy_alone``  a plain route: what any gateway in Envoy costs at least
``gateway``      this project   ``litellm``, ``portkey``  the peers, installed into ``.bench/``
"""
