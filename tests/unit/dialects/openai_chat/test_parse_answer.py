"""Claims about reading a whole answer."""

import pytest

from extproc.dialects.openai_chat.parse_answer import parse_answer
from extproc.domain.answer import Answer, Choice
from extproc.domain.conversation import RedactedThinking, Refusal, Text, Thinking, ToolCall
from extproc.domain.errors import ProviderBadAnswer, ProviderFailed, ProviderOverloaded, ProviderRateLimited
from extproc.domain.usage import Usage


def answer(message, finish="stop", **choice):
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1764000000,
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, **choice}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


def call(call_id, name, arguments):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


CALL = call("call_a", "f", "{}")
SIGNED = {"type": "thinking", "thinking": "Hm", "signature": "sig"}

ANNOTATION = {
    "type": "url_citation",
    "url_citation": {"start_index": 0, "end_index": 2, "title": "A", "url": "https://a"},
}
CITATION = {
    "type": "web_search_result_location",
    "url": "https://a",
    "title": "A",
    "cited_text": "",
    "encrypted_index": "",
}

CHOICES = {
    "text": (answer({"content": "Hi", "refusal": None, "annotations": []}), (Text("Hi"),), "stop"),
    "annotations": (
        answer({"content": "Hi", "annotations": [ANNOTATION, {"type": "file"}, {"url_citation": {}}, 7]}),
        (Text("Hi", citations=(CITATION,)),),
        "stop",
    ),
    "annotations that are none": (answer({"content": "Hi", "annotations": "x"}), (Text("Hi"),), "stop"),
    "nothing said": (answer({"content": ""}, "length"), (), "length"),
    "calls": (
        answer({"content": None, "tool_calls": [CALL, call("call_b", "g", '{"x":1}')]}, "tool_calls"),
        (ToolCall("call_a", "f", "{}"), ToolCall("call_b", "g", '{"x":1}')),
        "tool_calls",
    ),
    "a forced call ends in stop": (answer({"tool_calls": [CALL]}), (ToolCall("call_a", "f", "{}"),), "tool_calls"),
    "a call that met the limit": (answer({"tool_calls": [CALL]}, "length"), (ToolCall("call_a", "f", "{}"),), "length"),
    "text and a call": (
        answer({"content": "Let me look", "tool_calls": [CALL]}, "tool_calls"),
        (Text("Let me look"), ToolCall("call_a", "f", "{}")),
        "tool_calls",
    ),
    "calls without ids": (
        answer({"tool_calls": [call(None, "f", "{}"), call("", "f", {"x": 1})]}, "tool_calls"),
        (ToolCall("call_chatcmpl-1_0_0", "f", "{}"), ToolCall("call_chatcmpl-1_0_1", "f", '{"x":1}')),
        "tool_calls",
    ),
    "the deprecated call": (
        answer({"content": None, "function_call": {"name": "f", "arguments": "{}"}}, "function_call"),
        (ToolCall("call_chatcmpl-1_0_0", "f", "{}"),),
        "tool_calls",
    ),
    "a refusal": (answer({"content": None, "refusal": "No."}), (Refusal("No."),), "stop"),
    "filtered": (answer({"content": None}, "content_filter"), (), "content_filter"),
    "DeepSeek's reasoning": (
        answer({"content": "4", "reasoning_content": "2+2"}),
        (Thinking("2+2"), Text("4")),
        "stop",
    ),
    "Groq's reasoning": (answer({"content": "4", "reasoning": "2+2"}), (Thinking("2+2"), Text("4")), "stop"),
    "signed thinking wins over its text": (
        answer(
            {
                "content": "4",
                "reasoning_content": "Hm",
                "thinking_blocks": [SIGNED, {"type": "redacted_thinking", "data": "x"}],
            }
        ),
        (Thinking("Hm", "sig"), RedactedThinking("x"), Text("4")),
        "stop",
    ),
    "Mistral's list": (
        answer(
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]},
                    {"type": "text", "text": "4"},
                    {"type": "reference", "reference_ids": [1]},
                ]
            },
            "model_length",
        ),
        (Thinking("Hm"), Text("4")),
        "context_window",
    ),
    "an unknown reason": (answer({"content": "x"}, "because"), (Text("x"),), "stop"),
    "no reason": (answer({"content": "x"}, None), (Text("x"),), None),
}


