"""Meters, orders and settlements for tests of the ledger, and somebody who watches it."""

from collections import Counter

from extproc.domain.ledger import Charge, HoldLine, HoldOrder, Settlement, UsageEvent
from extproc.domain.meters import Meter, Unit, Window, meter_id
from extproc.state.events import encode_event

MONTH = Window("calendar", "month", timezone="Europe/Berlin")
MINUTE = Window("rolling", seconds=60)
NOW = Window("now")
START, END = 1_793_487_600, 4_000_000_000
"""Of a month that has not ended yet."""


class Watch:
    """Counts what a ledger tells: see ``extproc.state.ledger.Observer``."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def store_down(self) -> None:
        self.seen["down"] += 1

    def store_up(self) -> None:
        self.seen["up"] += 1

    def late(self, kind: str, count: int = 1) -> None:
        self.seen[kind] += count

    def queue(self, length: int) -> None:
        self.seen["longest queue"] = max(length, self.seen["longest queue"])

    def expired(self, count: int) -> None:
        self.seen["expired"] += count

    def bound_exceeded(self, meter_id: str) -> None:
        self.seen[f"exceeded {meter_id}"] += 1


def meter(kind: str, value: str, unit: Unit, window: Window, limit: int, **more) -> Meter:
    scope = ((kind, value),)
    return Meter(meter_id(scope, unit, window), scope, unit, window, limit, **more)


def line(on: Meter, fixed: int, per_output: int = 0, *, gate: int | None = None, group: str | None = None) -> HoldLine:
    calendar = on.window.kind == "calendar" and on.window.span != "total"
    return HoldLine(on, START if calendar else 0, END if calendar else 0, fixed, per_output, gate, group)


def order(ident: str, *lines: HoldLine, output: int = 0, floor: int = 0, others: bool = False) -> HoldOrder:
    return HoldOrder(ident, lines, output, floor, event(ident, 0, outcome="gateway:never_settled"), others)


def event(ident: str, attempt: int, *, usd: int = 0, tokens: int = 0, outcome: str = "ok", **more: str) -> bytes:
    return encode_event(
        UsageEvent(
            hold_id=ident,
            attempt=attempt,
            request_id=f"r-{ident}",
            time_ns=1_793_500_000_000_000_000,
            key=more.get("key", "ci"),
            key_id=more.get("key", "k1"),
            org="acme",
            team=more.get("team", "search"),
            model=more.get("model", "generate"),
            provider=more.get("provider", "A"),
            provider_model="m1",
            client_dialect="openai",
            stream=True,
            outcome=outcome,
            usd=usd,
            input_tokens=tokens,
        )
    )


def settlement(
    ident: str, attempt: int = 1, *, usd: int = 0, tokens: int = 0, end: str = "final", group: str = "A", **more: str
) -> Settlement:
    charge = Charge(usd, tokens, 0, int(end == "final"))
    written = event(ident, attempt, usd=usd, tokens=tokens, provider=group, **more)
    return Settlement(ident, attempt, group, charge, written, end == "final", end == "closing")
