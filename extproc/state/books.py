"""The steps of ``scripts/*.lua`` in plain Python: what the ledger means, to read, and to compare the scripts with.

``memory`` makes a ledger of it. Every method is one atomic step at a time ``now``, in Unix milliseconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from extproc.domain.ledger import Charge, Hold, HoldOrder, MeterState, Settlement
from extproc.domain.valueclass import valueclass
from extproc.state.counters import Counters, Line, line_of
from extproc.state.deciding import decide, without_room

GRACE_ADMISSION_MS = 5000
"""Once admission has seen the end, attempts settle within moments."""
GRACE_ATTEMPT_MS = 30_000
"""Admission's end is told by Envoy; where the worker with admission was killed, it never comes."""
KEEP_SETTLED_MS = 600_000
"""For how long a repetition is known."""
KEEP_EXPIRED_MS = 3_600_000
"""For how long what was charged at the bound can be corrected."""
COMING_MS = 60_000
"""For how long a request without limits, of which an attempt has settled, may be without the order that it began with."""
KEEP_OFFLINE_MS = 7 * 86_400_000
"""As the journal, in which an order granted offline may be, is sent again when somebody finds it."""
SWEEP = 20
"""Rows per step."""


@valueclass
class Entry:
    """A usage event as it was written. ``change``: usd, input and output tokens where they are not the event's own."""

    event: bytes
    state: str = ""
    change: tuple[int, int, int] | None = None


@dataclass(slots=True)
class Row:
    """A hold, or what is left of one: ``state`` is empty while it is held, then ``expired`` or ``gone``."""

    lines: list[Line]
    facts: bytes
    granted: int
    left: frozenset[str]
    offline: bool
    settled: list[int] = field(default_factory=list[int])
    known: set[int] = field(default_factory=set[int])
    admission: bool = False
    closing: bool = False
    final: bool = False
    state: str = ""
    bound: Charge = field(default_factory=Charge)
    expiry: int = 0
    keep: int = 0
    forgotten_at: int = 0
    sent: bool = False
    """An attempt reached a provider."""
    counted: bool = False
    """As a request: once, however many attempts it had."""
    coming: bool = False
    """Settled before it was taken: the order has no lines, and is on its way from another process."""
    unheld: list[Settlement] = field(default_factory=list[Settlement])
    """Settled before a hold that was granted offline, by another process, has come."""

    def complete(self) -> bool:
        """Whether every attempt that somebody knows of has settled."""
        return self.known.issubset(self.settled)


@valueclass
class Outcome:
    """What became of a settlement: ``again charged corrected orphan late``, and meters charged beyond the bound."""

    what: str
    covered: bool
    exceeded: tuple[str, ...] = ()


