"""Usage → money: what a request costs at most, and what an answer has cost. Pure.

::

    gateway.yaml ─┐
    genai-prices ─┴─ tariffs ──Tariff──┬─ bounds.quote   before the call: an upper bound, never exceeded
    the request ───── bounds ──Bound───┘
    the answer ────── dialects ──Usage──┬─ cost          after it: exact, rounded up once
    a cut answer ──── estimate ─────────┘                what was produced, where nobody counted it

``bound`` has both answers, ``rates`` the arithmetic; ``published`` reads genai-prices, ``places`` says what a region adds.
``prompt`` walks a request into a ``tally``, with ``prompt_items``, ``prompt_contents`` and ``prompt_texts`` for what is
no list of messages; ``operations`` knows what is no conversation. ``spelling``, ``images``, ``outputs``, ``servertools`` and
``hostedtools`` are tables. Rates are whole nano-USD for a million units; nothing here is a float.
"""
