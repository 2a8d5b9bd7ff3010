"""The ledger's words as calls of the scripts, and their replies as words again. ``ledger`` sends what is made here.

``now_ms`` 0: the server's clock, which is what production uses; tests bring their own.
"""

from collections.abc import Sequence
from typing import Final, Literal, cast

from extproc.domain.ledger import Charge, Hold, HoldLine, HoldOrder, MeterState, Settlement
from extproc.domain.meters import SHARE, Meter, Window
from extproc.domain.valueclass import valueclass
from extproc.state.events import summary
from extproc.state.layout import bucket_ms, meter_name, root
from extproc.state.store import Call

ASK, OFFLINE, OPEN = 0, 1, 2
"""Modes of a hold: see ``scripts/hold.lua``."""

OWED: Final = frozenset({"hold", "settle", "close"})
"""Scripts of the steps that have to arrive: no others are in a journal."""

LASTING_MS: Final = 7 * 24 * 3600 * 1000
"""For how long a repetition of a journalled step is known: its journal may wait that long for somebody to find it."""

_KINDS = {"calendar": "c", "rolling": "r", "now": "n"}
_MAX_KNOWN = 20_000
"""Meters whose part of a call is kept ready; beyond it all are made anew."""
_AGAIN, _KEEP = 10, 11
"""Positions in the arguments of a settlement."""
_STATES, _PER_STATE = 6, 3
"""Where the lines begin in a hold's reply, and how many numbers each has."""

Fixed = tuple[str, str, str, str, str, str, str, str, str]
"""What a meter's line has in every order, as text: numbers are written out for each call that has them."""
What = Literal["again", "charged", "corrected", "orphan", "late"]
_WHAT: tuple[What, ...] = ("again", "charged", "corrected", "orphan", "late")


@valueclass
class Settled:
    """What became of a settlement. ``exceeded``: ids of meters charged with more than the bound."""

    expired: int
    what: What
    covered: bool
    exceeded: tuple[str, ...] = ()


class Steps:
    """Makes calls for one gateway's ledger. Durations in seconds; ``keep_events``: how many events are kept."""

    def __init__(self, prefix: str, *, hold_seconds: int = 60, keep_events: int = 1_000_000) -> None:
        self._keys = (root(prefix),)
        self._ttl = hold_seconds * 1000
        self._keep_events = keep_events
        # By the object's id, for hashing a meter takes longer than all the rest; the entry keeps the object alive.
        self._fixed: dict[int, tuple[Meter, int, int, Fixed]] = {}

    def hold(self, order: HoldOrder, *, mode: int = ASK, now_ms: int = 0) -> Call:
        """Take an order."""
        args: list[str | bytes | int] = [now_ms, order.id, self._ttl, order.output, order.floor, order.facts, mode]
        args.append(1 if order.others else 0)
        fixed = self._fixed
        for line in order.lines:
            meter = line.meter
            known = fixed.get(id(meter))
            if known is None or known[1] != line.start or known[2] != line.end or known[0] is not meter:
                known = self._remember(line)
            args.extend(known[3])
            gate, group = line.gate, line.group
            args.extend((line.fixed, line.per_output, -1 if gate is None else gate, group or ""))
        return Call("hold", self._keys, tuple(args))

    def _remember(self, line: HoldLine) -> tuple[Meter, int, int, Fixed]:
        if len(self._fixed) >= _MAX_KNOWN:
            self._fixed.clear()
        known = self._fixed[id(line.meter)] = (line.meter, line.start, line.end, _fixed(line))
        return known

    def settle(self, settlement: Settlement, *, ask: bool = False, again: bool = False, now_ms: int = 0) -> Call:
        """Charge an attempt. ``ask``: and tell whether the hold still covers another one."""
        charge = settlement.charge
        parties, failed = summary(settlement.event)
        args = (
            now_ms,
            settlement.hold_id,
            settlement.attempt,
            settlement.group,
            charge.usd,
            charge.input_tokens,
            charge.output_tokens,
            charge.requests,
            1 if settlement.final else 0,
            1 if settlement.closing else 0,
            1 if again else 0,
            0,
            self._keep_events,
            parties,
            1 if failed else 0,
            settlement.event,
            1 if ask else 0,
            1 if settlement.limitless else 0,
        )
        return Call("settle", self._keys, args)

    def cover(self, hold_id: str, attempts: Sequence[int], *, now_ms: int = 0) -> Call:
        """A further attempt is about to begin."""
        return Call("cover", self._keys, (now_ms, hold_id, self._ttl, *attempts))

    def close(self, hold_id: str, attempts: Sequence[int], *, unseen: bool = False, now_ms: int = 0) -> Call:
        """Admission has seen the end. ``unseen``: the grant has reached nobody."""
        return Call("close", self._keys, (now_ms, hold_id, 1 if unseen else 0, *attempts))

    def renew(self, hold_ids: Sequence[str], *, now_ms: int = 0) -> Call:
        """These are under way."""
        return Call("renew", self._keys, (now_ms, self._ttl, *hold_ids))

    def sweep(self, most: int, keep_events_ms: int, *, now_ms: int = 0) -> Call:
        """Charge holds that nobody renewed, and forget old events."""
        return Call("sweep", self._keys, (now_ms, most, self._ttl, keep_events_ms))

    def idle(self) -> list[Call]:
        """A call of each script that requests use, to no effect."""
        nobody = Settlement("", 1, "", Charge(), b"", final=True)
        none = Meter("", (), "concurrent", Window("now"), 0)
        refused = HoldOrder("", (HoldLine(none, 0, 0, 1),), 0, 0)
        return [
            self.hold(refused),
            self.settle(nobody, again=True),
            self.close("", ()),
            self.cover("", ()),
            self.renew(()),
            self.states(()),
        ]

    def states(self, meters: Sequence[tuple[Meter, int]], *, now_ms: int = 0) -> Call:
        """Ask where meters stand, each with the start of its window."""
        args: list[str | bytes | int] = [now_ms]
        for meter, start in meters:
            args.extend((meter_name(meter, start), _KINDS[meter.window.kind], bucket_ms(meter.window)))
        return Call("states", self._keys, tuple(args))


