"""Claims about rendered ``input``. The judge is the SDK's parameter type."""

import orjson
import pytest

from extproc.dialects.base import RenderOptions
from extproc.dialects.openai_responses.parse import parse_request
from extproc.dialects.openai_responses.render import render_request
from extproc.domain.conversation import (
    Audio,
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
from extproc.domain.errors import UnsupportedFeature
from tests.judges.openai_responses import check_request


def result(*messages, drop=False):
    rendered = render_request(Conversation("m", messages), RenderOptions(drop_unsupported=drop))
    check_request(orjson.loads(orjson.dumps(rendered.body)), stream=False)
    return rendered


def items(*messages):
    return result(*messages).body["input"]


def parts(*given):
    [item] = items(Message("user", given))
    return item["content"]


def test_system_and_developer_stay_where_they_are():
    found = items(
        Message("system", (Text("a"),)), Message("user", (Text("b"), Text("c"))), Message("developer", (Text("d"),))
    )
    assert found == [
        {"role": "system", "content": "a"},
        {"role": "user", "content": [{"type": "input_text", "text": "b"}, {"type": "input_text", "text": "c"}]},
        {"role": "developer", "content": "d"},
    ]


def test_images():
    assert parts(
        Image(Source("image/png", "aGk="), "low"), Image(Source(url="https://x")), Image(Source(file_id="file-1"))
    ) == [
        {"type": "input_image", "detail": "low", "image_url": "data:image/png;base64,aGk="},
        {"type": "input_image", "detail": "auto", "image_url": "https://x"},
        {"type": "input_image", "detail": "auto", "file_id": "file-1"},
    ]


def test_documents():
    assert parts(
        Document(Source("application/pdf", "aGk="), "a.pdf"),
        Document(Source("application/pdf", "aGk="), context="About a."),
        Document(Source(data="aGk=")),
        Document(Source(url="https://x")),
        Document(Source(file_id="file-1")),
        Document(Source("text/plain", text="body"), "Title", "Context"),
    ) == [
        {"type": "input_file", "file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"},
        {"type": "input_text", "text": "About a."},
        {"type": "input_file", "file_data": "data:application/pdf;base64,aGk=", "filename": "document.pdf"},
        {"type": "input_file", "file_data": "aGk=", "filename": "document"},
        {"type": "input_file", "file_url": "https://x"},
        {"type": "input_file", "file_id": "file-1"},
        {"type": "input_text", "text": "Title\n\nContext\n\nbody"},
    ]


def test_an_answer_is_its_items_in_order():
    said = (
        Thinking("Hm", "rs_1.gAAA", "openai"),
        Text("Hello"),
        ToolCall("c1", "f", ""),
        RedactedThinking("rs_2.gBBB", "openai"),
        ToolCall("c2", "g", '{"a":1}'),
        Text("one"),
        Refusal("two"),
    )
    assert items(Message("assistant", said)) == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Hm"}],
            "encrypted_content": "gAAA",
        },
        {"role": "assistant", "content": "Hello"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gBBB"},
        {"type": "function_call", "call_id": "c2", "name": "g", "arguments": '{"a":1}'},
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "one", "annotations": []},
                {"type": "refusal", "refusal": "two"},
            ],
        },
    ]


@pytest.mark.parametrize(
    "thought",
    [
        Thinking("Hm"),
        Thinking("Hm", "c2ln", "anthropic"),
        Thinking("Hm", origin="openai"),
        Thinking("Hm", "rs_without_seal", "openai"),
        RedactedThinking("cmVk", "anthropic"),
        RedactedThinking("Z2Vt", "gemini"),
    ],
)
def test_reasoning_that_openai_did_not_seal_stays_out(thought):
    assert items(Message("assistant", (thought, Text("a")))) == [{"role": "assistant", "content": "a"}]


def test_reasoning_that_nothing_follows_stays_out():
    last = Message("assistant", (Text("a"), Thinking("Hm", "rs_1.gAAA", "openai")))
    assert items(last, Message("user", (Text("b"),))) == [
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "b"},
    ]


