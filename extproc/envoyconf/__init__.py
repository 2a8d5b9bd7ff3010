"""Snapshot → Envoy v3 configuration, as plain dicts: what ``llmgw envoy-config`` prints and ``llmgw up`` runs.

``bootstrap``      the whole configuration: in one piece, or as a fixed part and the files that Envoy watches
``listener``       client side: limits, timeouts, what clients may not send, the filters in their order
``routes``         one route per idle timeout; the chain of providers, and when the next of them is tried
``filters``        admission and attempt: the same service, called once per request and once per attempt
``clusters``       one per provider: addresses, TLS, connections, limits that never stand in a fallback's way
``workers``        the cluster of our own worker processes, one unix socket each
``local_replies``  what Envoy itself refuses, said in the client's dialect
``access_log``     one JSON line per request
``resources``      how Envoy spells extensions, durations and addresses
``placement``      what is decided by whoever starts Envoy, not by ``gateway.yaml``

No I/O: the caller writes the files. The names shared with the service that Envoy calls are in ``extproc.domain.names``.
"""
