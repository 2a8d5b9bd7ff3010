"""Money before the call: which meters count a request, what it may come to at most, and the hold on all of them.

Admission asks for a booking once it knows the model; the answer is the course that the budgets allow: the model asked,
or a cheaper one, with the output that can be paid for. Counterpart: ``extproc.phases.settlement``, behind the call.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from functools import partial

from extproc.config.snapshot import Model, Snapshot, Target
from extproc.domain.errors import BudgetExceeded, GatewayError
from extproc.domain.ledger import Hold, HoldLine, HoldOrder, MeterState, UsageEvent
from extproc.domain.meters import Meter
from extproc.domain.reading import JsonObject
from extproc.domain.valueclass import valueclass
from extproc.phases.ports import Dice, Ledger
from extproc.phases.worst import Reckoner, Reckoning
from extproc.policy.ladder import Course, descend
from extproc.policy.meters import MeterBook, Principal, Subject, Worst, hold_line
from extproc.policy.room import no_room, stepped_down
from extproc.policy.windows import Windows
from extproc.state.events import encode_event

_MAX_STEPS = 16
"""Ladders of several meters may be heeded one after the other; more rounds are a mistake in them."""
_MAX_KNOWN = 10_000
"""Kinds of requests whose meters are remembered; beyond it all are looked up anew."""
_BOUGHT = frozenset({"usd", "tokens", "input_tokens", "output_tokens"})
"""Units for which the size of a request matters."""

_FREE: Mapping[str | None, Worst] = {None: Worst(0, 0, 0, 0, 1)}
"""The worst case where only requests are counted."""


@valueclass
class Wanted:
    """What admission knows of a request. ``chain``: the targets of a model, in the order of the attempts."""

    request_id: str
    who: Principal
    model: Model
    chain: Callable[[Model], tuple[Target, ...]]
    parsed: JsonObject
    body: bytes
    dialect: str
    operation: str
    tags: Mapping[str, str]
    end_user: str | None
    stream: bool
    now_ns: int


@valueclass
class Booking:
    """What a request may do. ``hold_id`` empty: nothing is booked anywhere."""

    model: Model
    targets: tuple[Target, ...]
    hold_id: str = ""
    output_limit: int | None = None
    """No answer may be longer; None: as the client says. Tokens of each alternative."""
    clamped: bool = False
    """The limit is below what the client asked for, or would have got."""
    ladder: str = ""
    """The steps of ladders that say so: see ``Course.told``."""
    lines: tuple[HoldLine, ...] = ()
    states: tuple[MeterState, ...] = ()
    """Where the meters stand; empty where none could tell."""


class NoRoom(Exception):
    """A refusal, with the meters it rests on, for the client's headers."""

    def __init__(self, error: GatewayError, lines: Sequence[HoldLine], states: Sequence[MeterState]) -> None:
        super().__init__(error.message)
        self.error = error
        self.lines = tuple(lines)
        self.states = tuple(states)


@valueclass
class _Counted:
    """The meters of a kind of request, each with its group, and what follows of them alone."""

    who: Principal
    """By whose objects the kind is known: they live as long as this does, so nobody else gets their ids."""
    meters: Sequence[tuple[Meter, str | None]]
    groups: frozenset[str | None]
    budgets: frozenset[str | None]
    """Groups with a budget."""
    bought: bool
    """The size of a request matters."""


@valueclass
class _Plan:
    """One order, and what it was made of."""

    order: HoldOrder
    targets: tuple[Target, ...]
    lowered: bool
    """The output, by a ladder."""


