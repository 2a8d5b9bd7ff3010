"""Claims about reading whole answers. The answers lie in ``tests/goldens/responses/gemini``."""

from base64 import b64encode
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from google.genai.types import FinishReason
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.gemini import reasons
from extproc.dialects.gemini.dialect import GeminiProvider
from extproc.domain.answer import Answer, Choice
from extproc.domain.conversation import RedactedThinking, Refusal, Text, Thinking, ToolCall
from extproc.domain.errors import (
    ProviderAuth,
    ProviderBadAnswer,
    ProviderError,
    ProviderFailed,
    ProviderOverloaded,
    ProviderRejected,
)
from extproc.domain.usage import Usage

GOLDENS = Path(__file__).parents[3] / "goldens" / "responses" / "gemini"
SIGNED_CALL = b64encode(b"gemini-signature-of-the-first-step").decode()
SIGNED_TEXT = b64encode(b"gemini-signature-of-a-text").decode()


def parse(body):
    return GeminiProvider().parse_answer(body)


def golden(name):
    return parse(orjson.loads((GOLDENS / f"{name}.json").read_bytes()))


def answer(*parts, finish="STOP", **candidate):
    content = {"role": "model", "parts": list(parts)}
    return {"candidates": [{"content": content, "finishReason": finish, **candidate}], "responseId": "r"}


def test_text():
    assert golden("text") == Answer(
        "x7sYaYyPHZ-vmtkP4dqL6Ao", "gemini-3.6-flash", (Choice((Text("Grüße, 世界!"),), "stop"),), Usage(8, output=6)
    )


def test_thoughts_and_the_signature_of_a_text():
    found = golden("thinking")
    assert found.choices[0].parts == (
        Thinking("**Weighing it**\n\nTwo trains approach each other.", None, "gemini"),
        Text("They meet after 2 hours."),
        RedactedThinking(SIGNED_TEXT, "gemini"),
    )
    assert found.usage == Usage(31, output=221, reasoning=212)


def test_a_signature_stands_before_its_text_where_more_follows():
    """A call would take a seal before it for its own."""
    signed = {"text": "I look.", "thoughtSignature": SIGNED_TEXT}
    found = parse(answer(signed, {"functionCall": {"id": "c", "name": "f"}})).choices[0].parts
    assert found == (RedactedThinking(SIGNED_TEXT, "gemini"), Text("I look."), ToolCall("c", "f", "{}"))


def test_calls_finish_a_turn_and_keep_their_ids_and_signatures():
    choice = golden("tool_calls_parallel").choices[0]
    assert choice.finish == "tool_calls"
    assert choice.parts[1:] == (
        ToolCall("fc-1", "get_weather", '{"city":"Oslo"}', signature=SIGNED_CALL),
        ToolCall("fc-2", "get_weather", '{"city":"Bergen","days":3}'),
    )


def test_calls_without_an_id_get_one_that_no_other_turn_has():
    calls = golden("tool_call_without_id").choices[0].parts
    assert calls == (
        ToolCall("call_b1QYaf2uLrC_vdIPxtKDkQ0_0_0", "list_files", "{}"),
        ToolCall("call_b1QYaf2uLrC_vdIPxtKDkQ0_0_1", "no_args", "{}"),
    )


def test_a_limit_that_the_thoughts_used_up():
    found = golden("max_tokens_in_thought")
    assert found.choices == (Choice((), "length"),)
    assert found.usage == Usage(20, output=60, reasoning=60)


def test_what_was_withheld_says_why():
    assert golden("safety").choices == (Choice((Refusal("The answer was withheld."),), "content_filter"),)


def test_a_blocked_prompt_is_an_answer_that_is_charged():
    found = golden("prompt_blocked")
    assert found.choices == (
        Choice((Refusal("The provider blocked the prompt (PROHIBITED_CONTENT)."),), "content_filter"),
    )
    assert found.usage == Usage(11)


def test_citations():
    (text,) = golden("recitation_cited").choices[0].parts
    assert [each["url"] for each in text.citations] == ["https://example.org/sort.py"]
    (text,) = golden("grounded").choices[0].parts
    assert text.citations[1] == {
        "type": "web_search_result_location",
        "url": "https://example.com/final",
        "title": "example.com",
        "cited_text": "Spain won Euro 2024.",
        "encrypted_index": "",
    }


def test_grounding_that_points_nowhere_is_left_out():
    supports = [1, {"groundingChunkIndices": [0, 1, 7, "x"], "segment": 3}]
    metadata = {"groundingChunks": [{"web": {"title": "no address"}}, 1], "groundingSupports": supports}
    assert parse(answer({"text": "a"}, groundingMetadata=metadata)).choices[0].parts == (Text("a"),)


@pytest.mark.parametrize("time", ["yesterday", "", 3, "1960-01-01T00:00:00Z"])
def test_a_time_that_is_none(time):
    assert parse(answer({"text": "a"}) | {"createTime": time}).created is None


def test_arguments_nested_too_deeply():
    args = {}
    for _ in range(300):
        args = {"a": args}
    with pytest.raises(ProviderBadAnswer, match="deeply"):
        parse(answer({"functionCall": {"name": "f", "args": args}}))


def test_an_empty_signed_thought_and_one_that_says_nothing():
    parts = [{"thought": True}, {"thought": True, "thoughtSignature": "c2ln"}, {"text": ""}]
    assert parse(answer(*parts)).choices[0].parts == (Thinking("", "c2ln", "gemini"),)


