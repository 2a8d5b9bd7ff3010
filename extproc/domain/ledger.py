"""What the phases and the ledger say to each other. ``extproc.state.ledger`` keeps the books, in Redis.

The life of a hold::

    held ─settle(final)──────────────► gone      the answer's attempt ended, whatever ended it
    held ─settle(not final)──────────► held      an attempt failed and Envoy tries the next
    held ─settle(not final, closing)─► closing   an attempt ended and nothing says whether another follows
    held | closing ─close(attempts)──► closing   no answer came, or the client left
    closing ─all known attempts have settled, and admission closed─► gone
    closing ─grace over──────────────► gone      known attempts that never settled are charged at the bound
    held ─expired────────────────────► gone      nobody settled (a killed worker): charged at the bound
    gone ─late settle────────────────► gone      what was charged at the bound is corrected

Amounts are whole numbers: nano-dollars, tokens, requests.
"""

from collections.abc import Mapping
from dataclasses import field

from extproc.domain.meters import Meter
from extproc.domain.valueclass import valueclass


@valueclass
class HoldLine:
    """What a request may cost on one meter: ``fixed + per_output x output tokens granted``, a bound never exceeded."""

    meter: Meter
    start: int
    """Unix seconds at which the calendar window began; 0 for the other kinds."""
    end: int
    """Unix seconds at which it ends; 0: never."""
    fixed: int
    per_output: int = 0
    gate: int | None = None
    """Turn the request away once ``settled + held`` has reached this, though the limit has room (the ladder)."""
    group: str | None = None
    """Set on meters of one provider of the chain: if it does not fit, that provider is left out, not the request."""


@valueclass
class HoldOrder:
    """One atomic step: all lines or none. ``id`` is unique per request, and never the client's own request id.

    ``output``: tokens wanted; ``floor``: the fewest worth having. What is granted lies between. ``facts``: JSON, written
    into the usage event should nobody ever settle. ``others``: the chain has providers without a line of their own, so
    the request goes on though every group is left out.
    """

    id: str
    lines: tuple[HoldLine, ...]
    output: int
    floor: int
    facts: bytes = b"{}"
    others: bool = False


@valueclass
class MeterState:
    """Where a meter stands behind the step, in its unit."""

    settled: int
    held: int
    reset_seconds: int = 0
    """Until a window starts anew, or a rolling one has room again (a whole window at most)."""


@valueclass
class Hold:
    """The answer to a ``HoldOrder``. Not granted: nothing was held."""

    granted: bool
    output: int
    """Output tokens granted."""
    states: tuple[MeterState, ...] = ()
    """Per line, in order."""
    refused_by: int | None = None
    """Index of the line that had no room. Of several, one of a rate limit is named after one of a budget."""
    gated: bool = False
    """It was the line's ``gate``."""
    left_out: frozenset[str] = frozenset()
    """Groups that had no room."""
    offline: bool = False
    """Granted from the allowance, with the store away."""


@valueclass
class Charge:
    """What one attempt came to."""

    usd: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    requests: int = 0
    """1 where the attempt reached a provider, else 0. Of a request's attempts one is counted: the last that is known."""


@valueclass
class Settlement:
    """One attempt's end. Idempotent by ``hold_id`` and ``attempt``.

    ``group``: the provider called; meters of the others are not charged. ``final``: the request is over, the hold ends.
    ``closing``: not final, but nobody may come after. ``event``: JSON of the usage event, written in the same step.
    ``limitless``: the order had no lines. Then it may come later than this, from another process.
    """

    hold_id: str
    attempt: int
    group: str
    charge: Charge
    event: bytes
    final: bool
    closing: bool = False
    limitless: bool = False


@valueclass(kw_only=True)
class UsageEvent:
    """One attempt, as the ledger keeps it for ever; ``extproc.state.events`` encodes it. Times are Unix nanoseconds."""

    hold_id: str
    attempt: int
    request_id: str
    time_ns: int
    key: str
    key_id: str
    org: str | None = None
    team: str | None = None
    user: str | None = None
    end_user: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    model: str
    """The catalogue's name."""
    provider: str
    provider_model: str
    client_dialect: str
    stream: bool
    outcome: str
    usd: int = 0
    """Nano-dollars."""
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    byok: bool = False
    """Paid with the team's own provider key."""
    priced: bool = True
    """False: nobody knows the price, and ``usd`` is 0."""
    duration_ms: int = 0
    first_token_ms: int | None = None
