"""The meters of ``books``: what is settled and held on each, in its window."""

from dataclasses import dataclass, field

from extproc.domain.ledger import HoldLine, Settlement
from extproc.domain.meters import SHARE, Unit
from extproc.domain.valueclass import valueclass
from extproc.state.layout import BUCKETS, bucket_ms, meter_name, whole_seconds


@dataclass(slots=True)
class Line:
    """A line of a hold. ``window``: the start of a calendar window, or the bucket of a rolling one."""

    key: str
    meter_id: str
    kind: str
    unit: Unit
    window: int
    width: int
    limit: int
    alerts: tuple[tuple[int, int], ...]
    group: str | None
    amount: int

    def counted(self, settlement: Settlement) -> int:
        """What a settlement comes to here."""
        if self.group is not None and self.group != settlement.group:
            return 0
        charge = settlement.charge
        amounts: dict[Unit, int] = {
            "usd": charge.usd,
            "tokens": charge.input_tokens + charge.output_tokens,
            "input_tokens": charge.input_tokens,
            "output_tokens": charge.output_tokens,
            "requests": charge.requests,
        }
        return amounts.get(self.unit, 0)


def line_of(wanted: HoldLine, output: int, bucket: int) -> Line:
    """The line that an order's line becomes with so many output tokens."""
    meter = wanted.meter
    return Line(
        meter_name(meter, wanted.start),
        meter.id,
        meter.window.kind[0],
        meter.unit,
        bucket if meter.window.kind == "rolling" else wanted.start,
        bucket_ms(meter.window),
        meter.limit,
        tuple((share, -(-meter.limit * share // SHARE)) for share in meter.alert_at),
        wanted.group,
        wanted.fixed + wanted.per_output * output,
    )


@dataclass(slots=True)
class Counter:
    """A meter's window. Rolling ones have buckets, and the first and last of them that has something."""

    settled: int = 0
    held: int = 0
    buckets: dict[int, int] = field(default_factory=dict[int, int])
    first: int | None = None
    last: int = 0
    alerted: dict[int | None, int] = field(default_factory=dict[int | None, int])
    """Share, None for a request that was turned away → the bucket in which it was told."""


@valueclass
class Stand:
    """Where the meter of an order's line stands. ``bucket``: of now."""

    line: HoldLine
    settled: int
    held: int
    bucket: int
    counter: Counter

    def reset(self, now: int, *, need: int | None = None) -> int:
        """Seconds until the window starts anew; of a rolling one, until so much (or something) has left it."""
        window = self.line.meter.window
        if window.kind == "calendar":
            return max(0, -((now - self.line.end * 1000) // 1000)) if self.line.end else 0
        first = self.counter.first
        if window.kind == "now" or first is None:
            return 0
        width = bucket_ms(window)
        whole = whole_seconds(window)
        if need is not None:
            for first in range(first, self.bucket + 1):  # noqa: B020  the first that leaves enough room
                need -= self.counter.buckets.get(first, 0)
                if need <= 0:
                    break
            else:
                return whole
        return max(1, min(whole, -((now - (first + BUCKETS + 1) * width) // 1000)))


class Counters:
    """All meters, and the alerts about them.

    Alerts are (key, share, settled, 0), or (key, None, held, needed) where a request was turned away.
    """

    def __init__(self) -> None:
        self.counters: dict[str, Counter] = {}
        self.alerts: list[tuple[str, int | None, int, int]] = []

    def get(self, key: str) -> Counter:
        """The meter, which begins at nothing."""
        return self.counters.setdefault(key, Counter())

    def stand(self, line: HoldLine, now: int) -> Stand:
        """Where the meter of an order's line stands."""
        counter = self.get(meter_name(line.meter, line.start))
        rolling = line.meter.window.kind == "rolling"
        bucket = _roll(counter, bucket_ms(line.meter.window), now) if rolling else 0
        return Stand(line, counter.settled, counter.held, bucket, counter)

    def take(self, line: Line) -> int:
        """Hold; what is held on the meter then."""
        counter = self.get(line.key)
        counter.held += line.amount
        return counter.held

    def turned_away(self, stand: Stand, floor: int) -> None:
        """An order's line had no room. Where its gate was in the way, only where the ladder says to refuse."""
        meter, used = stand.line.meter, stand.settled + stand.held
        gated = stand.line.gate is not None and used >= stand.line.gate
        refuses = any(step.refuse and used * SHARE >= meter.limit * step.at for step in meter.ladder)
        rolling = meter.window.kind == "rolling"
        if meter.alert_at and (refuses or not gated) and _is_first(stand.counter, None, stand.bucket, rolling=rolling):
            needs = 0 if gated else stand.line.fixed + stand.line.per_output * floor
            self.alerts.append((meter_name(meter, stand.line.start), None, stand.held, needs))

    def release(self, line: Line, amount: int) -> None:
        """Hold no more."""
        self.get(line.key).held -= amount

    def fits(self, line: Line, now: int) -> bool:
        """Whether the meter is within its limit."""
        counter = self.get(line.key)
        if line.kind == "r":
            _roll(counter, line.width, now)
        return counter.settled + counter.held <= line.limit

    def charge(self, line: Line, amount: int, now: int) -> None:
        """Add to what is settled, in the window in which the hold was taken; negative amounts correct it."""
        if line.kind == "n" or amount == 0:
            return
        counter = self.get(line.key)
        bucket = 0
        if line.kind == "r":
            current = _roll(counter, line.width, now)
            bucket = min(line.window, current)
            if bucket < current - BUCKETS:
                return
            amount = max(amount, -counter.buckets.get(bucket, 0))
            if amount == 0:
                return
            counter.buckets[bucket] = counter.buckets.get(bucket, 0) + amount
            counter.last = max(counter.last, bucket) if counter.first is not None else bucket
            counter.first = bucket if counter.first is None else min(counter.first, bucket)
            bucket = current
        counter.settled += amount
        if amount > 0:
            self._alert(line, counter, bucket)

    def _alert(self, line: Line, counter: Counter, bucket: int) -> None:
        for share, at in line.alerts:
            if counter.settled >= at and _is_first(counter, share, bucket, rolling=line.kind == "r"):
                self.alerts.append((line.key, share, counter.settled, 0))


def _is_first(counter: Counter, share: int | None, bucket: int, *, rolling: bool) -> bool:
    """Once a window; of rolling ones again when a whole one has passed."""
    last = counter.alerted.get(share)
    if last is not None and not (rolling and (bucket - last > BUCKETS or bucket < last - 1)):
        return False
    counter.alerted[share] = bucket
    return True


def _roll(counter: Counter, width: int, now: int) -> int:
    """Forget what has left the window; the bucket of now."""
    current = now // width
    if counter.first is None:
        return current
    if current < counter.last - 1:
        # The clock was set back. All of it counts as charged now: for longer than it should, but not for ever.
        counter.buckets = {current: counter.settled}
        counter.first = counter.last = current
    current = max(current, counter.last)
    live_from = current - BUCKETS
    if counter.first < live_from:
        counter.buckets = {bucket: amount for bucket, amount in counter.buckets.items() if bucket >= live_from}
        counter.settled = sum(counter.buckets.values())
        counter.first = live_from if counter.last >= live_from else None
    return current
