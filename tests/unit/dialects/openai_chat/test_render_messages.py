"""Claims about writing messages; the official SDK's types are the judge."""

import pytest

from extproc.dialects.base import RenderOptions
from extproc.dialects.openai_chat.render import render_request
from extproc.domain.conversation import (
    Audio,
    CacheMark,
    Conversation,
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
from extproc.domain.quirks import COMPATIBLE

PNG = Image(Source("image/png", "iVBO"))
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}
PDF = Source("application/pdf", "JVBE")


def render(*messages, drop=False, **options):
    return render_request(Conversation("m", messages), RenderOptions(drop_unsupported=drop), **options)


def user(*parts):
    return Message("user", parts)


def text(value):
    return {"type": "text", "text": value}


def call(call_id, name, arguments):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


MESSAGES = {
    "the plain roles": (
        [Message(role, (Text("x"),), "n") for role in ("system", "developer", "user")],
        [{"role": role, "content": "x", "name": "n"} for role in ("system", "developer", "user")],
    ),
    "marks are left out": ([user(Text("x", CacheMark("1h")))], [{"role": "user", "content": "x"}]),
    "nothing said": ([user()], [{"role": "user", "content": ""}]),
    "texts": ([user(Text("a"), Text("b"))], [{"role": "user", "content": [text("a"), text("b")]}]),
    "an image alone is a list": ([user(PNG)], [{"role": "user", "content": [PNG_PART]}]),
    "an image by URL": (
        [user(Image(Source(url="https://x"), "low"))],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x", "detail": "low"}}]}],
    ),
    "audio": (
        [user(Audio("AA", "wav"))],
        [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}]}],
    ),
    "a PDF": (
        [user(Document(PDF, "a.pdf"))],
        [
            {
                "role": "user",
                "content": [
                    {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"}}
                ],
            }
        ],
    ),
    "a PDF with a context": (
        [user(Document(PDF, context="old"))],
        [
            {
                "role": "user",
                "content": [
                    text("old"),
                    {
                        "type": "file",
                        "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "document.pdf"},
                    },
                ],
            }
        ],
    ),
    "a file by id, a file without a type": (
        [user(Document(Source(file_id="file-1")), Document(Source(data="JVBE")))],
        [
            {
                "role": "user",
                "content": [
                    {"type": "file", "file": {"file_id": "file-1"}},
                    {"type": "file", "file": {"file_data": "JVBE", "filename": "document"}},
                ],
            }
        ],
    ),
    "a text document": (
        [user(Document(Source("text/plain", text="Once upon"), "Tale", "By Ann", citations=False))],
        [{"role": "user", "content": "Tale\n\nBy Ann\n\nOnce upon"}],
    ),
    "an assistant's text": (
        [Message("assistant", (Text("x"),), "n")],
        [{"role": "assistant", "content": "x", "name": "n"}],
    ),
    "an assistant who said nothing": ([Message("assistant", ())], [{"role": "assistant", "content": ""}]),
    "calls": (
        [Message("assistant", (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "")))],
        [{"role": "assistant", "content": None, "tool_calls": [call("a", "f", '{"x":1}'), call("b", "g", "{}")]}],
    ),
    "text and a call": (
        [Message("assistant", (Text("x"), ToolCall("a", "f", "{}"), Text("y")))],
        [{"role": "assistant", "content": [text("x"), text("y")], "tool_calls": [call("a", "f", "{}")]}],
    ),
    "a refusal": (
        [Message("assistant", (Refusal("No"),)), Message("assistant", (Text("x"), Refusal("No")))],
        [
            {"role": "assistant", "content": None, "refusal": "No"},
            {"role": "assistant", "content": "x", "refusal": "No"},
        ],
    ),
    "a refusal in between": (
        [Message("assistant", (Refusal("No"), Text("x")))],
        [{"role": "assistant", "content": [{"type": "refusal", "refusal": "No"}, text("x")]}],
    ),
    "earlier reasoning is left out": (
        [Message("assistant", (Thinking("why", "sig"), RedactedThinking("d"), Text("x"))), user(Text("y"))],
        [{"role": "assistant", "content": "x"}, {"role": "user", "content": "y"}],
    ),
    "an answer of reasoning alone is left out": (
        [Message("assistant", (Thinking("why"),)), user(Text("y"))],
        [{"role": "user", "content": "y"}],
    ),
    "results": (
        [Message("tool", (ToolResult("a", (Text("1"),)), ToolResult("b", (), is_error=True)))],
        [
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {"role": "tool", "tool_call_id": "b", "content": "Error"},
        ],
    ),
    "images of results follow all of them": (
        [Message("tool", (ToolResult("a", (PNG,)), ToolResult("b", (Text("2"), PNG)))), user(Text("?"))],
        [
            {"role": "tool", "tool_call_id": "a", "content": "The result is in the next user message."},
            {"role": "tool", "tool_call_id": "b", "content": "2"},
            {
                "role": "user",
                "content": [
                    text("Output of tool call a:"),
                    PNG_PART,
                    text("Output of tool call b:"),
                    PNG_PART,
                    text("?"),
                ],
            },
        ],
    ),
    "all results come before what is said between them": (
        [
            Message("tool", (ToolResult("a", (PNG,)),)),
            Message("user", (Text("wait"),), "n"),
            Message("tool", (ToolResult("b", (Text("2"),)),)),
            Message("assistant", (Thinking("hm"),)),
            user(Text("?")),
            Message("assistant", (Text("!"),)),
            Message("tool", (ToolResult("c", (PNG,)),)),
            Message("system", (Text("s"),)),
        ],
        [
            {"role": "tool", "tool_call_id": "a", "content": "The result is in the next user message."},
            {"role": "tool", "tool_call_id": "b", "content": "2"},
            {"role": "user", "name": "n", "content": [text("Output of tool call a:"), PNG_PART, text("wait")]},
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": "!"},
            {"role": "tool", "tool_call_id": "c", "content": "The result is in the next user message."},
            {"role": "user", "content": [text("Output of tool call c:"), PNG_PART]},
            {"role": "system", "content": "s"},
        ],
    ),
    "a text document of a result stays": (
        [Message("tool", (ToolResult("a", (Document(Source(text="t")),)),))],
        [{"role": "tool", "tool_call_id": "a", "content": "t"}],
    ),
    "text among results follows them": (
        [Message("tool", (ToolResult("a", (Text("1"),)), Text("And?")))],
        [{"role": "tool", "tool_call_id": "a", "content": "1"}, {"role": "user", "content": [text("And?")]}],
    ),
}


