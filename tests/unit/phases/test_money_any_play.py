"""Whatever happens to requests that share a budget, and in whatever order: it is never overspent, and nothing stays held."""

from collections import Counter

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.config.snapshot import Commit
from extproc.domain.meters import Window
from extproc.domain.names import RETRY_STATUS

HI = [{"role": "user", "content": "What is the weather like? " * 6}]
IN, OUT = 480, 300
"""What answers are said to come to, unless they may not be so long: nearly all that is held for a request."""
RETRIED = frozenset({429, 500, 502, 503, 529, "connect", "timeout"})
REQUESTS = 3
OPENAI = ("role", "text", "text", "usage", "error", "garbage", "finish", "done")
CLAUDE = ("start", "text", "text", "error", "garbage", "stop")

actions = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(["two", "mixed", "claude"]), st.sampled_from([True, True, False])),
    st.just(("send",)),
    st.just(("send",)),
    st.tuples(st.just("headers"), st.sampled_from([200, 200, 200, 429, 503, 400])),
    st.tuples(st.just("pieces"), st.lists(st.integers(0, 7), min_size=1, max_size=4)),
    st.tuples(st.just("pieces"), st.lists(st.integers(0, 7), min_size=1, max_size=4)),
    st.just(("whole",)),
    st.tuples(st.just("failed"), st.booleans()),
    st.tuples(st.just("failed"), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 3.0, 12.0, 20.0])),
    st.just(("end",)),
    st.tuples(st.just("close"), st.booleans()),
    st.tuples(st.just("reply"), st.booleans()),
    st.tuples(st.just("leave"), st.booleans(), st.sampled_from([False, False, True])),
)


def openai(output, **rest):
    usage = {"prompt_tokens": IN, "completion_tokens": output, "total_tokens": IN + output}
    return orjson.dumps({"id": "c1", "created": 1, "model": "m1", "choices": [], "usage": usage, **rest})


