"""Client libraries as applications use them: each holds one conversation with each provider dialect, through everything.

::

    make test-clients
    library (its own process) ══HTTP══► Envoy, gateway ══HTTP══► simulator, as openai, bedrock, vertex-gemini ...

A conversation streams: the user asks, a tool is called, what it says is sent back, words come; the user asks on, words
come. The file is not named like a test, for the other tests shall not need these libraries: it is named to pytest.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from harness import KEY, Gateway, Received, Simulator, sha256
from libraries import LIBRARIES, STORED, Held, hold
from vendors import VENDORS, config

SAID = "the river keeps its own slow time while small boats cross from bank to bank and"
"""What the simulator says."""
WEATHER = "sunny, 21 degrees"

PAIRS = [
    (library, client, vendor) for library, knows in LIBRARIES.items() for client in knows.dialects for vendor in VENDORS
]


def texts_of(library: str, client: str, vendor: str) -> list[str]:
    """The user's texts. The first is in all requests of the pair, and in no others."""
    asked = f"Please call it. [{library} {client} {vendor}]"
    return [asked] if client == STORED else [asked, "And then?"]


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    running = Simulator(tmp_path_factory.mktemp("simulator") / "log")
    yield running
    running.close()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Iterator[Gateway]:
    keys = [{"name": "applications", "sha256": sha256(KEY)}]
    running = Gateway(tmp_path_factory.mktemp("gateway"), config(simulator.url, keys))
    yield running
    running.close()


@pytest.fixture(scope="session")
def held(gateway: Gateway, simulator: Simulator) -> Callable[[str], Held]:
    """The conversations of a library, held when they are first asked for."""

    @cache
    def of(library: str) -> Held:
        knows = LIBRARIES[library]
        runs = [
            {"client": client, "model": vendor, "texts": texts_of(library, client, vendor)}
            for client in knows.dialects
            for vendor in VENDORS
        ]
        return hold(knows, {"url": gateway.url, "key": KEY, "weather": WEATHER, "runs": runs})

    return of


@pytest.fixture(scope="session")
def received(simulator: Simulator) -> Callable[[str, str], list[Received]]:
    """What providers got of a library's conversation, by the user's text; read once per library."""

    @cache
    def everything(library: str) -> list[Received]:
        del library  # its conversations have ended
        return simulator.latest(2_000)

    return lambda library, text: [one for one in everything(library) if text in one.body]


@pytest.mark.parametrize(("library", "client", "vendor"), PAIRS, ids=lambda name: name)
def test_a_conversation_with_a_tool(library: str, client: str, vendor: str, held, received) -> None:
    conversations = held(library)
    texts = texts_of(library, client, vendor)
    got = received(library, texts[0])
    heard = conversations.results.get((client, vendor))
    if heard is None:
        wrong = [f"was not held: {conversations.log}"]
    elif heard["error"] is not None:
        wrong = [heard["error"]]
    else:
        wrong = [*faults_heard(heard, SAID * len(texts)), *faults_of_usage(heard, got), *faults_received(vendor, got)]
        wrong += [f"there were {len(got)} requests"] * (len(got) != 1 + len(texts))
    if wrong:
        requests = [f"provider got {one.method} {one.path}: {one.status} {one.outcome}" for one in got]
        pytest.fail("\n- ".join([f"{library} as {client} at {vendor}", *wrong, *requests]), pytrace=False)


def faults_heard(heard: Mapping[str, Any], said: str) -> Iterator[str]:
    """The tool is called once, as its schema has it; the text is the provider's, and comes bit by bit."""
    match heard["calls"]:
        case [{"city": "Zürich" | "Genève", "days": int(days), **others}] if 1 <= days <= 9 and not others:
            pass
        case calls:
            yield f"the tool was called with {calls}"
    if "".join(heard["pieces"]) != said:
        yield f"the text is {heard['pieces']}"
    if len(heard["pieces"]) < 2 * len(said) // len(SAID):
        yield "the text did not come bit by bit"


def faults_of_usage(heard: Mapping[str, Any], got: list[Received]) -> Iterator[str]:
    """The library tells what the providers have counted."""
    told = (heard["input_tokens"], heard["output_tokens"])
    billed = (sum(one.input_tokens for one in got), sum(one.output_tokens for one in got))
    if told != billed or min(billed) < 1:
        yield f"told {told} tokens in and out, but billed {billed}"


def faults_received(vendor: str, got: list[Received]) -> Iterator[str]:
    """The provider got requests of its dialect, all for a stream; from the second on they say what the tool said."""
    where = [one.path for one in got]
    if not all(re.fullmatch(f"/p/{vendor}{VENDORS[vendor].path}", path) for path in where):
        yield f"the provider was called at {where}"
    if not all((one.stream, one.status, one.outcome) == (True, 200, "complete") for one in got):
        yield "not every answer is a complete stream"
    if not all(WEATHER in one.body for one in got[1:]):
        yield f"what the tool said is not in all but the first of {[one.body for one in got]}"