def _fixed(line: HoldLine) -> Fixed:
    meter = line.meter
    return (
        meter_name(meter, line.start),
        _KINDS[meter.window.kind],
        meter.unit,
        str(line.start),
        str(bucket_ms(meter.window)),
        str(line.end),
        str(meter.limit),
        _alerts(meter),
        "1" if meter.unit == "usd" and not meter.guard else "2",
    )


def _alerts(meter: Meter) -> str:
    """See ``scripts/books.lua``."""
    if not meter.alert_at:
        return ""
    shares = [(str(share), share) for share in meter.alert_at]
    shares += [("refuse", step.at) for step in meter.ladder if step.refuse][:1]
    return ";".join(f"{name}:{-(-meter.limit * share // SHARE)}" for name, share in shares)


def repeated(call: Call) -> Call:
    """The same settlement, sent before with an unknown outcome; other calls are the same the second time."""
    return _with(call, _AGAIN, 1) if call.script == "settle" else call


def lasting(call: Call) -> Call:
    """The same settlement, whose repetition is known for days: it was journalled."""
    return _with(call, _KEEP, LASTING_MS) if call.script == "settle" else call


def _with(call: Call, position: int, value: int) -> Call:
    return Call(call.script, call.keys, (*call.args[:position], value, *call.args[position + 1 :]))


def read_hold(reply: object) -> tuple[Hold, int]:
    """The answer to a hold, and how many others it found expired."""
    read = cast("list[int]", reply)
    states = tuple(
        [MeterState(read[at], read[at + 1], read[at + 2]) for at in range(_STATES, len(read), _PER_STATE)],
    )
    expired, granted, output, refused, gated = read[:5]
    left = cast("list[list[bytes]]", reply)[5]
    hold = Hold(
        granted == 1,
        output,
        states,
        None if refused < 0 else refused,
        gated == 1,
        frozenset([group.decode() for group in left]) if left else frozenset(),
    )
    return hold, expired


def read_settled(reply: object) -> Settled:
    """The answer to a settlement."""
    expired, what, covered, *exceeded = cast("list[int]", reply)
    names = tuple([name.decode() for name in cast("list[bytes]", exceeded)])
    return Settled(expired, _WHAT[what], covered == 1, names)


def read_covered(reply: object) -> bool | None:
    """The answer to ``cover``; None: an earlier attempt has yet to settle."""
    return {0: False, 1: True}.get(cast("list[int]", reply)[1])


def read_expired(reply: object) -> int:
    """How many expired holds any other step found."""
    return cast("list[int]", reply)[0]


def read_states(reply: object) -> list[MeterState]:
    """The answer to ``states``; no reset is told."""
    read = cast("list[int]", reply)
    return [MeterState(read[at], read[at + 1]) for at in range(0, len(read), 2)]
