"""A tool that the provider knows by another name is the client's own again in whatever it gets."""

import orjson
import pytest

from extproc.dialects.sse import render_event

NAME = "mcp__plugin_everything_claude_code_playwright__browser_take_a_screenshot"
TOOL = {"type": "function", "function": {"name": NAME, "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
def asked(world):
    """An attempt at Claude, and what the tool is called there."""

    def start(*, stream: bool):
        world.chat("claude", stream=stream, tools=[TOOL])
        attempt = world.send()
        (tool,) = orjson.loads(attempt.sent.body)["tools"]
        assert tool["name"] != NAME
        return attempt, {"type": "tool_use", "id": "toolu_1", "name": tool["name"], "input": {}}

    return start


def test_a_whole_answer_calls_it_as_the_client_did(asked, claude):
    attempt, use = asked(stream=False)
    attempt.headers(200)
    whole = orjson.loads(claude.whole()) | {"content": [use], "stop_reason": "tool_use"}
    attempt.body(orjson.dumps(whole), end=True)
    (call,) = attempt.seen.json["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == NAME


def test_a_stream_calls_it_as_the_client_did(asked, claude):
    attempt, use = asked(stream=True)
    attempt.headers(200, content_type="text/event-stream")
    started = {"type": "content_block_start", "index": 1, "content_block": use}
    attempt.body(claude.start() + render_event(orjson.dumps(started), name=started["type"]))
    attempt.body(claude.stop(), end=True)
    assert f'"name":"{NAME}"'.encode() in attempt.seen.body
    assert use["name"].encode() not in attempt.seen.body


@pytest.mark.parametrize("stream", [False, True])
def test_a_custom_tool_is_called_as_one(world, claude, stream):
    tools = [{"type": "custom", "name": "apply_patch"}]
    world.ask({"model": "claude", "input": "Hi", "tools": tools, "stream": stream}, "/v1/responses")
    attempt = world.send()
    use = {"type": "tool_use", "id": "toolu_1", "name": "apply_patch", "input": {"input": "*** Begin"}}
    if stream:
        attempt.headers(200, content_type="text/event-stream")
        started = {"type": "content_block_start", "index": 1, "content_block": use}
        attempt.body(claude.start() + render_event(orjson.dumps(started), name=started["type"]))
        attempt.body(claude.stop(), end=True)
        assert b'"type":"custom_tool_call"' in attempt.seen.body
        assert b"function_call" not in attempt.seen.body
        return
    attempt.headers(200)
    attempt.body(orjson.dumps(orjson.loads(claude.whole()) | {"content": [use], "stop_reason": "tool_use"}), end=True)
    (call,) = attempt.seen.json["output"]
    assert (call["type"], call["input"]) == ("custom_tool_call", "*** Begin")
