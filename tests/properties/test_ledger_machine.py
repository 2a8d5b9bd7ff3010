"""The scripts on a real redis-server and the plain books say the same, whatever happens in whatever order.

Beside the comparison some claims are checked on their own: what is held is what live rows hold; what is settled on the
meter that every order has is the sum of the usage events; no order makes a meter exceed its limit.
"""

import asyncio
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from extproc.config import snapshot
from extproc.domain.ledger import Charge, HoldLine, HoldOrder, Settlement
from extproc.domain.meters import LadderStep, Meter, Window, meter_id
from extproc.state import layout
from extproc.state.books import Books, Row
from extproc.state.embedded import server_program
from extproc.state.steps import ASK, OFFLINE, OPEN, Steps, read_hold, read_settled, read_states
from extproc.state.store import Call, Store, connect

HOLD_SECONDS = 60
T0 = 1_750_000_000_000
MONTH = Window("calendar", "month")


def _meter(kind: str, value: str, unit, window: Window, limit: int, **more) -> Meter:
    scope = ((kind, value),)
    return Meter(meter_id(scope, unit, window), scope, unit, window, limit, **more)


BIG = 9_000_000_000_000_000
"""Close to 2^53: amounts that a float with 14 digits would spoil."""
TOTAL = _meter("org", "acme", "usd", Window("calendar"), BIG)
REFUSING = (LadderStep(300, max_output_tokens=1), LadderStep(1500, refuse=True))
METERS = [
    _meter("team", "a", "usd", MONTH, 10_000, alert_at=(5000, 8000), ladder=REFUSING),
    _meter("key", "k", "tokens", Window("rolling", seconds=60), 800, alert_at=(5000,), ladder=REFUSING),
    _meter("key", "k", "output_tokens", Window("rolling", seconds=7), 300),
    _meter("key", "k", "requests", Window("rolling", seconds=3600), 12),
    _meter("key", "k", "concurrent", Window("now"), 4),
    _meter("user", "u", "input_tokens", MONTH, 2000, alert_at=(9000,), ladder=REFUSING),
    _meter("key", "k", "usd", Window("rolling", seconds=60), 5000, guard=True),
]
GROUPED = [_meter("provider", "A", "usd", MONTH, 400, alert_at=(9000,)), _meter("provider", "B", "requests", MONTH, 1)]
JUMPS = [200, 1000, 5000, 20_000, 30_000, 59_999, 61_000, 90_000, 1_800_000, -1, -900, -2000, -30_000, -86_400_000]
"""Milliseconds: edges of graces and windows, and clocks set ahead and back."""
WINDOWS = [0, 1_749_000_000, 1_750_000_100]
"""Starts of months: one that has begun, the next one. (Which of them a request is in, its worker says.)"""


class _Server:
    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "s"
        argv = [server_program(), "--port", "0", "--unixsocket", self.path, "--save", "", "--dir", self.folder.name]
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not self.path.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        self.runner = asyncio.Runner()
        self.store: Store = connect(snapshot.Store(url=snapshot.Secret(f"unix://{self.path}")))

    def call(self, call: Call) -> object:
        (reply,) = self.runner.run(self.store.run([call]))
        assert not isinstance(reply, Exception), reply
        return reply

    def command(self, *words: object):
        return self.runner.run(self.store.client.execute_command(*words))

    def close(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


@pytest.fixture(scope="module")
def server() -> Iterator[_Server]:
    running = _Server()
    yield running
    running.close()


class _Patient(Books):
    """Remembers ended holds until told otherwise: the server lets them go by its own clock, which is not the test's."""

    def _marker(self, hold_id: str, now: int) -> Row | None:
        return self.markers.get(hold_id)


amounts = st.sampled_from([0, 1, 100, 400, 2000]) | st.integers(0, 400)

latest = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5])
"""How many holds ago."""


