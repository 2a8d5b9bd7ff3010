"""Whatever a client or a provider sends, translation gives a valid result or one of the tree's errors; it never crashes."""

import copy
from pathlib import Path

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extproc.dialects.base import RenderOptions, StreamReader
from extproc.dialects.bedrock_anthropic import AnthropicOverBedrock
from extproc.domain.errors import InvalidRequest, ProviderError, UnsupportedFeature
from extproc.translate.answer import translate_answer
from extproc.translate.framing import Framed
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS, PROVIDER_DIALECTS
from extproc.translate.request import RequestJob, translate_request
from extproc.translate.response import AnswerStream
from tests.judges.eventstream import chunk, encode
from tests.judges.registry import CHECK_REQUEST, MODELS

GOLDENS = Path(__file__).parents[1] / "goldens"


def documents(folder: str) -> dict[str, list]:
    """Dialect → decoded goldens."""
    paths = sorted(path for path in (GOLDENS / folder).glob("*/*.json") if "." not in path.stem)
    found: dict[str, list] = {}
    for path in paths:
        found.setdefault(path.parent.name, []).append(orjson.loads(path.read_bytes()))
    return found


REQUESTS = documents("requests")
ANSWERS = documents("responses")
STREAMS = {
    provider: [
        path.read_bytes()
        for path in sorted((GOLDENS / "responses" / provider).glob("*"))
        if path.suffixes in ([".sse"], [".aws"])
    ]
    for provider in PROVIDER_DIALECTS
}
"""Those of AWS as text."""
WORDS = [
    *(
        "text",
        "image_url",
        "image",
        "tool_use",
        "tool_result",
        "thinking",
        "document",
        "file",
        "json_schema",
        "function",
    ),
    *("user", "assistant", "system", "tool", "auto", "none", "any", "ephemeral", "base64", "url", "enabled", "", "{}"),
    *(
        "data:image/png;base64,AA==",
        "data:,",
        "data:;base64,%",
        "https://x",
        '{"a":',
        "[1]",
        "stop",
        "tool_calls",
        "é😀",
    ),
]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([2**63 - 1, -(2**63), 1e300, -0.5, 1.0]),
    st.sampled_from(WORDS),
)
NAMES = ["type", "text", "role", "content", "model", "messages", "tools", "stream", "index", "id", "name", "x"]
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)


def places(value, path=()):
    """The path of every value inside."""
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


@st.composite
def mutated(draw: st.DrawFn, originals: list):
    """A real document of which a few values are something else, or are gone."""
    document = copy.deepcopy(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(document))))
        if not path:
            continue
        parent = document
        for key in path[:-1]:
            parent = parent[key]
        if draw(st.booleans()):
            parent[path[-1]] = draw(values)
        elif isinstance(parent, dict):
            del parent[path[-1]]
            parent |= draw(st.dictionaries(st.sampled_from(NAMES), values, max_size=1))
        else:
            parent.insert(path[-1], draw(values))
    return document


pairs = st.sampled_from(sorted(PAIRS))


@settings(max_examples=600)
@given(pairs, st.data(), st.booleans(), st.booleans())
def test_requests(names, data, drop, stream):
    client, provider = names
    parsed = data.draw(mutated(REQUESTS[client]) | values)
    check_request(client, provider, orjson.dumps(parsed), drop=drop, stream=stream)


def check_request(client: str, provider: str, body: bytes, *, drop: bool, stream: bool) -> None:
    """A 400 that says what is wrong, or a request of the provider's dialect."""
    pair = PAIRS[client, provider]
    parsed = orjson.loads(body)
    options = RenderOptions(drop_unsupported=drop)
    job = RequestJob(MODELS[provider], stream=stream, same_dialect=pair.same, options=options)
    try:
        translated = translate_request(pair.client, pair.provider, body, parsed, job)
    except InvalidRequest as error:
        check_refusal(client, error)
        return
    rendered = orjson.loads(translated.body)
    assert isinstance(rendered, dict)
    if provider not in WITHOUT_MODEL:
        assert rendered["model"] == MODELS[provider]
    assert parsed == orjson.loads(body)
    if pair.same:
        assert translated.dropped == ()


def check_refusal(client: str, error: InvalidRequest) -> None:
    """It says what is wrong, and names the field where it is about one."""
    assert error.message
    assert error.param or not isinstance(error, UnsupportedFeature)
    orjson.dumps(CLIENT_DIALECTS[client].render_error(error))


WITHOUT_MODEL = {"bedrock", "gemini"}
"""The path names it."""


@st.composite
def poorer(draw: st.DrawFn, original):
    """A real document that says less: some of its options are null or gone, at any depth."""
    document = copy.deepcopy(original)
    for _ in range(draw(st.integers(1, 3))):
        options = [path for path in places(document) if path and path[0] not in TURNS]
        if not options:
            break
        path = draw(st.sampled_from(options))
        parent = document
        for key in path[:-1]:
            parent = parent[key]
        if draw(st.booleans()):
            del parent[path[-1]]
        else:
            parent[path[-1]] = None
    return document


TURNS = {"messages", "contents", "input", "logit_bias"}
"""Where something is missing in these, whatever is left means something else, and the vendor says so."""
translated_pairs = st.sampled_from(sorted(names for names, pair in PAIRS.items() if not pair.same))


