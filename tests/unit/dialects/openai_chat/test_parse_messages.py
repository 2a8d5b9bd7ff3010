"""Claims about reading the messages of a request."""

import pytest

from extproc.dialects.openai_chat.parse import parse_request
from extproc.domain.conversation import (
    Audio,
    CacheMark,
    Document,
    Image,
    Message,
    RedactedThinking,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from extproc.domain.errors import InvalidRequest

EPHEMERAL = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SIGNED = {"type": "thinking", "thinking": "why", "signature": "sig"}


def parse(*messages):
    return parse_request({"model": "m", "messages": list(messages)})


def user(*parts):
    return {"role": "user", "content": list(parts)}


def text(value, **fields):
    return {"type": "text", "text": value, **fields}


def image(url, **fields):
    return {"type": "image_url", "image_url": {"url": url, **fields}}


def file(**fields):
    return {"type": "file", "file": fields}


def assistant(content=None, **fields):
    return {"role": "assistant", "content": content, **fields}


def tool(content, call_id="a", **fields):
    return {"role": "tool", "tool_call_id": call_id, "content": content, **fields}


MESSAGES = {
    "the plain roles": (
        [{"role": role, "content": "x", "name": "n"} for role in ("system", "developer", "user")],
        [Message(role, (Text("x"),), "n") for role in ("system", "developer", "user")],
    ),
    "text parts": ([user(text("a"), text("b"))], [Message("user", (Text("a"), Text("b")))]),
    "an image by URL": (
        [user(image("https://x/y.png", detail="low"))],
        [Message("user", (Image(Source(url="https://x/y.png"), "low"),))],
    ),
    "an image as data": (
        [user(image("data:image/png;base64,iVBO"))],
        [Message("user", (Image(Source("image/png", "iVBO")),))],
    ),
    "data with a parameter and without a type": (
        [user(image("data:image/png;name=a.png;base64,iVBO"), image("data:;base64,AA"))],
        [Message("user", (Image(Source("image/png", "iVBO")), Image(Source(data="AA"))))],
    ),
    "an image as a bare string": (
        [user({"type": "image_url", "image_url": "https://x"})],
        [Message("user", (Image(Source(url="https://x")),))],
    ),
    "audio": (
        [user({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}})],
        [Message("user", (Audio("AA", "wav"),))],
    ),
    "files": (
        [
            user(
                file(file_id="file-1"),
                file(file_data="data:application/pdf;base64,JVBE", filename="a.pdf"),
                file(file_data="JVBE"),
            )
        ],
        [
            Message(
                "user",
                (
                    Document(Source(file_id="file-1")),
                    Document(Source("application/pdf", "JVBE"), "a.pdf"),
                    Document(Source(data="JVBE")),
                ),
            )
        ],
    ),
    "an assistant's text": ([assistant("x")], [Message("assistant", (Text("x"),))]),
    "calls": (
        [assistant(tool_calls=[CALL, {"id": "b", "function": {"name": "g"}, "index": 1}])],
        [Message("assistant", (ToolCall("a", "f", "{}"), ToolCall("b", "g", "")))],
    ),
    "arguments stay text": (
        [assistant(tool_calls=[{**CALL, "function": {"name": "f", "arguments": '{"x": 1, '}}])],
        [Message("assistant", (ToolCall("a", "f", '{"x": 1, '),))],
    ),
    "empty text beside calls": (
        [assistant("", tool_calls=[CALL])],
        [Message("assistant", (ToolCall("a", "f", "{}"),))],
    ),
    "text, refusal, calls": (
        [assistant("x", refusal="No", tool_calls=[CALL])],
        [Message("assistant", (Text("x"), Refusal("No"), ToolCall("a", "f", "{}")))],
    ),
    "a refusal part": (
        [assistant([text("x"), {"type": "refusal", "refusal": "No"}])],
        [Message("assistant", (Text("x"), Refusal("No")))],
    ),
    "reasoning": (
        [assistant("x", reasoning_content="why"), assistant("x", reasoning="why")],
        [Message("assistant", (Thinking("why"), Text("x")))] * 2,
    ),
    "signed reasoning wins": (
        [assistant("x", reasoning_content="why", thinking_blocks=[SIGNED, {"type": "redacted_thinking", "data": "d"}])],
        [Message("assistant", (Thinking("why", "sig"), RedactedThinking("d"), Text("x")))],
    ),
    "reasoning as a stream gave it": (
        [
            assistant(
                "x", thinking_blocks=[{**SIGNED, "index": 0}, {"type": "thinking", "thinking": "t", "signature": ""}]
            )
        ],
        [Message("assistant", (Thinking("why", "sig"), Thinking("t"), Text("x")))],
    ),
    "reasoning among the content": (
        [assistant([SIGNED, text("x")])],
        [Message("assistant", (Thinking("why", "sig"), Text("x")))],
    ),
    "an answer echoed whole": (
        [
            assistant(
                "x",
                refusal=None,
                annotations=[{"type": "url_citation"}],
                audio=None,
                function_call=None,
                tool_calls=None,
                reasoning_details=[{}],
            )
        ],
        [Message("assistant", (Text("x"),))],
    ),
    "what the SDK has parsed": (
        [
            assistant(
                '{"a":1}',
                parsed={"a": 1},
                tool_calls=[
                    {
                        "id": "a",
                        "type": "function",
                        "function": {"name": "f", "arguments": "{}", "parsed_arguments": {}},
                    }
                ],
            )
        ],
        [Message("assistant", (Text('{"a":1}'), ToolCall("a", "f", "{}")))],
    ),
    "a run of results is one message": (
        [tool("1"), tool([text("2"), text("3")], "b", name="g"), {"role": "user", "content": "x"}, tool("4", "c")],
        [
            Message("tool", (ToolResult("a", (Text("1"),)), ToolResult("b", (Text("2"), Text("3"))))),
            Message("user", (Text("x"),)),
            Message("tool", (ToolResult("c", (Text("4"),)),)),
        ],
    ),
    "empty results": (
        [tool(""), tool(None, "b"), tool([], "c")],
        [Message("tool", (ToolResult("a", ()), ToolResult("b", ()), ToolResult("c", ())))],
    ),
    "a result with an image": (
        [tool([image("https://x")])],
        [Message("tool", (ToolResult("a", (Image(Source(url="https://x")),)),))],
    ),
    "the deprecated functions": (
        [
            assistant(function_call={"name": "f", "arguments": "{}"}),
            {"role": "function", "name": "f", "content": "1"},
            assistant(function_call={"name": "g", "arguments": "{}"}),
            {"role": "function", "name": "g", "content": "2"},
        ],
        [
            Message("assistant", (ToolCall("call_1", "f", "{}"),)),
            Message("tool", (ToolResult("call_1", (Text("1"),)),)),
            Message("assistant", (ToolCall("call_2", "g", "{}"),)),
            Message("tool", (ToolResult("call_2", (Text("2"),)),)),
        ],
    ),
    "marks on parts": (
        [
            user(
                text("a", cache_control=EPHEMERAL),
                {**image("https://x"), "cache_control": HOUR},
                {**file(file_id="f"), "cache_control": EPHEMERAL},
            )
        ],
        [
            Message(
                "user",
                (
                    Text("a", CacheMark()),
                    Image(Source(url="https://x"), cache=CacheMark("1h")),
                    Document(Source(file_id="f"), cache=CacheMark()),
                ),
            )
        ],
    ),
    "OpenAI's own marks": (
        [
            user(
                text("a", prompt_cache_breakpoint={"mode": "explicit"}),
                text("b", prompt_cache_breakpoint={"mode": "explicit", "ttl": "30m"}),
                text(
                    "c", prompt_cache_breakpoint={"mode": "explicit"}, cache_control={"type": "ephemeral", "ttl": "5m"}
                ),
            )
        ],
        [Message("user", (Text("a", CacheMark()), Text("b", CacheMark("1h")), Text("c", CacheMark("5m"))))],
    ),
    "a message's mark is on its last part": (
        [
            {"role": "system", "content": "x", "cache_control": HOUR},
            {**user(text("a"), text("b")), "cache_control": EPHEMERAL},
            assistant("x", tool_calls=[CALL], cache_control=EPHEMERAL),
        ],
        [
            Message("system", (Text("x", CacheMark("1h")),)),
            Message("user", (Text("a"), Text("b", CacheMark()))),
            Message("assistant", (Text("x"), ToolCall("a", "f", "{}", CacheMark()))),
        ],
    ),
    "marks on calls and results": (
        [
            assistant(tool_calls=[{**CALL, "cache_control": EPHEMERAL}]),
            tool([text("1", cache_control=HOUR)], cache_control=EPHEMERAL),
        ],
        [
            Message("assistant", (ToolCall("a", "f", "{}", CacheMark()),)),
            Message("tool", (ToolResult("a", (Text("1", CacheMark("1h")),), cache=CacheMark()),)),
        ],
    ),
}


