"""Whatever goes wrong at whichever provider, a client of each dialect gets one whole answer, one error, or a cut transfer.

Never what looks like an end and is none: an answer that is claimed to be whole is read by the client's official SDK, and
says word for word what it says without the fault. The bytes are the simulator's; a sample goes through a real Envoy in
``tests/contract/test_dialect_faults.py``.
"""

from dataclasses import replace
from functools import cache

import anthropic
import openai
import orjson
import pytest
from google.genai import errors as genai_errors

from extproc.simulator.bedrock import eventstream
from extproc.simulator.behaviour import Behaviour
from tests.judges.clients import CLIENTS
from tests.unit.phases.simulated import PROVIDERS, Came, Play

PAIRS = [(client, provider) for client in CLIENTS for provider in PROVIDERS]
TOOLS = [(c, p) for c, p in PAIRS if CLIENTS[c].offer is not None and p != "completions"]
"""Pairs in which tools can be called."""
PLACES = (0, 1, 2, 4, 7, -3, -2, -1)
"""Events before the fault; negative ones from the end."""

HUGE = 3 * 1024 * 1024
LAST_LINES_SAY_NOTHING = {"chat", "azure", "completions", "bedrock"}
"""``[DONE]``, and usage, which can be estimated: the finish reason has been said by then."""
SDK_ERRORS = (openai.APIError, anthropic.APIStatusError, genai_errors.APIError)


def _data(value: object, name: str = "") -> bytes:
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + orjson.dumps(value) + b"\n\n"


_OPENAIS = _data({"error": {"message": "Slow down", "type": "tokens", "param": None, "code": "rate_limit_exceeded"}})
_ANTHROPICS = _data({"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down"}}, "error")
_AMAZONS = eventstream.exception("throttlingException", b'{"message":"Slow down"}')
RATE_LIMITS = {
    "chat": _OPENAIS,
    "azure": _OPENAIS,
    "completions": _OPENAIS,
    "responses": _data(
        {"type": "error", "code": "rate_limit_exceeded", "message": "Slow down", "param": None}, "error"
    ),
    "anthropic": _ANTHROPICS,
    "vertex-anthropic": _ANTHROPICS,
    "bedrock": _AMAZONS,
    "bedrock-anthropic": _AMAZONS,
    "gemini": _data({"error": {"code": 429, "message": "Slow down", "status": "RESOURCE_EXHAUSTED"}}),
}

SCENES = [(*pair, False) for pair in PAIRS] + [(*pair, True) for pair in TOOLS]
scenes = pytest.mark.parametrize(
    ("client", "provider", "tools"), SCENES, ids=[f"{c}-{p}-{'tools' if t else 'text'}" for c, p, t in SCENES]
)


@pytest.fixture(scope="session")
def good(make_world):
    """What the client's SDK says without any fault."""

    @cache
    def say(client: str, provider: str, *, tools: bool, stream: bool) -> object:
        came = Play(make_world, CLIENTS[client], provider, stream, tools).run(Behaviour())
        assert came.verdict() == "answer"
        return came.said

    return say


@pytest.fixture(scope="session")
def play(make_world, good):
    """One play under a fault: how it ended. A whole answer is the very one that comes without a fault."""

    def run(
        scene: tuple[str, str, bool], behaviour: Behaviour, change=lambda plan: plan, *, stream: bool = True
    ) -> Came:
        client, provider, tools = scene
        came = Play(make_world, CLIENTS[client], provider, stream, tools).run(behaviour, change)
        if came.verdict() == "answer":
            assert came.said == good(client, provider, tools=tools, stream=stream)
        return came

    return run


@scenes
def test_without_a_fault_everything_is_said(good, client, provider, tools):
    for stream in (False, True):
        said = orjson.dumps(good(client, provider, tools=tools, stream=stream), default=str).decode()
        assert ("get_weather" if tools else "the river keeps its own slow time") in said
        assert not tools or "Zürich" in said