@pytest.mark.parametrize(("body", "parts", "finish"), CHOICES.values(), ids=CHOICES)
def test_choice(body, parts, finish):
    assert parse_answer(body).choices == (Choice(parts, finish),)


def test_the_frame_of_an_answer():
    body = answer({"content": "Hi"}) | {"service_tier": "default", "system_fingerprint": "fp"}
    usage = Usage(input=3, output=2)
    assert parse_answer(body) == Answer(
        "chatcmpl-1", "gpt-4o", (Choice((Text("Hi"),), "stop"),), usage, 1764000000, "default", "fp"
    )


def test_choices_come_in_order():
    body = answer({"content": "a"})
    second = {**body["choices"][0], "index": 1, "message": {"content": "b"}}
    body["choices"] = [second, body["choices"][0]]
    assert [choice.parts for choice in parse_answer(body).choices] == [(Text("a"),), (Text("b"),)]


def test_log_probabilities_are_kept():
    logprobs = {"content": [], "refusal": None}
    assert parse_answer(answer({"content": "a"}, logprobs=logprobs)).choices[0].logprobs == logprobs


BAD = {
    "a page": "<html>",
    "nothing": None,
    "a list": [],
    "no choices": {"id": "x"},
    "empty choices": {"choices": []},
    "a choice that is no object": {"choices": [1]},
    "no message": {"choices": [{"index": 0}]},
    "content is a number": {"choices": [{"message": {"content": 1}}]},
    "a call without a name": {"choices": [{"message": {"tool_calls": [{"function": {}}]}}]},
    "a custom call without its body": {"choices": [{"message": {"tool_calls": [{"type": "custom"}]}}]},
    "a block of no kind": {"choices": [{"message": {"thinking_blocks": [{"type": "x"}]}}]},
}


def test_a_call_of_a_custom_tool_counts_though_nobody_translates_it():
    custom = {"id": "call_1", "type": "custom", "custom": {"name": "run", "input": "print(1)"}}
    (choice,) = parse_answer(answer({"tool_calls": [custom]}, "tool_calls")).choices
    assert choice == Choice((ToolCall("call_1", "run", "print(1)"),), "tool_calls")


def test_a_call_of_a_kind_that_nobody_knows_is_passed_over():
    (choice,) = parse_answer(answer({"tool_calls": [{"id": "x", "type": "robot", "robot": {}}, CALL]})).choices
    assert choice.parts == (ToolCall("call_a", "f", "{}"),)


def test_labels_of_a_wrong_type_are_none():
    labels = {"id": 7, "model": None, "created": "now", "service_tier": {}, "system_fingerprint": 1}
    read = parse_answer(answer({"content": "x"}) | labels)
    assert read == Answer("", "", (Choice((Text("x"),), "stop"),), Usage(input=3, output=2))


def test_an_error_of_a_choice_is_the_vendors_own():
    with pytest.raises(ProviderOverloaded, match="no room"):
        parse_answer(answer({"content": ""}, "error", error={"code": 503, "message": "no room"}))


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_what_is_no_answer(body):
    with pytest.raises(ProviderBadAnswer):
        parse_answer(body)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ({"error": {"code": 429, "message": "slow"}}, ProviderRateLimited, 429),
        ({"error": {"code": 502, "message": "gone"}, "choices": []}, ProviderFailed, 502),
        (answer({"content": "x"}, "error"), ProviderFailed, 500),
        (answer({"content": "x"}, "insufficient_system_resource"), ProviderOverloaded, 503),
    ],
)
def test_an_error_inside_a_200(body, kind, status):
    with pytest.raises(kind) as caught:
        parse_answer(body)
    assert caught.value.retry_status == status
