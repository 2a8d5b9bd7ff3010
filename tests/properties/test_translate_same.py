"""Requests in the provider's own dialect: byte for byte what the client wrote, but for the members that are named here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.dialects.base import RenderOptions
from extproc.domain.errors import InvalidRequest
from extproc.providers.wire import REMOVE, WIRES
from extproc.translate.edit import DELETE, Changes
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS
from extproc.translate.request import RequestJob, translate_request
from tests.judges.bedrock import check_invoke_request

REQUESTS = Path(__file__).parents[1] / "goldens" / "requests"
USAGE = {"include_usage": True}
KNOWN_BETAS = ["context-1m-2025-08-07", "output-128k-2025-02-19"]
BETAS = {"anthropic-beta": ", ".join([*KNOWN_BETAS, "of-tomorrow-2027-01-01"])}
"""Bedrock refuses a request that asks for a beta which it does not know."""
CLOUDS = ("bedrock-anthropic", "vertex-anthropic")
TARGET = "gemini-2.5-flash"
"""A model that takes calls of its own dialect as they are; elsewhere a name like any other."""

space = st.text(alphabet=" \t\n\r", max_size=2)
texts = st.text(alphabet='ab"\\/é😀\n\x1f{}[]:, ', max_size=6).map(lambda text: orjson.dumps(text).decode())
escaped = st.sampled_from([r'"\u0061"', r'"\/"', r'"\ud83d\ude00"', r'"\\"', r'"llmgw"'])
numbers = st.sampled_from(["0", "-0", "1.0", "1e5", "1E+05", "-1.50", "123456789012345678901234567890", "0.1e-7"])
leaves = numbers | texts | escaped | st.sampled_from(["true", "false", "null"])
raw_values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(st.tuples(space, inner), max_size=3).map(
            lambda items: "[" + ",".join(blank + item for blank, item in items) + "]"
        )
        | st.lists(st.tuples(space, inner), max_size=3).map(
            lambda items: "{" + ",".join(f'{blank}"k{at}" : {item}' for at, (blank, item) in enumerate(items)) + "}"
        )
    ),
    max_leaves=6,
)


@dataclass(frozen=True)
class Member:
    """A top-level member as the client wrote it."""

    name: str
    head: str
    """All before its value."""
    value: str
    tail: str

    def text(self) -> str:
        return self.head + self.value + self.tail


@st.composite
def documents(draw: st.DrawFn, known: Mapping[str, object], more: Mapping[str, object]) -> list[Member]:
    """A real request with fields of tomorrow between its own."""
    own = [(name, orjson.dumps(value).decode()) for name, value in (known | more).items()]
    unknown = [(f"tomorrow_{at}", value) for at, value in enumerate(draw(st.lists(raw_values, max_size=4)))]
    made = []
    for name, value in draw(st.permutations([*own, *unknown])):
        head = f'{draw(space)}"{name}"{draw(space)}:{draw(space)}'
        made.append(Member(name, head, value, draw(space)))
    return made


def written(members: list[Member], changes: Mapping[str, object]) -> bytes:
    """The document with these values in the place of those that are there."""
    changed = {name: orjson.dumps(value).decode() for name, value in changes.items()}
    texts = [
        member.head + changed[member.name] + member.tail if member.name in changed else member.text()
        for member in members
    ]
    return ("{" + ",".join(texts) + "}").encode()


SEALED = (b"llmgw.", b"bGxtZ3cu", b'"thinking_blocks"', b'"signature":""', b'"encrypted_index":""')
"""What a client has kept of other vendors is taken out, which is a change of its own."""


def own_requests(client: str) -> list[dict]:
    paths = (path for path in sorted((REQUESTS / client).glob("*.json")) if "." not in path.stem)
    return [request for path in paths if is_taken_as_it_is(client, request := orjson.loads(path.read_bytes()))]


def is_taken_as_it_is(client: str, request: dict) -> bool:
    """By the clouds too: Vertex AI knows no ids of calls, neither ``cache_control`` of a whole request; nobody a ``thread``."""
    body = orjson.dumps(request)
    has_ids = client == "gemini" and b'"id":' in body
    return not {"cache_control", "thread"} & request.keys() and not has_ids and not any(mark in body for mark in SEALED)


GOLDENS = {client: own_requests(client) for client in CLIENT_DIALECTS}
MORE = {
    "openai-chat": [
        {},
        {"stream": True},
        {"stream": True, "stream_options": {"include_usage": False}},
        {"stream": True, "stream_options": USAGE | {"x": 1}},
    ],
    "openai-completions": [{}, {"stream": True}, {"stream": True, "stream_options": USAGE}],
    "openai-responses": [{}, {"stream": True}, {"stream": False}],
    "anthropic-messages": [{}, {"stream": True}, {"stream": False}, {"anthropic_version": "of the client"}],
    "gemini": [{}],
}
CASES = [
    (client, dialect)
    for dialect, wire in WIRES.items()
    for client in CLIENT_DIALECTS
    if wire.format is not None and PAIRS[client, wire.format].same
] + [("openai-responses", "openai-responses"), ("openai-completions", "openai-completions")]


def expected(client: str, dialect: str, parsed: Mapping, headers: Mapping[str, str]) -> dict:
    """Name → new value; ``REMOVE`` for one that goes. Written out once more, from what the vendors document."""
    match client, dialect:
        case "gemini", _:
            return {}
        case _, "bedrock-anthropic":
            betas = {"anthropic_beta": KNOWN_BETAS} if headers else {}
            return {"anthropic_version": "bedrock-2023-05-31", "model": REMOVE, "stream": REMOVE, **betas}
        case _, "vertex-anthropic":
            return {"anthropic_version": "vertex-2023-10-16", "model": REMOVE}
        case (("openai-chat" | "openai-completions"), _):
            options = parsed.get("stream_options") or {}
            asks = parsed.get("stream") and options.get("include_usage") is not True
            return {"model": TARGET} | ({"stream_options": options | USAGE} if asks else {})
        case _:
            return {"model": TARGET}


def final(dialect: str, *, stream: bool, headers: Mapping[str, str]) -> Changes:
    members = WIRES[dialect].changes(stream, headers) if dialect in WIRES else {}
    return {name: DELETE if value is REMOVE else value for name, value in members.items()}


def translated(client: str, dialect: str, body: bytes, *, stream: bool, headers: Mapping[str, str]) -> bytes:
    pair = PAIRS[client, WIRES[dialect].format if dialect in WIRES else dialect]
    options = RenderOptions()
    if dialect in WIRES:
        options = RenderOptions(call_ids=WIRES[dialect].call_ids, automatic_cache=WIRES[dialect].automatic_cache)
    job = RequestJob(TARGET, stream, pair.same, options, final=final(dialect, stream=stream, headers=headers))
    return translate_request(pair.client, pair.provider, body, orjson.loads(body), job).body


@pytest.mark.parametrize("headers", [{}, BETAS], ids=["", "betas"])
@pytest.mark.parametrize(("client", "dialect"), CASES)
def test_all_other_bytes_are_the_clients(client: str, dialect: str, headers):
    @settings(max_examples=30)
    @given(st.data())
    def run(data):
        known, more = data.draw(st.sampled_from(GOLDENS[client])), data.draw(st.sampled_from(MORE[client]))
        members = data.draw(documents(known, more))
        body = written(members, {})
        parsed = orjson.loads(body)
        out = translated(client, dialect, body, stream=bool(parsed.get("stream")), headers=headers)
        changes = expected(client, dialect, parsed, headers)
        gone = {name for name, value in changes.items() if value is REMOVE}
        new = {name: value for name, value in changes.items() if value is not REMOVE}
        assert orjson.loads(out) == {name: value for name, value in (parsed | new).items() if name not in gone}
        if gone.isdisjoint(parsed) and new.keys() <= parsed.keys():
            assert out == written(members, new)
        at = 0
        for member in members:  # each in its order, as it was
            if member.name not in changes:
                at = out.index((member.head.lstrip() + member.value).encode(), at)

    run()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", CLOUDS)
@pytest.mark.parametrize("client", [name for name in CLIENT_DIALECTS if name != "anthropic-messages"])
def test_a_translated_request_has_the_clouds_members_too(client: str, dialect: str, stream):
    """The judge is that of Bedrock's InvokeModel; Vertex has ``stream`` in the body, and another version."""
    served = 0
    for known in GOLDENS[client]:
        try:
            body = orjson.loads(translated(client, dialect, orjson.dumps(known), stream=stream, headers={}))
        except InvalidRequest:
            continue
        served += 1
        assert "model" not in body
        if dialect == "vertex-anthropic":
            assert body.pop("anthropic_version") == "vertex-2023-10-16"
            assert body.pop("stream", False) is stream
            body["anthropic_version"] = "bedrock-2023-05-31"
        check_invoke_request(body, stream=stream)
    assert served > 3