# The same examples each time: a judge knows more than the gateway wants to check, and a rare find is no reason to fail
# somebody's change.
@settings(max_examples=150, derandomize=True)
@given(translated_pairs, st.data(), st.booleans(), st.booleans())
def test_what_is_left_of_a_request_is_one_of_the_vendors(names, data, drop, stream):
    pair = PAIRS[names]
    parsed = data.draw(poorer(data.draw(st.sampled_from(REQUESTS[names[0]]))))
    options = RenderOptions(drop_unsupported=drop)
    job = RequestJob(MODELS[names[1]], stream=stream, same_dialect=False, options=options)
    try:
        translated = translate_request(pair.client, pair.provider, orjson.dumps(parsed), parsed, job)
    except InvalidRequest as error:
        check_refusal(names[0], error)
        return
    CHECK_REQUEST[names[1]](orjson.loads(translated.body), stream=stream)


@given(pairs, st.binary(max_size=40), st.booleans())
@example(("openai-chat", "anthropic"), b'{"a":' * 200 + b"1" + b"}" * 200, True)
def test_requests_of_any_bytes_that_are_json(names, body, drop):
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    check_request(*names, body, drop=drop, stream=False)


@settings(max_examples=500)
@given(pairs, st.data())
def test_answers(names, data):
    pair = PAIRS[names]
    body = orjson.dumps(data.draw(mutated(ANSWERS[names[1]]) | values))
    try:
        answer = translate_answer(pair.client, pair.provider, body, created=1, same_dialect=pair.same)
    except ProviderError as error:
        orjson.dumps(pair.client.render_error(error))
        return
    assert isinstance(orjson.loads(answer.body), dict | list)
    assert min(answer.usage.input, answer.usage.output, answer.usage.cache_read) >= 0


@st.composite
def broken_streams(draw: st.DrawFn, provider: str) -> bytes:
    """A real stream in which one event's data is something else."""
    original = draw(st.sampled_from(STREAMS[provider]))
    if provider == "bedrock":
        return draw(broken_messages(original))
    events = original.replace(b"\r\n", b"\n").split(b"\n\n")
    at = draw(st.integers(0, len(events) - 1))
    head, found, data = events[at].partition(b"data: ")
    if found and data.startswith(b"{") and data.endswith(b"}"):
        events[at] = head + found + orjson.dumps(draw(mutated([orjson.loads(data)])))
    else:
        events[at] = head + found + draw(st.binary(max_size=20))
    return b"\n\n".join(events)


@st.composite
def broken_messages(draw: st.DrawFn, original: bytes) -> bytes:
    """The same of an event stream of AWS: one payload or one name is something else, or one byte."""
    lines = original.decode().splitlines()
    at = draw(st.integers(0, len(lines) - 1))
    name, _, payload = lines[at].partition(" ")
    names = [name, "contentBlockStart", "contentBlockDelta", "metadata", "!throttlingException", "~code", "tomorrow"]
    try:
        payload = orjson.dumps(draw(mutated([orjson.loads(payload)]))).decode()
    except orjson.JSONDecodeError:
        payload = draw(st.text(alphabet='{}[]":a ', max_size=20))
    lines[at] = f"{draw(st.sampled_from(names))} {payload}"
    return draw(flipped(encode("\n".join(lines))))


@st.composite
def flipped(draw: st.DrawFn, data: bytes) -> bytes:
    """These bytes, or all but one of them."""
    if not data or draw(st.booleans()):
        return data
    at = draw(st.integers(0, len(data) - 1))
    return data[:at] + draw(st.binary(max_size=2)) + data[at + 1 :]


def check_stream(names: tuple[str, str], reader: StreamReader, body: bytes) -> None:
    """Each gives exactly one verdict, and what a client got before it are whole events."""
    pair = PAIRS[names]
    writer = None if pair.same else pair.client.stream_writer(created=1, include_usage=True)
    stream = AnswerStream(reader, writer, hide_usage=True, model="m")
    steps = [stream.feed(body), stream.finish()]
    assert sum(step.ended + (step.failed is not None) for step in steps) == 1
    assert stream.terminal
    out = b"".join(step.data for step in steps)
    if writer is not None:
        assert out == b"" or out.endswith(b"\n\n")
    for step in steps:
        if step.failed is not None:
            pair.client.render_error_event(step.failed)
            stream.failure(step.failed)


@settings(max_examples=500)
@given(pairs, st.data())
def test_streams(names, data):
    check_stream(names, PAIRS[names].provider.stream_reader(), data.draw(broken_streams(names[1])))


@settings(max_examples=100)
@given(st.sampled_from(sorted(CLIENT_DIALECTS)), st.data())
def test_streams_that_are_packed(client, data):
    """Anthropic's events in messages of AWS: broken inside, or outside."""
    events = data.draw(broken_streams("anthropic")).split(b"\n\n")
    packed = b"".join(chunk(event.partition(b"data: ")[2]) for event in events)
    reader = Framed(AnthropicOverBedrock(), PAIRS[client, "anthropic"].provider.stream_reader())
    check_stream((client, "anthropic"), reader, data.draw(flipped(packed)))


@given(pairs, st.binary(max_size=60), st.booleans())
def test_streams_of_any_bytes(names, body, packed):
    reader = PAIRS[names].provider.stream_reader()
    check_stream(names, Framed(AnthropicOverBedrock(), reader) if packed else reader, body)


@pytest.mark.parametrize("names", sorted(PAIRS))
def test_any_bytes_instead_of_a_stream(names):
    pair = PAIRS[names]
    for body in (
        b"",
        b"\n\n\n",
        b"<html></html>",
        b"{}",
        b"[]",
        b"[DONE]",
        b"data:\n\n",
        b"event: x\n\n",
        b"\xff\xfe",
        b"\0\0\0\0",
        b"data: [DONE]\n\n",
    ):
        writer = None if pair.same else pair.client.stream_writer(created=1, include_usage=True)
        stream = AnswerStream(pair.provider.stream_reader(), writer, hide_usage=True, model="m")
        failures = [step.failed for step in (stream.feed(body), stream.finish()) if step.failed]
        assert len(failures) == 1
