"""Scripts, records and labels, through the control API and in the process."""

import asyncio
import hashlib

import orjson
import pytest

from extproc.simulator.behaviour import BadSetting, Behaviour
from extproc.simulator.record import BODY_CAP, now
from extproc.simulator.server import Server

PATH = "/v1/chat/completions"
HI = [{"role": "user", "content": "echo: a b c d e f"}]


def body(model: str = "m", **fields) -> dict:
    return {"model": model, "messages": HI, **fields}


async def test_a_programme_is_used_up_call_by_call(post):
    steps = {"m": [{"status": 429}, "status=500", {}]}
    assert (await post("/sim/script", steps, method="PUT")).status == 200
    assert [(await post(PATH, body())).status for _ in range(4)] == [429, 500, 200, 200]
    await post("/sim/script", {"m": {"status": 503}}, method="PUT")
    assert [(await post(PATH, body())).status for _ in range(2)] == [503, 503]
    await post("/sim/script", {}, method="PUT")
    assert (await post(PATH, body())).status == 200


async def test_the_most_special_key_wins(post, simulator: Server):
    simulator.script.replace({"*": "status=401", "b:*": "status=402", "m": "status=403", "b:m": "status=404"})
    seen = [(await post(prefix + PATH, body(model))).status for prefix in ("", "/p/b") for model in ("x", "m")]
    assert seen == [401, 403, 402, 404]


async def test_header_beats_suffix_beats_programme(post, simulator: Server):
    simulator.script.set("m", Behaviour(status=500, retry_after=9))
    wire = await post(PATH, body("m@status=501"), x_sim_status="502")
    assert (wire.status, wire.headers["retry-after"]) == (502, "9")
    assert (await post(PATH, body("m@status=501"))).status == 501


async def test_vendors_own_at_signs_are_no_suffix(post, simulator: Server):
    assert (await post(PATH, body("claude@20250101"))).json["model"] == "claude@20250101"
    assert (await post(PATH, body("claude@20250101@tokens=3"))).json["model"] == "claude@20250101"
    assert simulator.recorder.requests[-1].model == "claude@20250101"