@pytest.mark.parametrize(("messages", "expected"), MESSAGES.values(), ids=MESSAGES)
def test_messages(messages, expected):
    conversation = parse(*messages)
    assert list(conversation.messages) == expected
    assert conversation.unmapped == ()


UNMAPPED = {
    "a part of another kind": (
        [user(text("a"), {"type": "video_url", "video_url": {"url": "x"}})],
        [("messages[0].content[1]", {"type": "video_url", "video_url": {"url": "x"}})],
    ),
    "within a part": (
        [user(text("a", x=1), image("https://x", y=2), file(file_id="f", z=3))],
        [
            ("messages[0].content[0].x", 1),
            ("messages[0].content[1].image_url.y", 2),
            ("messages[0].content[2].file.z", 3),
        ],
    ),
    "a mark on audio": (
        [
            user(
                {
                    "type": "input_audio",
                    "input_audio": {"data": "A", "format": "wav", "x": 1},
                    "cache_control": EPHEMERAL,
                }
            )
        ],
        [("messages[0].content[0].input_audio.x", 1), ("messages[0].content[0].cache_control", EPHEMERAL)],
    ),
    "a mark on nothing": (
        [assistant(cache_control=EPHEMERAL), assistant(refusal="No", cache_control=HOUR)],
        [("messages[0].cache_control", EPHEMERAL), ("messages[1].cache_control", HOUR)],
    ),
    "within messages": (
        [{"role": "user", "content": "x", "mood": "good"}, tool("1", x=1), assistant("x", audio={"id": "audio_1"})],
        [("messages[0].mood", "good"), ("messages[1].x", 1), ("messages[2].audio", {"id": "audio_1"})],
    ),
    "a custom call": (
        [assistant(tool_calls=[{"id": "a", "type": "custom", "custom": {"name": "c", "input": "x"}}])],
        [("messages[0].tool_calls[0]", {"id": "a", "type": "custom", "custom": {"name": "c", "input": "x"}})],
    ),
    "within a call": (
        [assistant(tool_calls=[{**CALL, "x": 1, "function": {"name": "f", "arguments": "", "y": 2}}])],
        [("messages[0].tool_calls[0].function.y", 2), ("messages[0].tool_calls[0].x", 1)],
    ),
}