@pytest.mark.parametrize(("messages", "expected"), MESSAGES.values(), ids=MESSAGES)
def test_messages(messages, expected, judge):
    rendered = render(*messages)
    assert rendered.body["messages"] == expected
    judge(rendered.body)


def test_a_server_that_wants_its_reasoning_back_gets_it():
    message = Message(
        "assistant", (Thinking("wh", "sig"), RedactedThinking("d"), Thinking("y"), ToolCall("a", "f", "{}"))
    )
    (rendered,) = render(message, replay_reasoning=True).body["messages"]
    assert rendered["reasoning_content"] == "why"


def test_a_call_without_reasoning_has_some_for_a_server_that_wants_it_back():
    (rendered,) = render(Message("assistant", (ToolCall("a", "f", "{}"),)), replay_reasoning=True).body["messages"]
    assert rendered["reasoning_content"] == " "


def test_that_a_result_is_an_error_is_lost_nowhere():
    assert render(Message("tool", (ToolResult("a", (Text("404"),), is_error=True),))).dropped == ()


def test_a_server_that_is_not_openai_gets_what_all_of_them_take():
    messages = (
        Message("developer", (Text("a"), Text("b"))),
        user(PNG, Text("c")),
        Message("tool", (ToolResult("a", (Text("1"), Text("2"))),)),
    )
    body = render_request(Conversation("m", messages), RenderOptions(quirks=COMPATIBLE)).body
    assert body["messages"] == [
        {"role": "system", "content": "a\n\nb"},
        {"role": "user", "content": [PNG_PART, text("c")]},
        {"role": "tool", "tool_call_id": "a", "content": "1\n\n2"},
    ]


LOST = {
    "an image by id": ((Image(Source(file_id="f")),), ("messages[1].content[0]",)),
    "an image in another vendor's store": ((Image(Source(url="gs://x")), Text("x")), ("messages[1].content[0]",)),
    "a document by Anthropic's id": ((Document(Source(file_id="file_1")), Text("x")), ("messages[1].content[0]",)),
    "a document by URL": ((Text("x"), Document(Source(url="https://x"))), ("messages[1].content[1]",)),
    "cited documents": ((Document(PDF, citations=True),), ("messages[1].content[0].citations",)),
    "citations": ((Text("x", citations=({"type": "char_location"},)),), ("messages[1].content[0].citations",)),
    "a call that a user makes": ((ToolCall("a", "f", "{}"), Text("x")), ("messages[1].content[0]",)),
}


@pytest.mark.parametrize(("parts", "paths"), LOST.values(), ids=LOST)
def test_what_cannot_be_carried_is_named(parts, paths):
    assert render(user(Text("first")), user(*parts), drop=True).dropped == paths


def test_what_a_result_cannot_carry_is_named():
    result = ToolResult("a", (Text("1"), Document(Source(url="https://x"))))
    rendered = render(Message("tool", (result,)), drop=True)
    assert rendered.dropped == ("messages[0].content[0].content[1]",)
    assert rendered.body["messages"] == [{"role": "tool", "tool_call_id": "a", "content": "1"}]