@pytest.mark.parametrize(
    ("suffix", "words"),
    [
        ("colour=red", "no behaviour is called 'colour'"),
        ("status=soon", "status cannot be"),
        ("fault=x", "expected one"),
    ],
)
async def test_wrong_settings_are_told(post, suffix, words):
    wire = await post(PATH, body(f"m@{suffix}"))
    assert (wire.status, words in wire.json["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    "wrong", [b"{", b"[]", {"m": {"colour": "red"}}, {"m": []}, {"m": [1]}, {"m": {"status": None}}]
)
async def test_a_wrong_script_changes_nothing(post, simulator: Server, wrong):
    simulator.script.set("m", "status=418")
    wire = await post("/sim/script", wrong, method="PUT")
    assert wire.status == 400
    assert wire.json["error"]
    assert (await post(PATH, body())).status == 418


async def test_settings_have_types(simulator: Server):
    simulator.script.set("m", {"latency": 1, "gzip": True, "headers": {"a": "b"}, "error_body": {"e": 1}, "seed": None})
    with pytest.raises(BadSetting, match="true or false"):
        simulator.script.set("m", {"gzip": "perhaps"})
    with pytest.raises(BadSetting, match="one line"):
        simulator.script.set("m", {"headers": {"a": "b\r\nc: d"}})


async def test_labels_are_providers(post, simulator: Server):
    await post("/p/acme/v1/chat/completions", body())
    await post("/p/other/v1/messages", {**body(), "max_tokens": 5})
    seen = [(record.label, record.path, record.status) for record in simulator.recorder.requests]
    assert seen == [("acme", "/p/acme/v1/chat/completions", 200), ("other", "/p/other/v1/messages", 200)]


async def test_a_record_tells_what_came_and_what_went(post, simulator: Server):
    before = now()
    sent = body(stream=True)
    await post(PATH, sent, X_Custom="Yes")
    record = simulator.recorder.requests[-1]
    assert orjson.loads(record.body) == sent
    assert (record.header("X-custom"), record.header("authorization")) == ("Yes", "Bearer sk-sim")
    assert (record.method, record.path, record.model, record.stream) == ("POST", PATH, "m", True)
    assert (record.outcome, record.events_sent, record.output_tokens_sent) == ("complete", 9, 6)
    assert (record.output_tokens, record.input_tokens) == (6, 3 + 5)
    assert before - 0.1 < record.received_at <= record.closed_at < now() + 0.1
    exported = (await post("/sim/requests?limit=1", b"", method="GET")).json["requests"]
    assert len(exported) == 1
    assert exported[0]["headers"] == [list(pair) for pair in record.headers]
    assert orjson.loads(exported[0]["body"]) == sent
    assert exported[0]["output_tokens_sent"] == 6


async def test_large_bodies_are_stored_in_part_and_known_in_full(post, simulator: Server):
    large = orjson.dumps(body()) + b" " * (3 * BODY_CAP)
    assert (await post(PATH, large)).status == 200
    record = simulator.recorder.requests[-1]
    assert (len(record.body), record.body_length) == (BODY_CAP, len(large))
    assert record.body_sha256 == hashlib.sha256(large).hexdigest()


@pytest.mark.parametrize(("path", "at"), [(PATH, 3), ("/v1/messages", 5)])
async def test_a_client_that_leaves_is_seen_at_once(simulator: Server, raw, message, until, path, at):
    """With what it had got: that is what a vendor bills."""
    simulator.script.set("m", "tokens_per_second=20")
    reader, writer = await raw()
    writer.write(message(path, body(stream=True, max_tokens=50)))
    record = None
    async with asyncio.timeout(30):
        while record is None or record.events_sent < at:
            await reader.read(4096)
            record = simulator.recorder.requests[-1]
    left = now()
    writer.close()
    await until(lambda: record.outcome != "in_progress")
    assert (record.outcome, record.client_closed) == ("client_closed", True)
    assert (record.events_sent, record.output_tokens_sent) == (at, 2)
    assert record.closed_at >= left


async def test_stats(post, simulator: Server, raw, message, read, until):
    await post("/p/a" + PATH, body())
    await post(PATH, body("x@status=429"))
    reader, writer = await raw()
    writer.write(message(PATH, body("slow@fault=stall,fault_at=2", stream=True)))
    await read(reader, 0.05)
    stats = (await post("/sim/stats", b"", method="GET")).json
    assert stats["counts"] == [
        {"label": "a", "model": "m", "status": 200, "count": 1},
        {"label": "", "model": "x", "status": 429, "count": 1},
        {"label": "", "model": "slow", "status": 200, "count": 1},
    ]
    assert stats["total"] == 3
    assert stats["aborted"] == []
    assert stats["open_connections"] >= 2
    writer.close()
    await until(lambda: simulator.recorder.requests[-1].client_closed)
    aborted = (await post("/sim/stats", b"", method="GET")).json["aborted"]
    assert [(one["model"], one["events_sent"]) for one in aborted] == [("slow", 2)]
    assert 0.04 < aborted[0]["seconds"] < 30


async def test_records_can_be_cleared(post, simulator: Server):
    await post(PATH, body())
    assert (await post("/sim/requests", b"", method="DELETE")).status == 200
    assert (await post("/sim/requests", b"", method="GET")).json == {"requests": []}
    assert (await post("/sim/stats", b"", method="GET")).json["counts"] == []
    assert not simulator.recorder.requests, "the control API keeps no record of itself"


@pytest.mark.parametrize("target", ["/sim/requests?limit=-1", "/sim/requests?limit=x"])
async def test_wrong_limits_are_told(post, target):
    assert (await post(target, b"", method="GET")).status == 400


async def test_unknown_control_paths(post):
    assert (await post("/sim/nope", b"", method="GET")).status == 404
    assert (await post("/sim/script", b"", method="POST")).status == 404
