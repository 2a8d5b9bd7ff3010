"""The gRPC side: the only place that knows HTTP/2 and protobuf.

::

    unix socket ──► server ──► http2 (frames, flow control) ──► wire (protobuf ↔ events) ──► a phase
                                                                                               │
                       ◄────────────── frames ◄────────────── wire ◄──────────── replies ◄─────┘

``http2``   one connection, sans-io; ``sending``, ``frames``, ``headers`` and ``calls`` are its parts
``wire``    ``ProcessingRequest`` → phase events; phase replies → ``ProcessingResponse``
``server``  asyncio: sockets, one phase per stream, timers, health, drain
``health``  the client side of a health check
``pb``      generated from ``protos/`` by ``make protos``
"""
