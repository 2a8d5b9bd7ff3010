"""Usage → money: what a request costs at most, and what an answer has cost. Pure.

::

    gateway.yaml ─┐
    genai-prices ─┴─ tariffs ──Tariff──┬─ bounds.quote   before the call: an upper bound, never exceeded
    the request ───── bounds ──Bound───┘
    the answer ────── dialects ──Usage──┬─ cost          after it: exact, rounded up once
    a cut answer ──── estimate ─────────┘                what was produced, where nobody counted it

``rates`` has the arithmetic, ``published`` reads genai-prices, ``prompt`` walks a request, ``images``, ``outputs``
and ``servertools`` are tables. Rates are whole nano-USD for a million units; nothing here is a float.
"""
