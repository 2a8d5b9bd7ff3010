"""Claims about ``input``: items become messages again."""

import pytest

from extproc.dialects.openai_responses.parse import parse_request
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
from extproc.domain.errors import InvalidRequest, UnsupportedFeature


def parse(*items):
    return parse_request({"model": "m", "input": list(items)})


def messages(*items):
    conversation = parse(*items)
    assert conversation.unmapped == ()
    return conversation.messages


def part(**fields):
    [message] = messages({"role": "user", "content": [fields]})
    [parsed] = message.parts
    return parsed


@pytest.mark.parametrize("role", ["user", "system", "developer", "assistant"])
@pytest.mark.parametrize("typed", [{}, {"type": "message", "id": "msg_1", "status": "completed", "phase": None}])
def test_messages_easy_and_typed(role, typed):
    assert messages({**typed, "role": role, "content": "Hi"}) == (Message(role, (Text("Hi"),)),)


def test_what_the_model_said_in_one_turn_is_one_message():
    assert messages(
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "phase": "commentary",
            "content": [
                {
                    "type": "output_text",
                    "text": "I look.",
                    "annotations": [{"type": "file_path"}],
                    "logprobs": [],
                    "parsed": {"look": True},
                },
                {"type": "refusal", "refusal": "No."},
            ],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "", "parsed_arguments": {}},
        {"type": "function_call_output", "call_id": "c1", "output": "one", "id": "o", "status": "completed"},
        {"type": "function_call_output", "call_id": "c2", "output": "two", "name": "g"},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "Thanks."},
    ) == (
        Message(
            "assistant",
            (
                Thinking("", "rs_1.gAAA", "openai"),
                Text("I look."),
                Refusal("No."),
                ToolCall("c1", "f", "{}"),
                ToolCall("c2", "g", ""),
            ),
        ),
        Message("tool", (ToolResult("c1", (Text("one"),)), ToolResult("c2", (Text("two"),), name="g"))),
        Message("assistant", (Text("Done."),)),
        Message("user", (Text("Thanks."),)),
    )


def test_an_output_ends_a_turn_and_an_answer_ends_a_run_of_outputs():
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c", "output": ""}
    found = messages(call, output, call, output)
    assert [message.role for message in found] == ["assistant", "tool", "assistant", "tool"]
    assert found[1].parts == (ToolResult("c", ()),)


def test_an_empty_text_of_the_model_is_nothing():
    assert messages({"role": "assistant", "content": ""}, {"role": "user", "content": "Hi"})[0].role == "user"


def test_images():
    assert part(type="input_image", image_url="https://x/a.png", detail="low") == Image(
        Source(url="https://x/a.png"), "low"
    )
    assert part(type="input_image", image_url="data:image/png;base64,aGk=") == Image(Source("image/png", "aGk="))
    assert part(type="input_image", file_id="file-1") == Image(Source(file_id="file-1"))


def test_files():
    assert part(type="input_file", file_url="https://x/a.pdf") == Document(Source(url="https://x/a.pdf"))
    assert part(type="input_file", file_id="file-1", detail="auto") == Document(Source(file_id="file-1"))
    assert part(type="input_file", file_data="data:application/pdf;base64,aGk=", filename="a.pdf") == Document(
        Source("application/pdf", "aGk="), "a.pdf"
    )
    assert part(type="input_file", file_data="aGk=") == Document(Source(data="aGk="))


def test_audio():
    assert part(type="input_audio", input_audio={"data": "aGk=", "format": "wav"}) == Audio("aGk=", "wav")


@pytest.mark.parametrize(
    ("breakpoint_", "mark"),
    [({"mode": "explicit"}, CacheMark()), ({"mode": "explicit", "ttl": "30m"}, CacheMark("1h"))],
)
def test_cache_marks(breakpoint_, mark):
    assert part(type="input_text", text="Hi", prompt_cache_breakpoint=breakpoint_) == Text("Hi", mark)


