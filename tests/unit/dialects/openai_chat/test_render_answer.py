"""Claims about writing a whole answer; the official SDK's types are the judge."""

import pytest
from openai.types.chat import ChatCompletion

from extproc.dialects.openai_chat.parse_answer import parse_answer
from extproc.dialects.openai_chat.render_answer import render_answer
from extproc.domain.answer import Answer, Choice
from extproc.domain.conversation import RedactedThinking, Refusal, Text, Thinking, ToolCall
from extproc.domain.usage import Usage


def answer(*parts, finish="stop", **fields):
    return Answer("msg_1", "m", (Choice(parts, finish),), Usage(input=3, output=2), **fields)


def message(*parts, finish="stop"):
    return render_answer(answer(*parts, finish=finish), created=7)["choices"][0]["message"]


PARTS = {
    "text": (Text("Hi"),),
    "texts": (Text("Hi"), Text(" there")),
    "nothing": (),
    "calls": (ToolCall("a", "f", "{}"), ToolCall("b", "g", "")),
    "text and a call": (Text("Hm"), ToolCall("a", "f", "{}")),
    "a refusal": (Refusal("No"),),
    "reasoning": (Thinking("why"), Text("Hi")),
    "signed reasoning": (Thinking("why", "sig"), RedactedThinking("x"), Text("Hi")),
}


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize(
    "finish", ["stop", "length", "tool_calls", "content_filter", "refusal", "pause", "context_window", None]
)
@pytest.mark.parametrize("tier", [None, "default", "standard", "batch"])
def test_the_sdk_takes_it(parts, finish, tier):
    ChatCompletion.model_validate(
        render_answer(answer(*parts, finish=finish, service_tier=tier), created=7), strict=True
    )


def test_citations_of_web_pages_are_annotations_of_their_text():
    page = {"type": "web_search_result_location", "url": "https://a", "title": None, "encrypted_index": "E"}
    document = {"type": "char_location", "document_index": 0}
    place = {"start_index": 4, "end_index": 9, "title": "", "url": "https://a"}
    rendered = render_answer(answer(Text("Ach:"), Text("Grün.", citations=(page, document))), created=7)
    assert rendered["choices"][0]["message"]["annotations"] == [{"type": "url_citation", "url_citation": place}]
    ChatCompletion.model_validate(rendered, strict=True)


def test_it_looks_like_the_real_api():
    rendered = render_answer(answer(Text("Hi"), service_tier="standard", system_fingerprint="fp"), created=7)
    assert rendered == {
        "id": "chatcmpl-msg_1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 2,
            "total_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "fp",
    }


@pytest.mark.parametrize(
    ("vendor", "shown"), [("chatcmpl-x", "chatcmpl-x"), ("msg_1", "chatcmpl-msg_1"), ("", "chatcmpl-7")]
)
def test_id(vendor, shown):
    assert render_answer(Answer(vendor, "m", (Choice((), "stop"),), Usage()), created=7)["id"] == shown


def test_the_providers_time_wins():
    assert render_answer(answer(Text("x"), created=3), created=7)["created"] == 3


def test_a_tier_without_a_word_is_left_out():
    assert "service_tier" not in render_answer(answer(service_tier="batch"), created=7)


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        ((Text("a"), Text("b")), "ab"),
        ((), ""),
        ((Thinking("x"),), ""),
        ((ToolCall("a", "f", "{}"),), None),
        ((Refusal("No"),), None),
        ((Text("a"), ToolCall("a", "f", "{}")), "a"),
    ],
)
def test_content_is_null_where_openais_is(parts, content):
    assert message(*parts)["content"] == content


def test_calls_and_refusals():
    assert message(ToolCall("a", "f", '{"x":1}'))["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    ]
    assert "tool_calls" not in message(Text("x"))
    assert message(Refusal("No"))["refusal"] == "No"


def test_reasoning_is_text_and_signed_reasoning_comes_in_blocks_too():
    assert message(Thinking("a"), Thinking("b"))["reasoning_content"] == "ab"
    assert "thinking_blocks" not in message(Thinking("a"))
    signed = message(Thinking("a", "sig"), RedactedThinking("x"))
    assert signed["reasoning_content"] == "a"
    assert signed["thinking_blocks"] == [
        {"type": "thinking", "thinking": "a", "signature": "sig"},
        {"type": "redacted_thinking", "data": "x"},
    ]
    assert "reasoning_content" not in message(RedactedThinking("x"))


@pytest.mark.parametrize(
    ("finish", "parts", "wire"),
    [
        ("stop", (), "stop"),
        ("length", (), "length"),
        ("context_window", (), "length"),
        ("pause", (), "length"),
        ("tool_calls", (), "tool_calls"),
        ("content_filter", (), "content_filter"),
        ("refusal", (), "content_filter"),
        (None, (), "stop"),
        (None, (ToolCall("a", "f", "{}"),), "tool_calls"),
    ],
)
def test_finish_reason(finish, parts, wire):
    assert render_answer(answer(*parts, finish=finish), created=7)["choices"][0]["finish_reason"] == wire


def test_choices_are_numbered_and_have_their_log_probabilities():
    logprobs = {"content": None, "refusal": None}
    choices = (Choice((Text("a"),), "stop"), Choice((Text("b"),), "stop", logprobs=logprobs))
    rendered = render_answer(Answer("x", "m", choices, Usage()), created=7)["choices"]
    assert [(choice["index"], choice["logprobs"]) for choice in rendered] == [(0, None), (1, logprobs)]


@pytest.mark.parametrize(
    "parts",
    [
        (Text("a"),),
        (Thinking("t", "sig"), RedactedThinking("x"), Text("a"), ToolCall("c", "f", "{}")),
        (Thinking("t"), Text("a")),
        (Text("a"), Refusal("No")),
    ],
)
def test_it_reads_back(parts):
    whole = Answer("chatcmpl-1", "m", (Choice(parts, "length"),), Usage(input=1, output=2), 5, "default", "fp")
    assert parse_answer(render_answer(whole, created=7)) == whole