class LedgerMachine(RuleBasedStateMachine):
    """Both books, side by side. Rules pick among the latest holds, which are likely to live."""

    server: ClassVar[_Server]

    @initialize()
    def begin(self) -> None:
        self.server.command("FLUSHALL")
        self.books = _Patient(HOLD_SECONDS)
        self.steps = Steps("llmgw", hold_seconds=HOLD_SECONDS)
        self.now = T0
        self.count = 0
        self.ids: list[str] = []
        self.attempts: dict[str, int] = {}
        self.orders: dict[str, HoldOrder] = {}
        self.used: set[tuple[Meter, int]] = set()
        self.event = 0

    # -- time ---------------------------------------------------------------------------------------------------------

    @rule(ms=st.one_of(st.integers(1, 3000), st.sampled_from(JUMPS)))
    def pass_time(self, ms: int) -> None:
        self.now += ms

    # -- holds --------------------------------------------------------------------------------------------------------

    @rule(
        picked=st.lists(st.sampled_from(METERS), unique_by=id, max_size=4),
        grouped=st.sampled_from([[], GROUPED[:1], GROUPED[1:], GROUPED]),
        fixed=amounts,
        per=st.integers(0, 12),
        output=st.integers(0, 120),
        floor=st.integers(0, 60),
        gate=st.sampled_from([None, None, None, 0, 400, 2000]),
        start=st.sampled_from(WINDOWS[1:]),
        others=st.booleans(),
        mode=st.sampled_from([ASK, ASK, ASK, OFFLINE]),
    )
    def hold(self, picked, grouped, fixed, per, output, floor, gate, start, others, mode):
        self.count += 1
        lines = [self._line(meter, fixed, per, start, None, None) for meter in [TOTAL, *picked]]
        if gate is not None:
            lines[-1] = self._line(lines[-1].meter, fixed, per, start, gate, None)
        lines += [self._line(meter, fixed, per, start, None, meter.scope[0][1]) for meter in grouped]
        facts = orjson.dumps({"key_id": "k", "model": "m|x", "id": self.count})
        order = HoldOrder(f"h{self.count}", tuple(lines), output, floor, facts, others)
        self.orders[order.id] = order
        self._hold(order, mode)
        self.ids.append(order.id)

    def _line(self, meter: Meter, fixed: int, per: int, start: int, gate: int | None, group: str | None) -> HoldLine:
        calendar = meter.window.kind == "calendar" and meter.window.span != "total"
        if meter.unit in {"requests", "concurrent"}:
            fixed, per = 1, 0
        begin = start if calendar else 0
        self.used.add((meter, begin))
        return HoldLine(meter, begin, begin + 2_592_000 if calendar else 0, fixed, per, gate, group)

    def _hold(self, order: HoldOrder, mode: int) -> None:
        fresh = order.id not in self.books.rows
        reply, _ = read_hold(self.server.call(self.steps.hold(order, mode=mode, now_ms=self.now)))
        model = self.books.hold(order, self.now, ask=mode == ASK, offline=mode == OFFLINE)
        assert reply == model
        if reply.granted and mode == ASK and fresh:
            self._check_grant(order, reply)

    def _check_grant(self, order: HoldOrder, grant) -> None:
        assert min(order.floor, order.output) <= grant.output <= order.output
        for line, state in zip(order.lines, grant.states, strict=True):
            if line.group not in grant.left_out:
                assert state.settled + state.held <= line.meter.limit
        if grant.output < order.output:
            assert any(
                state.settled + state.held + line.per_output > line.meter.limit
                for line, state in zip(order.lines, grant.states, strict=True)
                if line.group not in grant.left_out
            ), "as much as fits"

    @precondition(lambda self: self.ids)
    @rule(back=latest, mode=st.sampled_from([OFFLINE, OPEN, ASK]))
    def hold_again(self, back: int, mode: int) -> None:
        # An answer that was lost is asked for while the hold lives; what was granted offline also later.
        hold_id = self._pick(back)
        if mode != ASK or hold_id in self.books.rows:
            self._hold(self.orders[hold_id], mode)

    def _pick(self, back: int) -> str:
        return self.ids[-1 - back % len(self.ids)]

    # -- ends ---------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.ids)
    @rule(
        back=latest,
        usd=amounts,
        tokens=st.integers(0, 300),
        group=st.sampled_from("ABC"),
        end=st.sampled_from(["final", "closing", "next"]),
        again=st.sampled_from([False, False, True]),
        lasting=st.booleans(),
    )
    def settle(self, back, usd, tokens, group, end, again, lasting):
        hold_id = self._pick(back)
        attempt = self.attempts[hold_id] = self.attempts.get(hold_id, 0) + 1
        self._settle(hold_id, attempt, usd, tokens, group, end, again=again, lasting=lasting)

    @precondition(lambda self: self.ids)
    @rule(back=latest, usd=amounts, group=st.sampled_from("AB"))
    def settle_the_answer(self, back, usd, group):
        self.settle(back, usd, usd // 10, group, "final", again=False, lasting=False)

    @precondition(lambda self: self.ids)
    @rule(
        back=latest, attempt=st.integers(1, 3), end=st.sampled_from(["final", "closing", "next"]), again=st.booleans()
    )
    def settle_any_attempt(self, back, attempt, end, again):
        hold_id = self._pick(back)
        self.attempts[hold_id] = max(self.attempts.get(hold_id, 0), attempt)
        self._settle(hold_id, attempt, 7, 3, "A", end, again=again, lasting=False)

    def _settle(self, hold_id, attempt, usd, tokens, group, end, *, again, lasting, limitless=False):
        self.event += 1
        event = orjson.dumps({"key_id": "k", "n": self.event, "usd": usd})
        charge = Charge(usd, tokens, tokens // 2, usd % 2)
        settlement = Settlement(hold_id, attempt, group, charge, event, end == "final", end == "closing", limitless)
        call = self.steps.settle(settlement, ask=True, again=again, now_ms=self.now)
        keep = 604_800_000 if lasting else 0
        call = Call(call.script, call.keys, (*call.args[:11], keep, *call.args[12:]))
        settled = read_settled(self.server.call(call))
        model = self.books.settle(settlement, self.now, again=again, keep=keep)
        assert (settled.what, settled.covered, settled.exceeded) == (model.what, model.covered, model.exceeded)

    @precondition(lambda self: self.ids)
    @rule(back=latest, attempts=st.sets(st.integers(1, 3)), unseen=st.booleans())
    def close(self, back: int, attempts: set[int], unseen) -> None:
        hold_id = self._pick(back)
        if unseen := unseen and not attempts and hold_id not in self.attempts:
            self.ids.remove(hold_id)
        call = self.steps.close(hold_id, sorted(attempts), unseen=unseen, now_ms=self.now)
        self.server.call(call)
        self.books.close(hold_id, attempts, self.now, unseen=unseen)

    @precondition(lambda self: self.ids)
    @rule(backs=st.lists(latest, max_size=3))
    def renew(self, backs: list[int]) -> None:
        hold_ids = [self._pick(back) for back in backs]
        reply = self.server.call(self.steps.renew(hold_ids, now_ms=self.now))
        assert reply[1] == self.books.renew(hold_ids, self.now)

    @rule(
        which=st.integers(0, 2),
        what=st.sampled_from(["order", "settle", "settle", "close"]),
        attempt=st.integers(1, 3),
        end=st.sampled_from(["final", "closing", "next"]),
        again=st.sampled_from([False, False, True]),
    )
    def without_limits(self, which, what, attempt, end, again) -> None:
        # Admission and the attempts are in different processes, so these come in any order.
        hold_id = f"limitless{which}"
        match what:
            case "order":
                self._hold(HoldOrder(hold_id, (), 0, 0, b'{"key_id":"k"}'), OPEN)
            case "settle":
                self._settle(hold_id, attempt, 0, 0, "A", end, again=again, lasting=False, limitless=True)
            case _:
                self.server.call(self.steps.close(hold_id, [attempt], now_ms=self.now))
                self.books.close(hold_id, [attempt], self.now)

    @rule(what=st.sampled_from(["sweep", "sweep", "forget", "stranger", "without lines"]), again=st.booleans())
    def something_rare(self, what: str, again) -> None:
        match what:
            case "sweep":
                self.server.call(self.steps.sweep(100, 10**15, now_ms=self.now))
                self.books.sweep(100, self.now)
            case "forget" if self.ids:
                hold_id = self.ids.pop(0)
                self.server.command("DEL", f"{{llmgw}}:d:{hold_id}")
                self.books.markers.pop(hold_id, None)
            case "stranger":
                self._settle("nobody", 1, 5, 5, "A", "final", again=again, lasting=False)
            case _:
                self.count += 1
                self._hold(HoldOrder(f"h{self.count}", (), 0, 0, b"{}"), OPEN)

    # -- claims -------------------------------------------------------------------------------------------------------

    @invariant()
    def meters_stand_alike(self) -> None:
        meters = sorted(self.used, key=lambda each: (each[0].id, each[1]))
        states = read_states(self.server.call(self.steps.states(meters, now_ms=self.now)))
        for (meter, start), state in zip(meters, states, strict=True):
            stand = self.books.counters.stand(HoldLine(meter, start, 0, 0), self.now)
            assert (state.settled, state.held) == (stand.settled, stand.held), meter.id
            name = layout.meter_name(meter, start)
            live = [line.amount for row in self.books.rows.values() for line in row.lines if line.key == name]
            assert state.held == sum(live), meter.id
            assert state.settled >= 0 or meter.window.kind == "calendar"

    @invariant()
    def events_are_alike_and_come_to_what_is_settled(self) -> None:
        entries = self.server.command("XRANGE", "{llmgw}:e", "-", "+")
        read = [fields for _, fields in entries]
        spent = 0
        for entry, model in zip(read, self.books.events, strict=True):
            state = entry.get(b"state", b"").decode()
            assert (entry[b"e"], state) == (model.event, model.state)
            if model.change is not None:
                assert tuple(int(entry[name]) for name in (b"usd", b"in", b"out")) == model.change
                spent += int(entry[b"usd"])
            elif state != "orphan" or model.event in self.books.found:
                spent += orjson.loads(entry[b"e"]).get("usd", 0)
        (total,) = read_states(self.server.call(self.steps.states([(TOTAL, 0)], now_ms=self.now)))
        assert total.settled == spent

    @invariant()
    def alerts_are_alike(self) -> None:
        entries = self.server.command("XRANGE", "{llmgw}:a", "-", "+")
        read = [fields for _, fields in entries]
        told = [
            (_key(entry), None, int(entry[b"held"]), int(entry[b"needs"]))
            if b"held" in entry
            else (_key(entry), int(entry[b"share"]), int(entry[b"settled"]), 0)
            for entry in read
        ]
        assert told == self.books.counters.alerts

    def teardown(self) -> None:
        """Sums of the hours are sums of all events, orphans included."""
        if not hasattr(self, "books"):
            return
        rolled = 0
        for key in self.server.command("KEYS", "{llmgw}:r:*"):
            fields = self.server.command("HGETALL", key)
            rolled += sum(int(text.split()[0]) for text in dict(fields).values())
        spent = sum(
            entry.change[0] if entry.change else orjson.loads(entry.event).get("usd", 0)
            for entry in self.books.events
            if b"key_id" in entry.event
        )
        assert rolled == spent


def _key(alert: dict[bytes, bytes]) -> str:
    meter, start = alert[b"meter"].decode(), alert[b"start"].decode()
    return f"m:{meter}" if "month" not in meter else f"m:{meter}:{start}"


def test_scripts_and_plain_books_say_the_same(server: _Server) -> None:
    machine = type("Machine", (LedgerMachine,), {"server": server})
    checked = settings(
        max_examples=60,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    machine.TestCase.settings = checked
    machine.TestCase().runTest()