def test_tool_outputs_of_parts():
    content = [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "file_id": "f"},
        {"type": "input_file", "file_id": "g"},
    ]
    [message] = messages({"type": "function_call_output", "call_id": "c", "output": content})
    [result] = message.parts
    assert result.content == (Text("see"), Image(Source(file_id="f")), Document(Source(file_id="g")))


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"encrypted_content": "gAAA"}, Thinking("a\n\nb", "rs_1.gAAA", "openai")),
        ({"encrypted_content": "llmgw.anthropic.c2ln"}, Thinking("a\n\nb", "c2ln", "anthropic")),
        ({"encrypted_content": "llmgw.anthropic.redacted.cmVk"}, RedactedThinking("cmVk", "anthropic")),
        ({"encrypted_content": "llmgw.gemini.redacted.Z2Vt"}, RedactedThinking("Z2Vt", "gemini")),
        ({"encrypted_content": "llmgw.openai.rs_9.gAAA"}, Thinking("a\n\nb", "rs_9.gAAA", "openai")),
        ({"encrypted_content": "llmgw.anthropic."}, Thinking("a\n\nb")),
        ({}, Thinking("a\n\nb", origin="openai")),
    ],
)
def test_reasoning_comes_back_to_whom_it_belongs(fields, wanted):
    summary = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    item = {"type": "reasoning", "id": "rs_1", "status": "completed", "summary": summary, **fields}
    assert messages(item) == (Message("assistant", (wanted,)),)


def test_reasoning_text_of_open_models():
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]}
    assert messages(item) == (Message("assistant", (Thinking("Hm", origin="openai"),)),)


def test_reasoning_that_lies_in_a_store_is_nothing_here():
    assert messages({"type": "reasoning", "id": "rs_1", "summary": []}) == ()


@pytest.mark.parametrize("item", [{"type": "item_reference", "id": "rs_1"}, {"id": "rs_1"}])
def test_a_reference_to_reasoning_is_nothing_here(item):
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    assert messages(item, call) == (Message("assistant", (ToolCall("c", "f", "{}"),)),)


@pytest.mark.parametrize("item", [{"type": "item_reference", "id": "msg_1"}, {"id": "msg_1"}])
def test_references_are_refused_with_the_mend(item):
    with pytest.raises(UnsupportedFeature, match=r"input\[0\] refers .* Send the item itself .*store: false") as caught:
        parse(item)
    assert caught.value.param == "input[0]"


@pytest.mark.parametrize(
    ("item", "path"),
    [
        ({"type": "file_search_call", "id": "fs", "status": "completed"}, "input[0]"),
        ({"type": "compaction", "encrypted_content": "x"}, "input[0]"),
        ({"role": "user", "content": [{"type": "input_video"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [], "mood": "good"}, "input[0].mood"),
        (
            {"role": "user", "content": [{"type": "input_file", "file_id": "f", "detail": "high"}]},
            "input[0].content[0].detail",
        ),
        (
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "", "caller": {"type": "program"}},
            "input[0].caller",
        ),
    ],
)
def test_what_has_no_neutral_form_is_kept_by_its_path(item, path):
    assert [name for name, _ in parse(item).unmapped] == [path]


def test_the_usual_caller_says_nothing():
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "", "caller": {"type": "direct"}}
    assert len(messages({**call, "async": False})) == 1


@pytest.mark.parametrize(
    ("item", "path"),
    [
        (1, "input[0]"),
        ({}, "input[0].role"),
        ({"role": "tool", "content": ""}, "input[0].role"),
        ({"role": "user"}, "input[0].content"),
        ({"role": "user", "content": [{"text": "Hi"}]}, "input[0].content[0].type"),
        ({"role": "user", "content": [{"type": "input_image"}]}, "input[0].content[0]"),
        (
            {"role": "user", "content": [{"type": "input_image", "image_url": "data:x"}]},
            "input[0].content[0].image_url",
        ),
        ({"role": "user", "content": [{"type": "input_file"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "input[0].content[0].input_audio"),
        ({"type": "function_call", "name": "f", "arguments": ""}, "input[0].call_id"),
        ({"type": "function_call_output", "call_id": "c"}, "input[0].output"),
        ({"type": "function_call_output", "output": ""}, "input[0].call_id"),
        (
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "refusal", "refusal": "x"}]},
            "input[0].output",
        ),
    ],
)
def test_a_wrong_item_is_named(item, path):
    with pytest.raises(InvalidRequest) as caught:
        parse(item)
    assert caught.value.param == path