def test_searches_are_counted_as_they_are_charged():
    assert golden("grounded").usage == Usage(92, output=7, web_searches=2)
    body = orjson.loads((GOLDENS / "grounded.json").read_bytes())
    assert parse(body | {"modelVersion": "gemini-2.5-flash"}).usage.web_searches == 1


def test_log_probabilities_in_openais_shape():
    assert golden("logprobs").choices[0].logprobs == {
        "content": [
            {
                "token": "Yes",
                "logprob": -0.1,
                "bytes": [89, 101, 115],
                "top_logprobs": [
                    {"token": "Yes", "logprob": -0.1, "bytes": [89, 101, 115]},
                    {"token": "No", "logprob": -2.4, "bytes": [78, 111]},
                ],
            }
        ],
        "refusal": None,
    }
    odd = {"chosenCandidates": [1], "topCandidates": [1]}
    (token,) = parse(answer({"text": "a"}, logprobsResult=odd)).choices[0].logprobs["content"]
    assert token == {"token": "", "logprob": 0.0, "bytes": [], "top_logprobs": []}


def test_candidates():
    assert [choice.parts for choice in golden("candidates_two").choices] == [(Text("heads"),), (Text("tails"),)]


def test_every_detail_of_usage():
    found = golden("usage_cached_audio_vertex")
    assert found.usage == Usage(
        input=72, cache_read=2048, output=17, reasoning=12, audio_input=2100, audio_cache_read=2048
    )
    assert found.service_tier == "priority"
    assert found.created == 1795167000


def test_media_are_named_where_they_cannot_be_carried():
    assert golden("image_output").choices[0].parts == (
        Text("Here is the cat."),
        Text("[image/png: left out, this API cannot carry it]"),
    )


def test_what_the_servers_own_tools_did_is_left_out():
    parts = [
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
    ]
    assert parse(answer(*parts, {"text": "1"})).choices[0].parts == (Text("1"),)


FILTERED = (
    "SAFETY RECITATION LANGUAGE BLOCKLIST PROHIBITED_CONTENT SPII MODEL_ARMOR ESCALATION OTHER IMAGE_SAFETY"
    " IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION IMAGE_OTHER"
)


@pytest.mark.parametrize(
    ("words", "finish"),
    [
        ("STOP NO_IMAGE A_REASON_OF_TOMORROW", "stop"),
        ("MAX_TOKENS CONTINUATION TOO_MANY_TOOL_CALLS", "length"),
        (FILTERED, "content_filter"),
    ],
)
def test_finish_reasons(words, finish):
    for reason in words.split():
        assert parse(answer({"text": "x"}, finish=reason)).choices[0].finish == finish


@pytest.mark.parametrize(
    ("reason", "error", "status"),
    [
        ("MALFORMED_FUNCTION_CALL", ProviderFailed, 500),
        ("MALFORMED_RESPONSE", ProviderFailed, 500),
        ("UNEXPECTED_TOOL_CALL", ProviderFailed, 500),
        ("MISSING_THOUGHT_SIGNATURE", ProviderRejected, 400),
        ("PUP_LIMITED_DISABLED", ProviderAuth, 403),
    ],
)
def test_finish_reasons_without_an_answer(reason, error, status):
    with pytest.raises(error) as caught:
        parse(answer(finish=reason))
    assert caught.value.retry_status == status


def test_every_reason_that_the_sdk_knows_is_listed():
    known = {reason.value for reason in FinishReason} - {"FINISH_REASON_UNSPECIFIED"}
    assert known == reasons._FINISH.keys() | reasons._FAILED.keys()


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"candidates": {}},
        {"candidates": []},
        {"promptFeedback": {}},
        answer({"functionCall": {"args": {}}}),
        answer({"functionCall": {"name": "f", "args": [1]}}),
        answer({"text": 1}),
        answer(1),
        {"candidates": [{"content": []}]},
        {"responseId": 1, "candidates": []},
    ],
)
def test_what_is_no_answer(body):
    with pytest.raises(ProviderBadAnswer):
        parse(body)


def test_an_error_under_a_200_is_that_error():
    for wrap in (lambda error: error, lambda error: [error]):
        with pytest.raises(ProviderOverloaded, match="later"):
            parse(wrap({"error": {"code": 503, "message": "later", "status": "UNAVAILABLE"}}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "candidates",
                    "content",
                    "parts",
                    "text",
                    "thought",
                    "thoughtSignature",
                    "functionCall",
                    "name",
                    "args",
                    "id",
                    "finishReason",
                    "usageMetadata",
                    "promptTokenCount",
                    "promptTokensDetails",
                    "promptFeedback",
                    "blockReason",
                    "error",
                    "details",
                    "message",
                    "groundingMetadata",
                    "groundingSupports",
                    "groundingChunks",
                    "groundingChunkIndices",
                    "citationMetadata",
                    "citations",
                    "uri",
                    "logprobsResult",
                    "chosenCandidates",
                    "topCandidates",
                    "inlineData",
                    "createTime",
                    "modelVersion",
                    "index",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(JSON)
def test_any_json_is_an_answer_or_an_error_of_the_provider(body):
    for candidate in (body, {"candidates": [body]}, answer(body)):
        with suppress(ProviderError):
            assert isinstance(parse(candidate), Answer)
