"""Each fault, at the level of bytes, and what the official SDKs make of it."""

import time

import openai as openai_sdk
import orjson
import pytest
from anthropic import APIStatusError as AnthropicStatusError
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from extproc.simulator.server import Server

OPENAI = "/v1/chat/completions"
ANTHROPIC = "/v1/messages"
HI = [{"role": "user", "content": "echo: a b c d"}]


def body(model: str, **fields) -> dict:
    return {"model": model, "max_tokens": 100, "messages": HI, **fields}


async def good(post, path: str, **fields) -> list[bytes]:
    """The events of an unbroken stream, ids and times aside."""
    wire = await post(path, body("m", stream=True, **fields))
    assert wire.end == "complete"
    return wire.pieces


def shape(pieces: list[bytes]) -> list[int]:
    return [len(piece) for piece in pieces]


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("at", [0, 1, 3, -1])
async def test_error_event(post, simulator: Server, path, at):
    whole = await good(post, path)
    wire = await post(path, body(f"m@fault=error_event,fault_at={at}", stream=True))
    expected = at if at >= 0 else len(whole) + at
    assert (wire.status, wire.end) == (200, "complete")
    assert shape(wire.pieces[:-1]) == shape(whole[:expected])
    event = wire.pieces[-1].decode()
    error = orjson.loads(event[event.index("data: ") + 6 :])["error"]
    if path == ANTHROPIC:
        assert event.startswith("event: error\n")
        assert error["type"] == "overloaded_error"
    else:
        assert error["type"] == "server_error"
    record = simulator.recorder.requests[-1]
    assert (record.outcome, record.events_sent, record.client_closed) == ("fault", expected, False)


async def test_sdks_raise_error_events(openai: AsyncOpenAI, anthropic: AsyncAnthropic):
    stream = await openai.chat.completions.create(model="m@fault=error_event,fault_at=2", messages=HI, stream=True)
    with pytest.raises(openai_sdk.APIError, match="Simulated"):
        _ = [chunk async for chunk in stream]
    stream = await anthropic.messages.create(
        model="m@fault=error_event,fault_at=4", max_tokens=9, messages=HI, stream=True
    )
    with pytest.raises(AnthropicStatusError) as caught:
        _ = [event async for event in stream]
    assert caught.value.type == "overloaded_error"


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("at", [0, 3])
async def test_cut_resets_in_the_middle_of_an_event(post, simulator: Server, path, at):
    whole = await good(post, path)
    wire = await post(path, body(f"m@fault=cut,fault_at={at}", stream=True))
    assert (wire.status, wire.end) == (200, "reset")
    assert shape(wire.pieces) == shape(whole[:at]), "whole events before the cut"
    rest = wire.body[sum(shape(wire.pieces)) :]
    assert len(rest) == len(whole[at]) // 2
    record = simulator.recorder.requests[-1]
    assert (record.outcome, record.events_sent, record.client_closed) == ("fault", at, False)


async def test_cut_breaks_the_sdk(openai: AsyncOpenAI):
    stream = await openai.chat.completions.create(model="m@fault=cut,fault_at=2", messages=HI, stream=True)
    with pytest.raises(openai_sdk.APIConnectionError):
        _ = [chunk async for chunk in stream]


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
async def test_stall_keeps_the_connection_and_says_nothing(post, simulator: Server, until, path):
    whole = await good(post, path)
    wire = await post(path, body("m@fault=stall,fault_at=2", stream=True), patience=0.1)
    assert wire.end == "silent"
    assert shape(wire.pieces) == shape(whole[:2])
    record = simulator.recorder.requests[-1]
    await until(lambda: record.client_closed)
    assert (record.outcome, record.events_sent) == ("fault", 2)


@pytest.mark.parametrize(("path", "line"), [(OPENAI, '{"id": "chatcmpl-'), (ANTHROPIC, '{"type": "content_block_del')])
async def test_malformed_line_in_a_stream_that_goes_on(post, simulator: Server, path, line):
    whole = await good(post, path)
    wire = await post(path, body("m@fault=malformed,fault_at=3", stream=True))
    assert wire.end == "complete"
    assert wire.pieces[3].decode().endswith(f"data: {line}\n\n")
    assert shape([*wire.pieces[:3], *wire.pieces[4:]]) == shape(whole)
    assert simulator.recorder.requests[-1].outcome == "fault"


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
async def test_early_end_is_a_clean_end_without_finish_marker(post, path):
    whole = await good(post, path)
    wire = await post(path, body("m@fault=early_end,fault_at=-1", stream=True))
    assert wire.end == "complete"
    assert shape(wire.pieces) == shape(whole[:-1])


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
async def test_a_fault_past_the_end_still_happens(post, path):
    whole = await good(post, path)
    wire = await post(path, body("m@fault=early_end,fault_at=999", stream=True))
    assert shape(wire.pieces) == shape(whole[:-1])


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
async def test_bodies_that_are_no_answer(post, simulator: Server, path, stream):
    html = await post(path, body("m@fault=html", stream=stream))
    assert (html.status, html.headers["content-type"]) == (200, "text/html; charset=UTF-8")
    assert html.text.startswith("<!DOCTYPE html>")
    empty = await post(path, body("m@fault=empty", stream=stream))
    assert (empty.status, empty.body, empty.end) == (200, b"", "complete")
    assert empty.headers["content-type"] == ("text/event-stream; charset=utf-8" if stream else "application/json")
    wrong = await post(path, body("m@fault=wrong_content_type", stream=stream))
    assert wrong.headers["content-type"] == "application/octet-stream"
    assert wrong.data[-1] if stream else wrong.json["usage"]
    assert [record.outcome for record in simulator.recorder.requests] == ["fault"] * 3


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
async def test_faults_of_a_whole_answer(post, path):
    whole = await post(path, body("m"))
    half = len(whole.body) // 2
    cut = await post(path, body("m@fault=cut"))
    assert (cut.end, len(cut.body)) == ("reset", pytest.approx(half, abs=len(whole.headers) * 40))
    assert int(cut.headers["content-length"]) == len(whole.body)
    stalled = await post(path, body("m@fault=stall"), patience=0.1)
    assert (stalled.end, int(stalled.headers["content-length"])) == ("silent", len(whole.body))
    for fault in ("malformed", "early_end"):
        broken = await post(path, body(f"m@fault={fault}"))
        assert (broken.end, len(broken.body)) == ("complete", half)
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(broken.body)
    hidden = await post(path, body("m@fault=error_event"))
    assert hidden.status == 200
    assert hidden.json["error"]["message"]


