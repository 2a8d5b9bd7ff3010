"""Claims about answers that nobody but the client reads: all bytes pass, usage is noted, a cut does not look whole."""

import base64
import time

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import ImageGenCompletedEvent
from openai.types.audio import TranscriptionTextDoneEvent

from extproc.domain.answer import CONTENT_EVENTS, Ended, Failed, Opaque, Started, UsageSeen
from extproc.domain.errors import ProviderBadAnswer, ProviderFailed, ProviderRateLimited, ProviderTruncated
from extproc.domain.usage import Usage
from extproc.translate.opaque import MAX_EVENT_BYTES, MAX_JSON_BYTES, OpaqueReader
from extproc.translate.response import AnswerStream

SSE = "text/event-stream; charset=utf-8"


def stream(kind, *chunks):
    answer = AnswerStream(OpaqueReader(kind), None, hide_usage=False, model="m")
    steps = [answer.feed(chunk) for chunk in chunks] + [answer.finish()]
    failed = next((step.failed for step in steps if step.failed), None)
    return b"".join(step.data for step in steps), failed, answer


def events(*values):
    return b"".join(b"event: %b\ndata: %b\n\n" % (value["type"].encode(), orjson.dumps(value)) for value in values)


IMAGE_USAGE = {"input_tokens": 50, "output_tokens": 50, "total_tokens": 100, "input_tokens_details": {"text_tokens": 10, "image_tokens": 40}}  # fmt: skip
PICTURE = {"type": "image_generation.completed", "b64_json": "aGk=", "created_at": 1, "size": "1024x1024", "quality": "high", "background": "opaque", "output_format": "png", "usage": IMAGE_USAGE}  # fmt: skip
HEARD = {"type": "transcript.text.done", "text": "Hi", "usage": {"type": "tokens", "input_tokens": 14, "input_token_details": {"text_tokens": 4, "audio_tokens": 10}, "output_tokens": 3, "total_tokens": 17}}  # fmt: skip
SPOKEN = {"type": "speech.audio.done", "usage": {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}}
EDITED = PICTURE | {"type": "image_edit.completed"}

STREAMS = {
    "speech": (
        events({"type": "speech.audio.delta", "audio": "AAAA"}, SPOKEN),
        Usage(input=14, output=101, audio_output=101),
    ),
    "transcription": (
        events({"type": "transcript.text.delta", "delta": "H"}, {"type": "transcript.text.delta", "delta": "i"}, HEARD),
        Usage(input=14, output=3, audio_input=10),
    ),
    "image": (
        events({"type": "image_generation.partial_image", "b64_json": "aA==", "partial_image_index": 0}, PICTURE),
        Usage(input=50, output=50, image_input=40),
    ),
    "edit": (events(EDITED), Usage(input=50, output=50, image_input=40)),
    "unnamed events and a marker": (
        b": keep-alive\n\ndata: %b\r\n\r\ndata: [DONE]\n\n" % orjson.dumps(HEARD),
        Usage(input=14, output=3, audio_input=10),
    ),
    "events that nobody knows": (b'data: {"type":"tomorrow"}\n\n', Usage()),
}


def test_the_events_are_the_vendors():
    ImageGenCompletedEvent.model_validate(PICTURE, strict=True)
    TranscriptionTextDoneEvent.model_validate(HEARD, strict=True)