@pytest.mark.parametrize(
    ("fault", "kind"), [("cut", "cut"), *((name, "error") for name in ("stall", "malformed", "error_event"))]
)
@scenes
def test_a_broken_stream(play, client, provider, tools, fault, kind):
    """Before the first content it is an error that another provider could mend, behind it one event or a cut."""
    for place in PLACES:
        came = play((client, provider, tools), Behaviour(fault=fault, fault_at=place))
        assert came.verdict() == kind, place
        if place == 0:
            assert came.seen.status in {None, 502, 503, 504, 529}
    if kind == "error":
        with pytest.raises(SDK_ERRORS):
            _ = came.said


@scenes
def test_a_stream_that_ends_too_early(play, client, provider, tools):
    """Nobody misses a last line that says nothing new; all others are missed."""
    for place in PLACES:
        came = play((client, provider, tools), Behaviour(fault="early_end", fault_at=place))
        assert came.verdict() == "error" or (place not in PLACES[:3] and provider in LAST_LINES_SAY_NOTHING), place
    if came.verdict() == "error":
        with pytest.raises(SDK_ERRORS):
            _ = came.said


@scenes
def test_a_rate_limit_in_the_middle_of_a_stream(play, client, provider, tools):
    for place in PLACES:
        came = play(
            (client, provider, tools),
            Behaviour(fault="error_event", fault_at=place),
            lambda plan: replace(plan, reply=replace(plan.reply, failure=RATE_LIMITS[provider])),
        )
        assert (came.verdict(), came.outcome) == ("error", "provider:provider_rate_limited"), place
        assert place != 0 or came.seen.status == 429


@scenes
def test_a_200_that_is_something_else(play, client, provider, tools):
    """A good body under another name is a good answer; a page, or nothing at all, is none."""
    for stream in (True, False):
        good = play((client, provider, tools), Behaviour(fault="wrong_content_type"), stream=stream)
        assert good.verdict() == "answer"
        for fault in ("html", "empty"):
            came = play((client, provider, tools), Behaviour(fault=fault), stream=stream)
            assert (came.verdict(), came.seen.status) == ("error", 502), (fault, stream)


@scenes
def test_a_broken_answer_that_is_no_stream(play, client, provider, tools):
    """Nothing of it reaches the client. Of one that never ends Envoy's time for an attempt makes an end."""
    for fault in ("cut", "stall"):
        came = play((client, provider, tools), Behaviour(fault=fault), stream=False)
        assert (came.verdict(), came.seen.status) == ("cut", None), fault
    for fault in ("malformed", "error_event", "early_end"):
        came = play((client, provider, tools), Behaviour(fault=fault), stream=False)
        assert (came.verdict(), came.seen.status) == ("error", 502), fault


@scenes
def test_compressed_and_cut_up(play, client, provider, tools):
    for how in ({"gzip": True}, {"gzip": True, "seed": 5}, {"crlf": True}, {"split": 700}):
        assert play((client, provider, tools), Behaviour(**how)).verdict() == "answer", how
    assert play((client, provider, tools), Behaviour(gzip=True), stream=False).verdict() == "answer"


@scenes
def test_a_broken_stream_that_is_compressed(play, client, provider, tools):
    for fault in ("cut", "stall", "malformed", "error_event"):
        for place in (0, 7, -1):
            came = play((client, provider, tools), Behaviour(fault=fault, fault_at=place, gzip=True))
            assert came.verdict() == ("cut" if fault == "cut" else "error"), (fault, place)


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_an_event_of_several_mib(make_world, client, provider):
    text = f"a{' ' * HUGE}b"
    came = Play(make_world, CLIENTS[client], provider, stream=True, text=f"echo: {text}").run(Behaviour())
    assert max(map(len, came.served.pieces)) > HUGE
    assert came.verdict() == "answer"
    assert text in str(came.said)
