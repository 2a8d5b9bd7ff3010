"""Every fault, at the level of bytes, for the streams and the whole answers of the clouds."""

import zlib

import orjson
import pytest
from botocore.eventstream import EventStreamBuffer

from extproc.simulator.server import Server

CONVERSE = {"messages": [{"role": "user", "content": [{"text": "echo: a b c"}]}]}
MESSAGES = {"max_tokens": 99, "messages": [{"role": "user", "content": "echo: a b c"}]}
BEDROCK = {"anthropic_version": "bedrock-2023-05-31", **MESSAGES}
VERTEX = {"anthropic_version": "vertex-2023-10-16", **MESSAGES}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "echo: a b c"}]}]}
PUBLISHERS = "/v1/projects/p/locations/l/publishers"

STREAMS = {
    "converse": ("/model/nova{}/converse-stream", CONVERSE, "application/vnd.amazon.eventstream"),
    "bedrock claude": (
        "/model/anthropic.m{}/invoke-with-response-stream",
        BEDROCK,
        "application/vnd.amazon.eventstream",
    ),
    "gemini": ("/v1beta/models/gemini-2.0{}:streamGenerateContent?alt=sse", GEMINI, "text/event-stream"),
    "gemini array": ("/v1beta/models/gemini-2.0{}:streamGenerateContent", GEMINI, "application/json; charset=UTF-8"),
    "vertex gemini": (f"{PUBLISHERS}/google/models/m{{}}:streamGenerateContent?alt=sse", GEMINI, "text/event-stream"),
    "vertex claude": (
        f"{PUBLISHERS}/anthropic/models/m{{}}:streamRawPredict",
        {**VERTEX, "stream": True},
        "text/event-stream; charset=utf-8",
    ),
}
WHOLES = {
    "converse": ("/model/nova{}/converse", CONVERSE),
    "bedrock claude": ("/model/anthropic.m{}/invoke", BEDROCK),
    "gemini": ("/v1beta/models/gemini-2.0{}:generateContent", GEMINI),
    "vertex claude": (f"{PUBLISHERS}/anthropic/models/m{{}}:rawPredict", VERTEX),
}


@pytest.fixture
def send(post):
    async def call(path: str, body: dict, suffix: str = "", **named):
        return await post(path.format(suffix and f"@{suffix}"), body, authorization="Bearer ya29.sim-x", **named)

    return call


@pytest.fixture(params=STREAMS.values(), ids=STREAMS.keys())
def stream(request, send):
    path, body, kind = request.param

    async def call(suffix: str = "", **named):
        wire = await send(path, body, suffix, **named)
        wire.expected_type = kind
        return wire

    return call


@pytest.fixture(params=WHOLES.values(), ids=WHOLES.keys())
def whole(request, send):
    async def call(suffix: str = "", **named):
        return await send(*request.param, suffix, **named)

    return call


async def test_a_good_stream(stream, simulator: Server):
    wire = await stream()
    assert (wire.status, wire.end, wire.headers["content-type"]) == (200, "complete", wire.expected_type)
    record = simulator.recorder.requests[-1]
    assert record.events_sent == len(wire.pieces)
    assert record.output_tokens_sent == record.output_tokens >= 3
    if "amazon" in wire.expected_type:
        reader = EventStreamBuffer()
        reader.add_data(wire.body)
        assert len(list(reader)) == len(wire.pieces), "each piece is one message, its checksums right"


async def test_cut(stream, simulator: Server):
    wire = await stream("fault=cut,fault_at=2")
    assert (wire.end, len(wire.pieces)) == ("reset", 2)
    assert simulator.recorder.requests[-1].outcome == "fault"


async def test_stall(stream):
    wire = await stream("fault=stall,fault_at=2", patience=0.1)
    assert (wire.end, len(wire.pieces)) == ("silent", 2)


async def test_early_end(stream):
    good, wire = await stream(), await stream("fault=early_end,fault_at=-1")
    assert (wire.end, len(wire.pieces)) == ("complete", len(good.pieces) - 1)


async def test_bodies_that_are_no_answer(stream):
    assert (await stream("fault=html")).text.startswith("<!DOCTYPE html>")
    empty = await stream("fault=empty")
    assert (empty.body, empty.headers["content-type"]) == (b"", empty.expected_type)
    assert (await stream("fault=wrong_content_type")).headers["content-type"] == "application/octet-stream"


async def test_delivery_changes_no_byte(stream):
    """Ids differ from answer to answer, lengths do not."""
    good = await stream()
    for how in ("split=1", "split=700", "seed=3"):
        assert len((await stream(how)).body) == len(good.body)
    packed = await stream("gzip=true")
    assert packed.headers["content-encoding"] == "gzip"
    assert len(zlib.decompressobj(wbits=31).decompress(packed.body)) == len(good.body)
    broken = await stream("crlf=true")
    assert b"\r\r" not in broken.body
    if "amazon" in good.expected_type:
        assert len(broken.body) == len(good.body), "a binary framing has no lines"


async def test_no_connection_and_no_answer(stream):
    assert (await stream("drop_connection=true")).end == "reset"
    assert (await stream("hang=true", patience=0.1)).end == "silent"


async def test_faults_of_a_whole_answer(whole):
    good = await whole()
    assert orjson.loads(good.body)
    for fault in ("malformed", "early_end"):
        broken = await whole(f"fault={fault}")
        assert len(broken.body) == len(good.body) // 2
    hidden = await whole("fault=error_event")
    assert hidden.status == 200
    assert "message" in hidden.json or "error" in hidden.json
    assert (await whole("fault=cut")).end == "reset"
    own = await whole("status=503,error_body=down,retry_after=7,headers=x-a:b")
    assert (own.status, own.text, own.headers["retry-after"], own.headers["x-a"]) == (503, "down", "7", "b")