@pytest.mark.parametrize(("data", "usage"), STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_stream_passes_as_it_is_and_its_usage_is_noted(data, usage, size):
    out, failed, answer = stream(SSE, *(data[i : i + size] for i in range(0, len(data), size)))
    assert (out, failed) == (data, None)
    assert answer.usage == usage
    assert answer.terminal
    assert answer.content_seen
    assert (answer.output_bytes, answer.output_events) == (0, 0)
    assert answer.response_model == "m"


@pytest.mark.parametrize("name", ["speech", "transcription", "image", "edit"])
def test_a_stream_without_its_last_event_is_cut(name):
    data = STREAMS[name][0]
    begun = {"edit": events({"type": "image_edit.partial_image"})}.get(name, data[: data.index(b"\n\n") + 2])
    out, failed, answer = stream(SSE, begun)
    assert out == begun
    assert isinstance(failed, ProviderTruncated)
    assert answer.terminal


def test_a_last_event_without_its_blank_line_counts_and_gets_one():
    data = STREAMS["speech"][0]
    out, failed, answer = stream(SSE, data[:-2])
    assert (out, failed) == (data, None)
    assert answer.usage.output == 101


def test_a_last_event_that_is_cut_is_a_cut():
    data = STREAMS["speech"][0]
    assert isinstance(stream(SSE, data[:-30])[1], ProviderTruncated)


ERRORS = {
    "OpenAI's": (b'data: {"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}\n\n', ProviderRateLimited),
    "typed": (b'data: {"type":"error","message":"slow down","code":"rate_limit_exceeded"}\n\n', ProviderRateLimited),
    "named": (b'event: error\ndata: {"message":"slow down","code":"rate_limit_exceeded"}\n\n', ProviderRateLimited),
    "named, not JSON": (b"event: error\ndata: out of memory\n\n", ProviderFailed),
}  # fmt: skip


@pytest.mark.parametrize(("data", "kind"), ERRORS.values(), ids=ERRORS)
def test_an_error_event_is_a_failure_and_not_passed_on(data, kind):
    out, failed, answer = stream(SSE, data + STREAMS["speech"][0])
    assert out == b""
    assert isinstance(failed, kind)
    assert not answer.content_seen
    begun = events({"type": "speech.audio.delta", "audio": "AAAA"})
    assert stream(SSE, begun, data)[0] == begun


def test_an_event_of_many_lines_costs_no_more_than_its_bytes():
    """As many as an event may hold: a copy of all of them for each took twenty times as long."""
    data = b"data:x\n" * 149_000 + b"\n"
    began = time.process_time()
    assert stream(SSE, data)[0] == data
    assert time.process_time() - began < 0.25


def long_picture(size, **fields):
    value = {"type": "image_generation.completed", "b64_json": base64.b64encode(bytes(size)).decode(), **fields}
    return b"event: image_generation.completed\ndata: " + orjson.dumps(value) + b"\n\n"


@pytest.mark.parametrize("size", [1000, 65_536, 10_000_000])
def test_a_picture_too_large_to_be_held_flows_on_and_its_usage_is_read(size):
    data = long_picture(2 * MAX_EVENT_BYTES, usage=IMAGE_USAGE) + events(HEARD)
    out, failed, answer = stream(SSE, *(data[i : i + size] for i in range(0, len(data), size)))
    assert out == data
    assert failed is None
    # Two answers in one stream, which nobody sends: what is produced is the larger, the prompt the later one's.
    assert answer.usage == Usage(input=14, output=50, audio_input=10)


def test_usage_before_the_picture_is_read_too():
    value = {"type": "image_generation.completed", "usage": IMAGE_USAGE, "b64_json": "A" * 2 * MAX_EVENT_BYTES}
    data = b"data: " + orjson.dumps(value) + b"\n\n"
    out, failed, answer = stream(SSE, data[:-1000], data[-1000:])
    assert (out, failed) == (data, None)
    assert answer.usage.image_input == 40


def test_of_a_long_event_no_more_than_its_limit_is_held():
    reader = OpaqueReader(SSE)
    data = long_picture(4 * MAX_EVENT_BYTES)
    behind = 0
    for i in range(0, len(data), 100_000):
        chunk = data[i : i + 100_000]
        behind += len(chunk) - sum(len(frame.raw) for frame in reader.feed(chunk))
        assert behind <= MAX_EVENT_BYTES


@pytest.mark.parametrize("end", [b"", b'"usage":{"input_tokens":', b'"usage": {"a":' + b"[" * 5000, b'"usage":{}, '])
@pytest.mark.parametrize("kind", [b"completed", b"partial_image"])
def test_a_long_picture_that_is_cut(end, kind):
    data = long_picture(2 * MAX_EVENT_BYTES).replace(b"completed", kind)[:-10] + end
    out, failed, answer = stream(SSE, *(data[i : i + 65_536] for i in range(0, len(data), 65_536)))
    assert out == data
    assert isinstance(failed, ProviderTruncated)
    assert answer.usage == Usage()


def test_a_long_picture_without_its_blank_line_is_whole():
    data = long_picture(2 * MAX_EVENT_BYTES, usage=IMAGE_USAGE).rstrip()
    out, failed, answer = stream(SSE, *(data[i : i + 65_536] for i in range(0, len(data), 65_536)))
    assert (out, failed) == (data, None)
    assert answer.usage.image_input == 40


@pytest.mark.parametrize("kind", ["audio/mpeg", "application/octet-stream", "text/plain; charset=utf-8", ""])
def test_bytes_pass(kind):
    out, failed, answer = stream(kind, b"\xff\xfb", b"", b"data: \n\n")
    assert (out, failed) == (b"\xff\xfbdata: \n\n", None)
    assert answer.usage == Usage()
    assert answer.content_seen


def test_each_chunk_is_content():
    reader = OpaqueReader("audio/mpeg")
    assert [frame.events for frame in reader.feed(b"abc") + reader.feed(b"de") + reader.finish()] == [
        (Started("", ""), Opaque(3)),
        (Opaque(2),),
        (Ended(),),
    ]
    assert isinstance(Opaque(3), CONTENT_EVENTS)
    assert (reader.feed(b"more"), reader.finish()) == ([], [])


@pytest.mark.parametrize("kind", ["audio/mpeg", "image/png", "text/html", "application/json"])
def test_an_empty_answer_is_none(kind):
    out, failed, _ = stream(kind)
    assert out == b""
    assert isinstance(failed, ProviderBadAnswer)


def test_an_empty_text_is_a_text():
    assert stream("text/plain")[1] is None


def test_a_page_is_no_answer():
    out, failed, answer = stream("text/html; charset=utf-8", b"<html>", b"</html>")
    assert out == b""
    assert isinstance(failed, ProviderBadAnswer)
    assert not answer.content_seen


@pytest.mark.parametrize("kind", ["application/json", "application/vnd.x+json"])
def test_usage_of_a_json_body(kind):
    data = orjson.dumps({"text": "Hi", "usage": HEARD["usage"]})
    out, failed, answer = stream(kind, data[:10], data[10:])
    assert (out, failed) == (data, None)
    assert answer.usage == Usage(input=14, output=3, audio_input=10)


@pytest.mark.parametrize("data", [b'{"text":', b"[1]", b'{"usage":3}', b'{"usage":{"input_tokens":1},"x":"%b" }' % (b"x" * MAX_JSON_BYTES)])  # fmt: skip
def test_a_json_body_without_readable_usage_passes(data):
    out, failed, answer = stream("application/json", data[:-1], data[-1:])
    assert (out, failed, answer.usage) == (data, None, Usage())


def test_nothing_follows_a_failure():
    reader = OpaqueReader(SSE)
    frames = reader.feed(ERRORS["OpenAI's"][0] * 2)
    assert len(frames) == 1
    assert isinstance(frames[0].events[-1], Failed)
    assert (reader.feed(b"data: {}\n\n"), reader.finish()) == ([], [])
    late = OpaqueReader(SSE)
    late.feed(ERRORS["OpenAI's"][0].removesuffix(b"\n\n"))
    assert [type(event) for frame in late.finish() for event in frame.events] == [Started, Failed]


@settings(max_examples=50)
@given(st.lists(st.sampled_from([*(data for data, _ in STREAMS.values()), b"\n", b"data: x\r", b"\n\r\n"])), st.data())
def test_any_split_gives_the_same_bytes_and_usage(pieces, data):
    body = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    chunks = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    whole, split = stream(SSE, body), stream(SSE, *chunks)
    assert split[0] == whole[0]
    assert type(split[1]) is type(whole[1])
    assert split[2].usage == whole[2].usage


def test_usage_is_told_once_for_each_event():
    frames = OpaqueReader(SSE).feed(events(HEARD, PICTURE))
    assert [sum(isinstance(event, UsageSeen) for event in frame.events) for frame in frames] == [1, 1]