@pytest.mark.parametrize(("messages", "unmapped"), UNMAPPED.values(), ids=UNMAPPED)
def test_what_no_other_vendor_knows_is_kept_with_its_path(messages, unmapped):
    assert list(parse(*messages).unmapped) == unmapped


INVALID = {
    "a message that is no object": (["Hi"], "messages[0]"),
    "no role": ([{"content": "x"}], "messages[0].role"),
    "a role of no kind": ([{"role": "king", "content": "x"}], "messages[0].role"),
    "a user who says nothing": ([{"role": "user"}], "messages[0].content"),
    "content is a number": ([{"role": "user", "content": 1}], "messages[0].content"),
    "a part that is no object": ([user("x")], "messages[0].content[0]"),
    "a part without a type": ([user({"text": "x"})], "messages[0].content[0].type"),
    "text without text": ([user({"type": "text"})], "messages[0].content[0].text"),
    "no image": ([user({"type": "image_url"})], "messages[0].content[0].image_url"),
    "an image without a URL": ([user({"type": "image_url", "image_url": {}})], "messages[0].content[0].image_url.url"),
    "data that is not base64": ([user(image("data:image/svg+xml,%3Csvg"))], "messages[0].content[0].image_url.url"),
    "data of no end": ([user(image("data:image/png;base64"))], "messages[0].content[0].image_url.url"),
    "a file of nothing": ([user(file(filename="x"))], "messages[0].content[0].file"),
    "a file of both": ([user(file(file_id="x", file_data="y"))], "messages[0].content[0].file"),
    "a result without its call": ([{"role": "tool", "content": "x"}], "messages[0].tool_call_id"),
    "a result with audio": (
        [tool([{"type": "input_audio", "input_audio": {"data": "A", "format": "wav"}}])],
        "messages[0].content",
    ),
    "a call without an id": ([assistant(tool_calls=[{"function": {"name": "f"}}])], "messages[0].tool_calls[0].id"),
    "a call without a function": ([assistant(tool_calls=[{"id": "a"}])], "messages[0].tool_calls[0].function"),
    "a block of no kind": ([assistant(thinking_blocks=[{"type": "x"}])], "messages[0].thinking_blocks[0].type"),
    "reasoning is a number": ([assistant(reasoning_content=1)], "messages[0].reasoning_content"),
}


@pytest.mark.parametrize(("messages", "param"), INVALID.values(), ids=INVALID)
def test_the_field_at_fault_is_named(messages, param):
    with pytest.raises(InvalidRequest) as caught:
        parse(*messages)
    assert caught.value.param == param
