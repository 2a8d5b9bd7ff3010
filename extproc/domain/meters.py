"""The meter: the one concept behind budgets and rate limits.

A meter is a scope (whose traffic it counts) x a unit (what it counts) x a window (over what time) x a limit. A request
takes its holds on all of its meters in one step, all or nothing; nothing else decides whether there is money left.
"""

from typing import Literal, TypeAlias, cast, get_args
from urllib.parse import quote, unquote

from extproc.domain.valueclass import valueclass

Unit = Literal["usd", "tokens", "input_tokens", "output_tokens", "requests", "concurrent"]
"""``usd`` counts nano-dollars; ``tokens`` input and output together; ``concurrent`` requests under way."""

Span = Literal["hour", "day", "week", "month", "year", "total"]
"""Of a calendar window. Weeks begin on Monday (ISO 8601); ``total`` never starts anew."""

Scope: TypeAlias = tuple[tuple[str, str], ...]
"""Whose traffic: ``(("team", "search"), ("model", "generate"))``, all of which must hold.

Kinds: ``org team user key provider model prompt`` and ``tag:<name>``. ``key`` is a key's id.
"""


@valueclass
class Window:
    """Over what time a meter counts.

    ``calendar``: from the start of the ``span`` in ``timezone`` (IANA name). ``rolling``: the last ``seconds``.
    ``now``: what is under way at this moment (``concurrent`` only).
    """

    kind: Literal["calendar", "rolling", "now"]
    span: Span = "total"
    seconds: int = 0
    timezone: str = "UTC"


SHARE = 10_000
"""Shares of a limit are whole ten-thousandths: 8000 is 80 %."""


@valueclass
class LadderStep:
    """What changes once ``at`` of the limit (ten-thousandths) is used up; exactly one of the rest is set."""

    at: int
    use: str | None = None
    """Serve this model of the catalogue instead."""
    max_output_tokens: int | None = None
    """Answers become no longer than this."""
    refuse: bool = False


@valueclass
class Meter:
    """One limit."""

    id: str
    """Unit, window and scope, but not the limit: a changed limit counts on from where the meter stands."""
    scope: Scope
    unit: Unit
    window: Window
    limit: int
    """Nano-dollars for ``usd``, a count for the others."""
    alert_at: tuple[int, ...] = ()
    """Shares at which an alert is sent, once per window."""
    ladder: tuple[LadderStep, ...] = ()
    """Ascending by ``at``."""
    when_down: Literal["deny", "allow"] = "deny"
    """What happens while the store cannot be reached."""
    allowance: int = 0
    """With ``allow``: how much each replica may grant during one outage, in the meter's unit."""
    guard: bool = False
    """A guard against runaways: its refusal says so."""


_UNESCAPED = "!\"#$'()*+,-./:;<>?@[\\]^_`{|}~"
"""Visible ASCII but ``& = %``, which keep the parts of an id apart."""


def meter_id(scope: Scope, unit: Unit, window: Window) -> str:
    """``usd:month:Europe/Berlin:team=search&model=generate``, ``requests:60s:key=k1``, ``concurrent:now:key=k1``.

    Different scopes have different ids: ``& = %``, spaces and what is not ASCII are escaped as in URLs.
    """
    match window.kind:
        case "calendar":
            when = window.span if window.timezone == "UTC" else f"{window.span}:{window.timezone}"
        case "rolling":
            when = f"{window.seconds}s"
        case _:
            when = "now"
    return f"{unit}:{when}:{scope_text(scope)}"


def scope_text(scope: Scope) -> str:
    """``team=search&model=generate``, in visible ASCII."""
    return "&".join([f"{_escaped(kind)}={_escaped(value)}" for kind, value in scope])


def _escaped(text: str) -> str:
    # Lone surrogates cannot come from JSON or headers, but an id is no place to fail.
    return quote(text, safe=_UNESCAPED, errors="surrogatepass")


def parse_meter_id(text: str) -> tuple[Scope, Unit, Window]:
    """What ``meter_id`` was made of. Raises ``ValueError``."""
    unit, _, rest = text.partition(":")
    when, _, rest = rest.partition(":")
    if unit not in get_args(Unit):
        raise ValueError(f"not a unit: {unit}")
    if when in get_args(Span):
        # A time zone holds no "=", and the only kind with a colon in it is that of a tag.
        zone, colon, after = rest.partition(":")
        named = colon and "=" not in zone and zone != "tag"
        window = Window("calendar", cast("Span", when), timezone=zone if named else "UTC")
        rest = after if named else rest
    elif when == "now":
        window = Window("now")
    else:
        if not when.endswith("s"):
            raise ValueError(f"not a window: {when}")
        window = Window("rolling", seconds=int(when[:-1]))
    parts = (part.partition("=") for part in rest.split("&") if part)
    return tuple((unquote(kind), unquote(value)) for kind, _, value in parts), cast("Unit", unit), window