def test_tool_results():
    results = (
        ToolResult("c1", (Text("one"),), is_error=True, name="f"),
        ToolResult("c2", (Text("two"), Image(Source(url="https://x")))),
        ToolResult("c3", ()),
    )
    assert items(Message("tool", results)) == [
        {"type": "function_call_output", "call_id": "c1", "output": "Error: one"},
        {
            "type": "function_call_output",
            "call_id": "c2",
            "output": [
                {"type": "input_text", "text": "two"},
                {"type": "input_image", "detail": "auto", "image_url": "https://x"},
            ],
        },
        {"type": "function_call_output", "call_id": "c3", "output": ""},
    ]


def test_what_is_no_result_among_results_is_the_users():
    odd = Message("tool", (ToolResult("c", (Text("a"),)), Text("b"), Audio("aGk=", "wav")))
    assert result(odd, drop=True).body["input"][1:] == [
        {"role": "user", "content": [{"type": "input_text", "text": "b"}]}
    ]


def test_a_refusal_that_says_nothing_is_none():
    [call] = items(Message("assistant", (Refusal(""), ToolCall("c", "f", "{}"))))
    assert call["type"] == "function_call"
    assert items(Message("assistant", (Refusal(""),))) == []


def test_a_refusal_outside_of_an_answer_is_a_text():
    assert parts(Refusal("No")) == "No"


def test_a_seal_without_an_id_goes_back_without_one():
    """Compatible servers may give none."""
    rendered = render_request(
        Conversation("m", (Message("assistant", (Thinking("", ".gAAA", "openai"), Text("a"))),)), RenderOptions()
    )
    assert rendered.body["input"][0] == {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}


def test_a_long_call_id_is_shortened_the_same_for_call_and_result():
    call, output = items(
        Message("assistant", (ToolCall("x" * 65, "f", "{}"),)), Message("tool", (ToolResult("x" * 65, (Text("a"),)),))
    )
    assert call["call_id"] == output["call_id"]
    assert len(call["call_id"]) <= 64
    other, _ = items(Message("assistant", (ToolCall("x" * 66, "f", "{}"),)), Message("tool", (ToolResult("y", ()),)))
    assert other["call_id"] != call["call_id"]


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (Message("user", (Audio("aGk=", "wav"),)), "messages[0].content[0]"),
        (Message("user", (Image(Source(text="x")),)), "messages[0].content[0]"),
        (Message("user", (Document(Source()),)), "messages[0].content[0]"),
        (Message("user", (Document(Source(url="https://u"), citations=True),)), "messages[0].content[0].citations"),
        (Message("user", (Document(Source(url="gs://u")),)), "messages[0].content[0]"),
        (Message("user", (Document(Source(file_id="file_1")),)), "messages[0].content[0]"),
        (Message("user", (Image(Source(url="gs://u")),)), "messages[0].content[0]"),
        (Message("user", (Image(Source(file_id="file_1")),)), "messages[0].content[0]"),
        (Message("user", (ToolCall("c", "f", ""),)), "messages[0].content[0]"),
        (Message("assistant", (Image(Source(url="u")),)), "messages[0].content[0]"),
    ],
)
def test_what_cannot_be_carried_is_named(message, path):
    with pytest.raises(UnsupportedFeature) as caught:
        result(message)
    assert caught.value.param == path
    assert result(message, drop=True).dropped == (path,)


def test_citations_of_an_earlier_answer_are_told():
    rendered = result(Message("assistant", (Text("a", citations=({},)),)))
    assert rendered.dropped == ("messages[0].content[0].citations",)
    assert rendered.body["input"] == [{"role": "assistant", "content": "a"}]


def test_a_speakers_name_is_a_hint_that_is_told():
    assert result(Message("user", (Text("a"),), name="Ann")).dropped == ("messages[0].name",)


def test_what_is_rendered_parses_to_the_same():
    conversation = Conversation(
        "m",
        (
            Message("system", (Text("s"),)),
            Message("user", (Text("a"), Image(Source("image/png", "aGk="), "auto"))),
            Message("assistant", (Thinking("Hm", "rs_1.gAAA", "openai"), Text("b"), ToolCall("c", "f", "{}"))),
            Message("tool", (ToolResult("c", (Text("r"),)),)),
            Message("user", (Document(Source("application/pdf", "aGk="), "a.pdf"), Text("d"))),
        ),
    )
    assert parse_request(render_request(conversation, RenderOptions()).body) == conversation