async def test_drop_and_hang(post, simulator: Server, until):
    dropped = await post(OPENAI, body("m@drop_connection=true"))
    assert (dropped.status, dropped.end) == (0, "reset")
    hung = await post(OPENAI, body("m@hang=true"), patience=0.1)
    assert (hung.status, hung.end) == (0, "silent")
    await until(lambda: simulator.recorder.requests[-1].client_closed)
    assert [record.outcome for record in simulator.recorder.requests] == ["fault", "fault"]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("split", ["split=1", "split=7", "split=5000", "seed=3", "seed=3,split=9"])
async def test_splits_change_no_byte(post, split, stream):
    def content(wire) -> str:
        return wire.text.replace(wire.headers["request-id"][7:], "")

    plain = await post(ANTHROPIC, body("m", stream=stream))
    cut = await post(ANTHROPIC, body(f"m@{split}", stream=stream))
    ids = {"id": "msg_"}
    assert len(cut.body) == len(plain.body), ids
    sizes = set(shape(cut.pieces[:-1]))
    if stream and split.startswith("split"):
        assert sizes <= {int(split[6:])}
    elif stream:
        assert max(sizes) <= (9 if "split" in split else 64)
        assert len(sizes) > 3


async def test_random_splits_repeat_with_their_seed(post):
    first, again, other = [
        shape((await post(OPENAI, body(f"m@seed={seed}", stream=True))).pieces) for seed in (1, 1, 2)
    ]
    assert first == again != other


@pytest.mark.parametrize("stream", [True, False])
async def test_gzip_is_flushed_with_each_event(post, openai: AsyncOpenAI, stream):
    plain = await post(OPENAI, body("m", stream=stream))
    packed = await post(OPENAI, body("m@gzip=true", stream=stream))
    assert packed.headers["content-encoding"] == "gzip"
    assert len(packed.text) == len(plain.text)
    if stream:
        assert len(packed.pieces) == len(plain.pieces) + 1, "the last one is gzip's end"
        cut = await post(OPENAI, body("m@gzip=true,fault=stall,fault_at=3", stream=True), patience=0.1)
        assert len(cut.data) == 3
    answer = await openai.chat.completions.create(model="m@gzip=true", messages=HI)
    assert answer.choices[0].message.content == "a b c d"


async def test_gzip_with_splits(post):
    wire = await post(OPENAI, body("m@gzip=true,split=3", stream=True))
    assert wire.data[-1] == "[DONE]"


async def test_crlf(post):
    wire = await post(ANTHROPIC, body("m@crlf=true", stream=True))
    assert wire.body.count(b"\n") == wire.body.count(b"\r\n") > 10
    assert wire.text.splitlines()[0] == "event: message_start"


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        (OPENAI, 429, "requests"),
        (OPENAI, 500, "server_error"),
        (OPENAI, 503, "server_error"),
        (OPENAI, 418, "server_error"),
        (ANTHROPIC, 429, "rate_limit_error"),
        (ANTHROPIC, 529, "overloaded_error"),
        (ANTHROPIC, 500, "api_error"),
        (ANTHROPIC, 502, "api_error"),
        (ANTHROPIC, 403, "permission_error"),
    ],
)
async def test_statuses(post, path, status, kind):
    wire = await post(path, body(f"m@status={status}", stream=True))
    assert (wire.status, wire.json["error"]["type"]) == (status, kind)
    assert wire.headers["content-type"] == "application/json"
    assert wire.headers.get("retry-after") == ("1" if status == 429 else None)


async def test_retry_after_and_own_bodies(post):
    assert (await post(OPENAI, body("m@status=503,retry_after=2.5"))).headers["retry-after"] == "2.5"
    assert (await post(OPENAI, body("m@status=429,retry_after=0"))).headers["retry-after"] == "0"
    assert "retry-after" not in (await post(OPENAI, body("m@status=429,retry_after=-1"))).headers
    wire = await post(OPENAI, body("m@status=502,error_body=<h1>bad gateway</h1>,headers=server:cf|x-a:b"))
    assert (wire.text, wire.headers["server"], wire.headers["x-a"]) == ("<h1>bad gateway</h1>", "cf", "b")


async def test_pace(post):
    start = time.monotonic()
    wire = await post(OPENAI, body("m@latency=0.05,first_token_delay=0.05,tokens_per_second=50", stream=True))
    took = time.monotonic() - start
    assert wire.data[-1] == "[DONE]"
    assert took > 0.155, "0.05 to the headers, 0.05 to the first token, three more at 0.02"
    start = time.monotonic()
    await post(OPENAI, body("m@latency=0.05,tokens_per_second=50"))
    assert time.monotonic() - start > 0.125, "a whole answer waits for its four tokens"