class Books:
    """Meters, holds and events."""

    def __init__(self, hold_seconds: int = 60) -> None:
        self._ttl = hold_seconds * 1000
        self.counters = Counters()
        self.rows: dict[str, Row] = {}
        self.markers: dict[str, Row] = {}
        self.events: list[Entry] = []
        self.found: list[bytes] = []
        """Events of orphans whose hold has come after all."""

    # -- steps --------------------------------------------------------------------------------------------------------

    def hold(self, order: HoldOrder, now: int, *, ask: bool = True, offline: bool = False) -> Hold:
        """Take an order; not ``ask``: whether it fits or not."""
        self._sweep(now, SWEEP)
        stands = [self.counters.stand(line, now) for line in order.lines]
        row = self.rows.get(order.id) or (None if ask else self._marker(order.id, now))
        if row is not None and row.coming and not row.state:
            row.facts, row.coming = order.facts, False
        early = row.unheld if row is not None and offline else []
        if row is not None and not early:
            states = tuple(MeterState(each.settled, each.held, each.reset(now)) for each in stands)
            return Hold(True, row.granted, states, left_out=row.left)
        verdict = decide(order, stands, now, ask=ask)
        for stand in without_room(order, stands) if ask else ():
            self.counters.turned_away(stand, min(order.floor, order.output))
        if not verdict.granted:
            return verdict
        lines: list[Line] = []
        states = list(verdict.states)
        for index, (wanted, stand) in enumerate(zip(order.lines, stands, strict=True)):
            if wanted.group in verdict.left_out:
                continue
            line = line_of(wanted, verdict.output, stand.bucket)
            held = self.counters.take(line)
            states[index] = MeterState(states[index].settled, held, states[index].reset_seconds)
            lines.append(line)
        taken = self.rows[order.id] = Row(
            lines,
            order.facts,
            verdict.output,
            verdict.left_out,
            offline,
            expiry=now + self._ttl,
            keep=KEEP_OFFLINE_MS if offline else 0,
        )
        if early:
            self._settle_early(order.id, taken, early, now)
        return Hold(True, verdict.output, tuple(states), left_out=verdict.left_out)

    def settle(self, settlement: Settlement, now: int, *, again: bool = False, keep: int = 0) -> Outcome:
        """Charge an attempt."""
        self._sweep(now, SWEEP)
        hold_id = settlement.hold_id
        row = self.rows.get(hold_id) or self._marker(hold_id, now)
        if row is None and settlement.limitless and not again:
            row = Row([], settlement.event, 0, frozenset(), offline=False, expiry=now + COMING_MS, coming=True)
            self.rows[hold_id] = row
        if row is None:
            return self._orphan(settlement, now, again=again, keep=keep)
        if settlement.attempt in row.settled:
            return Outcome("again", self._covered(row, now))
        row.settled.append(settlement.attempt)
        row.sent |= settlement.charge.requests > 0
        row.closing |= settlement.closing
        row.final |= settlement.final
        if row.state == "expired":
            return self._settle_expired(hold_id, row, settlement, now, keep)
        counts = row.sent and _last(settlement)
        settlement = _with_requests(settlement, counts and not (row.counted and row.state))
        row.counted |= counts
        over = settlement.final or (row.admission and row.closing and row.complete())
        exceeded = self._charge(row, settlement, now, over=over)
        if row.state:
            if row.unheld:
                row.unheld.append(_with_requests(settlement, counts))
            self._remember(hold_id, row, now, max(row.keep, keep))
            late = "late" if row.lines else "orphan"
            self.events.append(Entry(settlement.event, late))
            return Outcome(late, covered=False)
        self.events.append(Entry(settlement.event, "offline" if row.offline else ""))
        if over:
            self._bury(hold_id, row, now, keep)
        else:
            row.keep = max(keep, row.keep)
            if settlement.closing and not row.admission:
                row.expiry = now + GRACE_ATTEMPT_MS
        return Outcome("charged", self._covered(row, now), exceeded)

    def close(self, hold_id: str, attempts: Iterable[int], now: int, *, unseen: bool = False) -> None:
        """Admission has seen the end. ``unseen``: the hold's grant has reached nobody."""
        self._sweep(now, SWEEP)
        row = self.rows.get(hold_id) or self._marker(hold_id, now)
        if row is None or row.state == "gone":
            return
        row.admission = True
        row.known.update(attempts)
        if not row.state:
            if unseen or (row.closing and row.complete()):
                self._release(row)
                self._bury(hold_id, row, now, row.keep)
            else:
                row.expiry = now + GRACE_ADMISSION_MS
        elif row.complete():
            for line in row.lines:
                remains = int(row.sent and line.unit == "requests" and line.group is None)
                self.counters.charge(line, remains - line.amount, now)
                line.amount = 0
            self.events.append(Entry(row.facts, "corrected", _change(Charge(), row.bound)))
            row.state = "gone"
            self._remember(hold_id, row, now, row.keep)
        else:
            self._remember(hold_id, row, now, row.keep)

    def cover(self, hold_id: str, attempts: Sequence[int], now: int) -> bool | None:
        """A further attempt is about to begin; None: one of these earlier ones has yet to settle."""
        self._sweep(now, SWEEP)
        row = self.rows.get(hold_id)
        if row is None or row.admission:
            return False
        if not set(attempts) <= set(row.settled):
            return None
        if not self._covered(row, now):
            return False
        row.closing = False
        row.expiry = now + self._ttl
        return True

    def renew(self, hold_ids: Sequence[str], now: int) -> int:
        """These are under way; how many of them are not there (any more)."""
        missing = 0
        for hold_id in hold_ids:
            row = self.rows.get(hold_id)
            if row is None:
                missing += 1
            elif not row.admission:
                row.closing = False
                row.expiry = now + self._ttl
        self._sweep(now, SWEEP)
        return missing

    def sweep(self, most: int, now: int) -> None:
        """Charge what nobody renewed, at its bound."""
        for row in self.rows.values():
            row.expiry = min(row.expiry, now + self._ttl)
        self._sweep(now, most)

    # -- parts --------------------------------------------------------------------------------------------------------

    def _sweep(self, now: int, most: int) -> None:
        expired = sorted((row.expiry, hold_id) for hold_id, row in self.rows.items() if row.expiry <= now)
        for _, hold_id in expired[:most]:
            self._expire(hold_id, now)

    def _expire(self, hold_id: str, now: int) -> None:
        row = self.rows[hold_id]
        if (row.admission or row.closing) and row.complete():
            self._release(row)
            self._bury(hold_id, row, now, 0)
            return
        row.bound = _bound(row)
        for line in row.lines:
            self.counters.release(line, line.amount)
            self.counters.charge(line, line.amount, now)
        del self.rows[hold_id]
        row.state, row.counted = "expired", True
        self._remember(hold_id, row, now, max(row.keep, KEEP_EXPIRED_MS))
        self.events.append(Entry(row.facts, "expired", _change(row.bound, Charge())))

    def _settle_early(self, hold_id: str, row: Row, early: Sequence[Settlement], now: int) -> None:
        """Charge what was settled before the hold came."""
        marker = self.markers.pop(hold_id)
        row.settled, row.sent, row.counted = marker.settled, marker.sent, marker.counted
        for settlement in early:
            row.final |= settlement.final
            row.closing |= settlement.closing
            self.found.append(settlement.event)
            for line in row.lines:
                self._charge_line(line, settlement, now)
        if row.final:
            self._release(row)
            self._bury(hold_id, row, now, row.keep)
        elif row.closing:
            row.expiry = now + GRACE_ATTEMPT_MS

    def _orphan(self, settlement: Settlement, now: int, *, again: bool, keep: int) -> Outcome:
        if again:
            return Outcome("again", covered=False)
        row = Row([], b"", 0, frozenset(), offline=False, settled=[settlement.attempt], state="gone")
        row.sent = settlement.charge.requests > 0
        row.counted = row.sent and _last(settlement)
        row.unheld = [_with_requests(settlement, row.counted)]
        self._remember(settlement.hold_id, row, now, max(keep, KEEP_OFFLINE_MS))
        self.events.append(Entry(settlement.event, "orphan"))
        return Outcome("orphan", covered=False)

    def _settle_expired(self, hold_id: str, row: Row, settlement: Settlement, now: int, keep: int) -> Outcome:
        over = settlement.final or settlement.closing or (row.admission and row.complete())
        settlement = _with_requests(settlement, over and row.sent)
        for line in row.lines:
            back = line.amount if over else 0
            self.counters.charge(line, line.counted(settlement) - back, now)
            line.amount -= back
        self._remember(hold_id, row, now, max(row.keep, keep))
        if not over:
            self.events.append(Entry(settlement.event, "late"))
            return Outcome("late", covered=False)
        row.state = "gone"
        self.events.append(Entry(settlement.event, "corrected", _change(settlement.charge, row.bound)))
        return Outcome("corrected", covered=False)

    def _charge(self, row: Row, settlement: Settlement, now: int, *, over: bool) -> tuple[str, ...]:
        exceeded: list[str] = []
        for line in row.lines:
            beyond = line.counted(settlement) > line.amount and line.kind != "n" and line.unit != "requests"
            if beyond and not row.state:
                exceeded.append(line.meter_id)
            if row.state:
                self.counters.charge(line, line.counted(settlement), now)
            else:
                self._charge_line(line, settlement, now)
            if over:
                self.counters.release(line, line.amount)
                line.amount = 0
        return tuple(exceeded)

    def _charge_line(self, line: Line, settlement: Settlement, now: int) -> None:
        """Of a hold that lives. A request counts once on each line, which then holds nothing more."""
        amount = line.counted(settlement)
        if line.unit == "requests":
            amount = min(amount, line.amount)
            self.counters.release(line, amount)
            line.amount -= amount
        self.counters.charge(line, amount, now)

    def _covered(self, row: Row, now: int) -> bool:
        return not row.state and all(self.counters.fits(line, now) for line in row.lines)

    def _release(self, row: Row) -> None:
        for line in row.lines:
            self.counters.release(line, line.amount)
            line.amount = 0

    def _bury(self, hold_id: str, row: Row, now: int, keep: int) -> None:
        del self.rows[hold_id]
        row.state = "gone"
        if row.sent and not row.counted:
            row.counted = True  # all attempts failed, and none of them knew that it was the last
            for line in row.lines:
                if line.unit == "requests" and line.group is None:
                    self.counters.charge(line, 1, now)
        if row.final and len(row.settled) == max(row.settled):
            row.lines = []  # attempts count from 1: all have settled, none can be late
        self._remember(hold_id, row, now, max(keep, row.keep, KEEP_SETTLED_MS))

    def _remember(self, hold_id: str, row: Row, now: int, keep: int) -> None:
        row.keep = keep
        row.forgotten_at = now + keep
        self.markers[hold_id] = row

    def _marker(self, hold_id: str, now: int) -> Row | None:
        row = self.markers.get(hold_id)
        if row is not None and row.forgotten_at <= now:
            del self.markers[hold_id]
            return None
        return row


def _bound(row: Row) -> Charge:
    """Of tokens that only a meter of both kinds bounds, those that no meter of outputs tells count as input."""

    def most(unit: str) -> int | None:
        return max((line.amount for line in row.lines if line.unit == unit), default=None)

    tokens, output = most("tokens") or 0, most("output_tokens")
    given = most("input_tokens")
    spent = max(tokens - (output or 0), 0) if given is None else given
    return Charge(most("usd") or 0, spent, max(tokens - spent, 0) if output is None else output, 1)


def _last(settlement: Settlement) -> bool:
    """Behind the last attempt that anybody knows of, the request is counted."""
    return settlement.final or settlement.closing


def _with_requests(settlement: Settlement, counts: bool) -> Settlement:  # noqa: FBT001  the charge's one flag
    return replace(settlement, charge=replace(settlement.charge, requests=int(counts)))


def _change(to: Charge, of: Charge) -> tuple[int, int, int]:
    return to.usd - of.usd, to.input_tokens - of.input_tokens, to.output_tokens - of.output_tokens
