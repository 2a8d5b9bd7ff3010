"""Anthropic's events in AWS framing become the server-sent events that the Anthropic dialect reads."""

from pathlib import Path

import orjson
import pytest
from anthropic.lib.bedrock._stream_decoder import AWSEventStreamDecoder
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.anthropic.stream import AnthropicStreamReader
from extproc.dialects.bedrock_anthropic import MAX_BODY_BYTES, AnthropicOverBedrock
from extproc.dialects.sse import SseDecoder
from extproc.domain.answer import Ended, Failed
from extproc.domain.errors import (
    ProviderBadAnswer,
    ProviderError,
    ProviderFailed,
    ProviderOverloaded,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
    ProviderTruncated,
)
from tests.judges.eventstream import chunk, encode, message

STREAMS = sorted((Path(__file__).parents[2] / "goldens" / "responses" / "anthropic").glob("stream_*.sse"))
STREAMS = [path for path in STREAMS if len(path.suffixes) == 1 and path.stem != "stream_malformed_line"]
STOP = b'{"type":"message_stop"}'


def framed(sse: bytes) -> bytes:
    """The same events as Bedrock sends them."""
    return b"".join(chunk(event.data) for event in SseDecoder().feed(sse) if event.data is not None)


def reframe(*pieces: bytes) -> bytes:
    reader = AnthropicOverBedrock()
    return b"".join(map(reader.feed, pieces)) + reader.finish()


def read(sse: bytes):
    reader = AnthropicStreamReader()
    return repr([event for frame in (*reader.feed(sse), *reader.finish()) for event in frame.events])


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_the_dialects_reader_reads_what_it_reads_of_anthropic_itself(path: Path):
    sse = path.read_bytes()
    data = framed(sse)
    out = reframe(data)
    assert read(out) == read(sse)
    assert reframe(*(data[at : at + 1] for at in range(len(data)))) == out
    assert reframe(data[:50], data[50:]) == out


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_the_official_sdk_makes_the_same_events_of_it(path: Path):
    data = framed(path.read_bytes())
    by_sdk = [(event.event, event.data.encode()) for event in AWSEventStreamDecoder().iter_bytes(iter([data]))]
    assert [(event.name, event.data) for event in SseDecoder().feed(reframe(data))] == by_sdk


def test_the_bytes_of_an_event_stay_as_they_came():
    event = '{ "type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 9}, "x": "ü" }'.encode()
    assert reframe(chunk(event)) == b"event: message_stop\ndata: " + event + b"\n\n"


def test_an_event_over_several_lines_is_written_on_one():
    assert reframe(chunk(b'{\n"type": "ping"\r\n}')) == b'event: ping\ndata: {"type":"ping"}\n\n'


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ('!throttlingException {"message":"why"}', ProviderRateLimited),
        ('!serviceUnavailableException {"message":"why"}', ProviderOverloaded),
        ('!internalServerException {"Message":"why"}', ProviderFailed),
        ('!modelStreamErrorException {"message":"why"}', ProviderFailed),
        ('!modelTimeoutException {"message":"why"}', ProviderTimeout),
        ('!validationException {"message":"why"}', ProviderRejected),
        ('!futureException {"message":"why"}', ProviderFailed),
        ("~ThrottlingException why", ProviderRateLimited),
    ],
)
def test_exceptions_are_errors_of_the_dialect(line, kind):
    reader = AnthropicStreamReader()
    (frame,) = reader.feed(reframe(encode(line) + chunk(STOP)))[:1]
    (failed,) = frame.events
    assert isinstance(failed, Failed)
    assert type(failed.error) is kind
    assert failed.error.message == "why"


@pytest.mark.parametrize("payload", ["", "[]", "{}", '{"message":3}'])
def test_an_exception_without_words_has_its_name(payload):
    assert b'"message":"throttlingException"' in reframe(encode("!throttlingException " + payload))


def test_other_messages_are_passed_over():
    assert reframe(message({":message-type": "event", ":event-type": "future"}, b"x") + message({}, b"")) == b""


@pytest.mark.parametrize(
    "bad",
    [
        encode("chunk nonsense"),
        encode("chunk []"),
        encode("chunk {}"),
        encode('chunk {"bytes":3}'),
        encode('chunk {"bytes":"***"}'),
        encode('chunk {"bytes":"é"}'),
        chunk(b"nonsense"),
        chunk(b"[]"),
        chunk(b"{}"),
        chunk(b'{"type":"a\\nb"}'),
        chunk(STOP)[:-1] + b"\x00",
        b"<html>502 Bad Gateway</html>",
    ],
)
def test_what_is_not_of_the_framing_fails_behind_what_came_before(bad):
    reader = AnthropicOverBedrock()
    assert reader.feed(chunk(STOP) + bad) == reframe(chunk(STOP))
    for again in (lambda: reader.feed(b""), lambda: reader.feed(chunk(STOP)), reader.finish):
        with pytest.raises(ProviderBadAnswer):
            again()
    with pytest.raises(ProviderBadAnswer):
        AnthropicOverBedrock().feed(bad)


def test_a_cut_message_is_a_cut_stream():
    reader = AnthropicOverBedrock()
    reader.feed(chunk(STOP)[:-1])
    with pytest.raises(ProviderTruncated):
        reader.finish()


def test_a_json_body_is_an_error():
    assert reframe(b'{"message":', b'"busy"}') == (
        b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"busy"}}\n\n'
    )
    for body in (b"{}", b"{oops"):
        with pytest.raises(ProviderBadAnswer):
            reframe(body)
    with pytest.raises(ProviderBadAnswer):
        reframe(b"{" + b" " * MAX_BODY_BYTES)


def test_an_empty_body_says_nothing():
    """The dialect's reader then finds the end missing."""
    assert reframe(b"", b"") == b""


def outcome(*pieces: bytes):
    reader = AnthropicOverBedrock()
    out = b""
    try:
        for piece in pieces:
            out += reader.feed(piece)
        return out + reader.finish(), None
    except ProviderError as error:
        return out, repr(error)


EVENTS = st.sampled_from(
    [
        chunk(STOP),
        chunk(b'{"type":"ping"}'),
        encode('!throttlingException {"message":"m"}'),
        encode("chunk {}"),
        b"\x00",
        b"{",
    ]
)


@given(st.lists(EVENTS, max_size=5).map(b"".join), st.integers(1, 60))
def test_any_split_gives_the_same(data, size):
    assert outcome(*(data[at : at + size] for at in range(0, len(data), size))) == outcome(data)


def test_metrics_at_the_end_do_not_disturb_the_reader():
    event = orjson.dumps({"type": "message_stop", "amazon-bedrock-invocationMetrics": {"outputTokenCount": 3}})
    (frame,) = AnthropicStreamReader().feed(reframe(chunk(event)))
    assert frame.events == (Ended(),)
