"""Whole answers."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.bedrock.parse import parse_answer
from extproc.domain.answer import Answer, Choice
from extproc.domain.conversation import RedactedThinking, Text, Thinking, ToolCall
from extproc.domain.errors import ProviderBadAnswer, ProviderError, ProviderFailed
from extproc.domain.usage import Usage


def body(*content, stop="end_turn", **more):
    return {
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": stop,
        "usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7},
        "metrics": {"latencyMs": 1},
        **more,
    }


def parts(*content):
    return parse_answer(body(*content)).choices[0].parts


def test_text():
    assert parse_answer(body({"text": "hi"}, serviceTier={"type": "flex"})) == Answer(
        id="", model="", choices=(Choice((Text("hi"),), "stop"),), usage=Usage(input=3, output=4), service_tier="flex"
    )


def test_all_kinds_of_content():
    assert parts(
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
        {"reasoningContent": {"reasoningText": {"text": "open"}}},
        {"reasoningContent": {"redactedContent": "RW13S0FoZ0JFZ3kz"}},
        {"reasoningContent": {}},
        {"text": "a"},
        {
            "citationsContent": {
                "content": [{"text": "b"}, {"text": "c"}, {}],
                "citations": [{"location": {"web": {"url": "u"}}}, {"location": {}}, None],
            }
        },
        {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"x": 1}}},
        {"toolUse": {"toolUseId": "t2", "name": "g", "input": None}},
        {"toolUse": {"toolUseId": "s1", "name": "search", "input": {}, "type": "server_tool_use"}},
        {"image": {"format": "png", "source": {"bytes": ""}}},
    ) == (
        Thinking("hm", signature="sig"),
        Thinking("open"),
        RedactedThinking("EmwKAhgBEgy3"),
        Text("a"),
        Text(
            "bc",
            citations=(
                {
                    "type": "web_search_result_location",
                    "cited_text": "",
                    "url": "u",
                    "title": None,
                    "encrypted_index": "",
                },
            ),
        ),
        ToolCall("t1", "f", '{"x":1}'),
        ToolCall("t2", "g", "{}"),
    )


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("tool_use", "tool_calls"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("model_context_window_exceeded", "context_window"),
        ("refusal", "refusal"),
        ("future", "stop"),
    ],
)
def test_stop_reasons(stop, finish):
    assert parse_answer(body(stop=stop)).choices[0].finish == finish


@pytest.mark.parametrize("stop", ["malformed_model_output", "malformed_tool_use"])
def test_a_broken_answer_is_a_failure_that_another_try_may_mend(stop):
    with pytest.raises(ProviderFailed, match=stop) as caught:
        parse_answer(body({"text": "x"}, stop=stop))
    assert caught.value.retry_status == 500


@pytest.mark.parametrize(
    ("additional", "sequence"),
    [({"stop_sequence": "END"}, "END"), ({"stop_sequence": ""}, None), ({}, None), (3, None)],
)
def test_the_stop_sequence_where_the_model_says_it(additional, sequence):
    answer = parse_answer(body(stop="stop_sequence", additionalModelResponseFields=additional))
    assert answer.choices[0].stop_sequence == sequence


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {},
        {"output": {}},
        {"output": {"message": {}}},
        {"output": {"message": {"content": [3]}}, "stopReason": "end_turn"},
        {"output": {"message": {"content": []}}},
        body({"text": 3}),
        body({"toolUse": {"name": "f"}}),
        body({"reasoningContent": {"reasoningText": {}}}),
    ],
)
def test_what_is_no_answer(wrong):
    with pytest.raises(ProviderBadAnswer):
        parse_answer(wrong)


def test_an_error_under_a_status_of_200():
    with pytest.raises(ProviderFailed, match="no such thing"):
        parse_answer({"message": "no such thing"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "output",
                    "message",
                    "content",
                    "text",
                    "toolUse",
                    "reasoningContent",
                    "citationsContent",
                    "reasoningText",
                    "usage",
                    "input",
                    "stopReason",
                    "citations",
                    "location",
                    "documentPage",
                    "toolUseId",
                    "name",
                    "cacheDetails",
                    "serviceTier",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_an_answer_or_a_clear_error(value):
    for candidate in (
        value,
        {"output": {"message": {"content": value}}, "stopReason": "end_turn", "usage": value},
        body(value),
    ):
        try:
            answer = parse_answer(candidate)
        except ProviderError:
            continue
        assert isinstance(answer, Answer)
        assert all(
            orjson.loads(part.arguments) is not None for part in answer.choices[0].parts if isinstance(part, ToolCall)
        )