def whole(output):
    """A whole answer of OpenAI's."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "Rain"}, "finish_reason": "stop"}
    return openai(output, object="chat.completion", choices=[choice])


class Play:
    """One request, and what may still happen to it."""

    def __init__(self, world, sse, claude):
        self.world = world
        self._sse, self._claude = sse, claude
        self.attempt = None
        self.asked = self.left = self.answered = self._headed = self._ended = False
        self.stream = False
        self.sent = 0

    def step(self, name, *rest):
        """Do it, where Envoy could."""
        getattr(self, f"_{name}")(*rest)

    def _ask(self, model, stream):
        if self.asked or self.left:
            return
        self.asked, self.stream = True, stream
        body = {"model": model, "messages": HI, "max_tokens": 300, "stream": stream}
        replies = self.world.ask(body)
        self.answered = any(getattr(reply, "status", None) for reply in replies)

    def _may_send(self):
        """Envoy tries the next provider only where the attempt said so; else it gives up."""
        handed_over = "h" in self.world.metadata
        if not handed_over or self.answered or self.left or self.attempt is not None:
            return False
        return self.world.attempts < len(orjson.loads(self.world.metadata["h"])[8])

    def _send(self):
        self._ask("two", stream=True)
        if self._may_send():
            self.attempt = self.world.send()
            self.sent += 1
            self._headed = self._ended = False

    def _under_way(self, *, headed):
        seen = self.attempt.seen if self.attempt is not None else None
        return seen is not None and self._headed == headed and not self._ended and not seen.ended and not seen.aborted

    def _headers(self, status):
        self._send()
        if self._under_way(headed=False):
            self._headed = True
            self.attempt.headers(status)
            self._look()

    def _pieces(self, numbers):
        self._headers(200)
        if self._under_way(headed=True):
            self.attempt.body(b"".join(self._piece(number) for number in numbers))
            self._look()

    def _most(self):
        """Providers heed the limit that they are given."""
        asked = orjson.loads(self.attempt.sent.body)
        return min(OUT, asked.get("max_tokens", OUT), asked.get("max_completion_tokens", OUT))

    def _piece(self, number):
        claude = self.attempt.phase._exchange.provider.dialect == "anthropic"
        name = CLAUDE[number % len(CLAUDE)] if claude else OPENAI[number]
        if claude:
            kit = self._claude
            made = {
                "start": kit.start(input=IN),
                "text": kit.text("word"),
                "error": kit.error(),
                "garbage": b"data: {\n\n",
            }
            return made.get(name) or kit.stop(output=self._most())
        kit = self._sse
        made = {
            "role": kit.role(),
            "text": kit.text("word"),
            "usage": b"data: " + openai(self._most(), object="chat.completion.chunk") + b"\n\n",
            "error": kit.error(),
        }
        return made.get(name) or {"garbage": kit.garbage, "finish": kit.finish(), "done": kit.done}[name]

    def _failed(self, paid):
        """An attempt of which Envoy tries the next, if there is one."""
        if paid:
            self._pieces([0, 3, 3, 4])
        else:
            self._headers(429)
        if self.attempt is not None and self.attempt.seen.status == RETRY_STATUS:
            self._close(crashed=False)

    def _whole(self):
        self._headers(200)
        if self._under_way(headed=True):
            self._ended = True
            self.attempt.body(self._good_answer(), end=True)
            self._look()

    def _good_answer(self):
        claude = self.attempt.phase._exchange.provider.dialect == "anthropic"
        if not self.stream:
            return self._claude.whole(input=IN, output=self._most()) if claude else whole(self._most())
        return b"".join(self._piece(number) for number in ((0, 1, 5) if claude else (0, 1, 6, 3, 7)))

    def _end(self):
        if self._under_way(headed=True):
            self._ended = True
            self.attempt.body(b"", end=True)
            self._look()

    def _wait(self, seconds):
        if self.attempt is not None:
            self.attempt.wait(seconds)
            self._look()
        else:
            self.world.clock.advance(seconds)
            if self.world.ledger is not None:
                self.world.ledger.renew()

    def _look(self):
        """Admission sees the head of what goes to the client, once."""
        status = self.attempt.seen.status
        if status is not None and status != RETRY_STATUS and not self.answered and not self.left:
            self.answered = True
            self.world.answer(status)

    def _close(self, crashed):
        if self.attempt is not None:
            answered = self.attempt.seen.status == RETRY_STATUS
            self.attempt.close(crashed=crashed)
            self.attempt = None
            # What just ends is not tried again here: see the test of the silent cut.
            if not answered:
                self.world.attempts = 99

    def _reply(self, attempt_first):
        """Envoy answers by itself, or shows what was to be retried; what is under way it resets."""
        if not self.asked or self.answered or self.left:
            return
        self.answered = True
        retried = self.attempt is not None and self.attempt.seen.status == RETRY_STATUS
        if attempt_first:
            self._close(crashed=False)
        self.world.answer(RETRY_STATUS if retried else 503)
        self._close(crashed=False)

    def _leave(self, attempt_first, crashed):
        if not self.asked or self.left:
            return
        self.left = True
        if attempt_first:
            self._close(crashed=False)
        self.world.leave(crashed=crashed)
        self._close(crashed=False)


@settings(deadline=None)  # the first play loads the published prices
@given(
    st.lists(st.tuples(st.integers(0, REQUESTS - 1), actions), min_size=10, max_size=40),
    st.integers(34, 100),
    st.sampled_from([Commit(), Commit("whole"), Commit("events", events=3)]),
)
def test_a_budget_is_never_overspent(make_world, meter, sse, claude, script, limit, commit):
    world = make_world()
    budget, tokens = meter("usd", limit * 100_000), meter("tokens", 2500, scope={"team": "search"})
    slots, rate = meter("concurrent", 2, Window("now")), meter("requests", 2, Window("rolling", seconds=3600))
    account = meter("usd", 4_000_000, scope={"provider": "o1"})
    world.key(meters=(budget, slots, rate))
    world.party("team", "search", meters=(tokens,))
    world.meters(account)
    world.priced()
    for name in ("two", "mixed", "claude"):
        world.model(name, commit=commit, retry_on=RETRIED, first_token_timeout=10.0, stall_timeout=15.0)
    plays = [Play(world.another(), sse, claude) for _ in range(REQUESTS)]
    limits = {one.id: one.limit for one in (budget, tokens, slots, rate, account)}
    for number, (name, *rest) in script:
        plays[number].step(name, *rest)
        check(world, limits)
    for play in plays:
        play.step("leave", False, False)
        check(world, limits)
    world.settle()
    check(world, limits)
    sent = Counter(event.hold_id for event in world.events)
    assert sum(sent.values()) == sum(play.sent for play in plays), "each attempt is written down once"
    assert len({(event.hold_id, event.attempt) for event in world.events}) == len(world.events)
    assert sum(event.usd for event in world.events) == settled(world, budget.id)


def settled(world, meter_id):
    return sum(c.settled for key, c in world.ledger.books.counters.counters.items() if key.startswith(f"m:{meter_id}"))


def check(world, limits):
    """Held and settled together are within the limit, but for what a live hold has been charged already: it ends then."""
    books = world.ledger.books
    extra = Counter()
    for event in world.events:
        if event.hold_id in books.rows:
            for line in books.rows[event.hold_id].lines:
                if line.group in {None, event.provider}:
                    extra[line.key] += {"usd": event.usd, "tokens": event.input_tokens + event.output_tokens}.get(
                        line.unit, 0
                    )
    for key, counter in books.counters.counters.items():
        limit = next(limit for meter_id, limit in limits.items() if key.startswith(f"m:{meter_id}"))
        assert 0 <= counter.settled <= limit, key
        assert counter.held >= 0, key
        assert counter.settled + counter.held - extra[key] <= limit, key