@valueclass
class Bookkeeper:
    """Makes bookings; one for all requests of a configuration."""

    snapshot: Snapshot
    meters: MeterBook
    reckoner: Reckoner
    windows: Windows
    ledger: Ledger
    dice: Dice
    _known: dict[tuple[object, ...], _Counted] = field(
        default_factory=dict[tuple[object, ...], _Counted], init=False, repr=False, compare=False
    )

    def book(self, wanted: Wanted) -> tuple[str, Booking | Callable[[], Awaitable[Booking]]]:
        """The hold's id, at once, and the booking, or where there is a meter what asks the store for it.

        Raises, or the awaitable does, ``NoRoom``, ``UnknownPrice``, ``UnboundedCost`` or ``StoreUnavailable``.
        """
        hold_id = self.dice.new_id()
        plan = self._plan(wanted, Course(wanted.model.name), hold_id)
        if not plan.order.lines:
            self.ledger.open(plan.order)
            return hold_id, Booking(wanted.model, plan.targets, hold_id)
        return hold_id, partial(self._take, wanted, plan)

    async def _take(self, wanted: Wanted, plan: _Plan) -> Booking:
        course = Course(wanted.model.name)
        for _ in range(_MAX_STEPS):
            hold = await self.ledger.hold(plan.order)
            if hold.granted:
                return self._granted(wanted, course, plan, hold)
            assert hold.refused_by is not None
            line, state = plan.order.lines[hold.refused_by], hold.states[hold.refused_by]
            swaps = wanted.operation == "chat"
            lower = descend(course, line.meter, state, swaps=swaps) if hold.gated else None
            if lower is None or not self._serves(lower.model):
                raise NoRoom(self._refusal(line, state, plan.order, gated=hold.gated), plan.order.lines, hold.states)
            course = lower
            plan = self._plan(wanted, course, plan.order.id)
        raise NoRoom(BudgetExceeded("The ladders of the budgets lead nowhere. Ask the platform team."), (), ())

    def _model(self, wanted: Wanted, course: Course) -> Model:
        """The model of a course. What was asked for need not be in the catalogue: files are a provider's."""
        return wanted.model if course.model == wanted.model.name else self.snapshot.models[course.model]

    def _serves(self, model: str) -> bool:
        found = self.snapshot.models.get(model)
        return found is not None and found.enabled

    def _refusal(self, line: HoldLine, state: MeterState, order: HoldOrder, *, gated: bool) -> GatewayError:
        status = self.snapshot.money.budget_status
        if gated:
            return stepped_down(line, budget_status=status)
        asked = line.fixed + line.per_output * order.floor
        return no_room(line, state, wanted=asked, budget_status=status)

    def _granted(self, wanted: Wanted, course: Course, plan: _Plan, hold: Hold) -> Booking:
        short = hold.output < plan.order.output or plan.lowered
        changed = plan.lowered or course.model != wanted.model.name
        return Booking(
            model=self._model(wanted, course),
            targets=tuple(target for target in plan.targets if target.provider not in hold.left_out),
            hold_id=plan.order.id,
            # Said to the attempts in any case: providers differ in how they want to be told.
            output_limit=hold.output if plan.order.output else None,
            clamped=short,
            ladder=course.told if changed else "",
            lines=plan.order.lines,
            states=hold.states,
        )

    # -- the order ----------------------------------------------------------------------------------------------------

    def _plan(self, wanted: Wanted, course: Course, hold_id: str) -> _Plan:
        targets = wanted.chain(self._model(wanted, course))
        counted = self._counted(wanted, course.model, targets)
        if counted.bought:
            reckoned = self.reckoner.reckon(
                wanted.parsed,
                wanted.body,
                wanted.dialect,
                targets,
                operation=wanted.operation,
                budgets=counted.budgets,
                now_ns=wanted.now_ns,
            )
        else:
            reckoned = Reckoning(targets, _FREE, 0)
        return self._ordered(wanted, course, hold_id, counted, reckoned)

    def _counted(self, wanted: Wanted, model: str, targets: Sequence[Target]) -> _Counted:
        """Looking meters up takes as long as everything else about a small request: remembered, but where prompts count."""
        who, prompt = wanted.who, self._prompt(wanted)
        # Who brings a key of its own to a provider does not use our account there.
        accounts = tuple(dict.fromkeys([t.provider for t in targets if not who.brings(t.provider)]))
        kind = (id(who.key), *map(id, who.parties), model, accounts, *wanted.tags.items())
        known = self._known.get(kind) if prompt is None else None
        if known is not None:
            return known
        meters = self.meters.applicable(who, Subject(model, accounts, wanted.tags, prompt))
        found = _Counted(
            who,
            meters,
            groups=frozenset(group for _, group in meters),
            budgets=frozenset(group for meter, group in meters if _is_budget(meter)),
            bought=any(meter.unit in _BOUGHT for meter, _ in meters),
        )
        if prompt is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[kind] = found
        return found

    def _ordered(
        self,
        wanted: Wanted,
        course: Course,
        hold_id: str,
        counted: _Counted,
        reckoned: Reckoning,
    ) -> _Plan:
        kept, wished, most = {t.provider for t in reckoned.targets}, reckoned.output, course.max_output_tokens
        output = wished if most is None else min(wished, most)
        meters = [(m, g) for m, g in counted.meters if g is None or g in kept]
        order = HoldOrder(
            hold_id,
            self._lines(meters, reckoned.worst, course, wanted.now_ns),
            output,
            min(output, max(self.snapshot.money.output_floor, reckoned.least)),
            self._facts(wanted, self._model(wanted, course), reckoned.targets[0], hold_id),
            others=not kept <= counted.groups,
        )
        return _Plan(order, reckoned.targets, lowered=output < wished)

    def _lines(
        self,
        meters: Sequence[tuple[Meter, str | None]],
        worst: Mapping[str | None, Worst],
        course: Course,
        now_ns: int,
    ) -> tuple[HoldLine, ...]:
        common, windows, climbed = worst[None], self.windows, bool(course.honoured)
        return tuple(
            [
                hold_line(
                    meter,
                    group,
                    worst.get(group, common),
                    windows,
                    now_ns=now_ns,
                    honoured=course.steps_honoured(meter) if climbed else 0,
                )
                for meter, group in meters
            ]
        )

    def _prompt(self, wanted: Wanted) -> str | None:
        """A digest of the request by which it is known again, where a guard asks for it; of no use without the key."""
        if not self.meters.wants_prompt(wanted.who):
            return None
        secret = wanted.who.key.sha256.encode()[:64]
        return hashlib.blake2b(wanted.body, digest_size=12, key=secret).hexdigest()

    def _facts(self, wanted: Wanted, model: Model, target: Target, hold_id: str) -> bytes:
        """What the ledger writes should nobody ever settle."""
        who = wanted.who
        return encode_event(
            UsageEvent(
                hold_id=hold_id,
                attempt=0,
                request_id=wanted.request_id,
                time_ns=wanted.now_ns,
                key=who.key.name,
                key_id=who.key.id,
                org=who.org,
                team=who.key.team,
                user=who.key.user,
                end_user=wanted.end_user,
                tags=wanted.tags,
                model=model.name,
                provider=target.provider,
                provider_model=target.model,
                client_dialect=wanted.dialect,
                stream=wanted.stream,
                outcome="gateway:never_settled",
                estimated=True,
            )
        )


def _is_budget(meter: Meter) -> bool:
    """A guard is there to see loops; it does not forbid what has no price."""
    return meter.unit == "usd" and not meter.guard
