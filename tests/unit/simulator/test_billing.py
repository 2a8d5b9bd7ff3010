"""What is billed where a behaviour asks for it: the most that a request allows, or scripted numbers. And who looks it up."""

import pytest

from extproc.simulator import record
from extproc.simulator.server import Server

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
TEXT = "zwölf Boxkämpfer"


def chat(**fields) -> dict:
    return {"model": "m", "messages": [{"role": "user", "content": TEXT}], **fields}


def message(**fields) -> dict:
    return {"model": "m", "max_tokens": 40, "messages": [{"role": "user", "content": TEXT}], **fields}


async def test_the_most_is_the_limit_and_a_token_for_each_byte(post, simulator: Server):
    simulator.script.set("*", {"most": True})
    usage = (await post(CHAT, chat(max_tokens=33))).json["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (len(TEXT.encode()) + 3, 33)
    usage = (await post(MESSAGES, message())).json["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (len(TEXT.encode()) + 3, 40)


async def test_each_choice_has_the_whole_limit_and_none_means_what_is_set(post, simulator: Server):
    simulator.script.set("*", {"most": True, "tokens": 7})
    assert (await post(CHAT, chat(max_tokens=5, n=3))).json["usage"]["completion_tokens"] == 15
    assert (await post(CHAT, chat())).json["usage"]["completion_tokens"] == 7


async def test_a_stream_of_the_most_really_has_it(post, simulator: Server):
    simulator.script.set("*", {"most": True})
    await post(MESSAGES, message(stream=True))
    assert simulator.recorder.requests[-1].output_tokens_sent == 40


@pytest.mark.parametrize(("ttl", "field"), [("5m", "ephemeral_5m_input_tokens"), ("1h", "ephemeral_1h_input_tokens")])
async def test_the_most_writes_the_cache_each_time(post, simulator: Server, ttl, field):
    simulator.script.set("*", {"most": True})
    mark = {"type": "ephemeral", "ttl": ttl}
    body = message(messages=[{"role": "user", "content": [{"type": "text", "text": TEXT, "cache_control": mark}]}])
    for _ in range(2):
        usage = (await post(MESSAGES, body)).json["usage"]
        assert usage["cache_creation"][field] == usage["cache_creation_input_tokens"] > len(TEXT.encode())
        assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (0, 0)


async def test_media_are_no_text(post, simulator: Server):
    simulator.script.set("*", {"most": True})
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "QUJD" * 5000}}
    body = chat(messages=[{"role": "user", "content": [image, {"type": "text", "text": TEXT}]}])
    assert (await post(CHAT, body)).json["usage"]["prompt_tokens"] < 5000


async def test_numbers_are_reported_as_scripted(post, simulator: Server):
    script = {"input_tokens": 1000, "cache_read_tokens": 256, "cache_write_tokens": 300, "output_tokens": 77}
    simulator.script.set("*", script)
    usage = (await post(MESSAGES, message())).json["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (444, 256)
    assert (usage["cache_creation_input_tokens"], usage["output_tokens"]) == (300, 77)
    usage = (await post(CHAT, chat())).json["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (1000, 77)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 256


async def test_what_was_billed_outlives_the_whole_record(post, simulator: Server, monkeypatch):
    monkeypatch.setattr(record, "CAPACITY", 3)
    for number in range(8):
        await post(CHAT, chat(), x_request_id=f"r{number}")
    usage = (await post("/sim/usage", b"", method="GET")).json["usage"]
    assert [one["request_id"] for one in usage] == [f"r{number}" for number in range(8)]
    assert {(one["status"], one["outcome"], one["output_tokens"]) for one in usage} == {(200, "complete", 16)}
    assert len(simulator.recorder.requests) == 3
    assert simulator.recorder.older[0].body == b""
    simulator.recorder.clear()
    assert (await post("/sim/usage", b"", method="GET")).json == {"usage": []}
