"""Claims about whole answers, both ways. The judge is the SDK's client."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.openai_responses.parse_answer import parse_answer
from extproc.dialects.openai_responses.render_answer import render_answer
from extproc.domain.answer import Answer, Choice
from extproc.domain.conversation import RedactedThinking, Refusal, Text, Thinking, ToolCall
from extproc.domain.errors import InternalError, ProviderBadAnswer, ProviderError, ProviderFailed, ProviderRateLimited
from extproc.domain.usage import Usage
from tests.judges.openai_responses import read_answer

PAGE = {
    "type": "web_search_result_location",
    "url": "https://x",
    "title": "X",
    "cited_text": "c",
    "encrypted_index": "i",
}
PASSAGE = {"type": "page_location", "cited_text": "c", "document_index": 0, "document_title": "a.pdf", "file_id": "f-1"}


def rendered(*parts, finish="stop", **fields):
    logprobs = fields.pop("logprobs", None)
    answer = Answer(
        **{"id": "resp_1", "model": "m", "usage": Usage(), **fields},
        choices=(Choice(parts, finish, logprobs=logprobs),),
    )
    body = render_answer(answer, created=1_700_000_000)
    read_answer(orjson.dumps(body), ".json")
    return body


def parsed(*output, **fields):
    body = {"id": "resp_1", "object": "response", "model": "m", "status": "completed", "output": list(output), **fields}
    return parse_answer(body)


def parts(*output):
    return parsed(*output).choices[0].parts


def said(**content):
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [content]}


def test_a_response_has_its_published_defaults():
    body = rendered(Text("Hi"), id="msg_abc", created=5, service_tier="standard", usage=Usage(input=1, output=2))
    assert (body["id"], body["created_at"], body["status"], body["service_tier"]) == (
        "resp_msg_abc",
        5,
        "completed",
        "default",
    )
    assert (body["store"], body["background"], body["truncation"]) == (False, False, "disabled")
    assert (body["tools"], body["tool_choice"], body["metadata"]) == ([], "auto", {})
    assert body["usage"]["total_tokens"] == 3


def test_ids_are_made_of_the_answers():
    body = rendered(Thinking("t", "s"), Text("a"), ToolCall("c", "f", "{}"), finish="tool_calls")
    assert [item["id"] for item in body["output"]] == ["rs_1_0", "msg_1_1", "fc_1_2"]
    assert rendered(Text("a"), id="")["id"] == "resp_1700000000"


def test_neighbouring_texts_are_one_with_their_annotations():
    [item] = rendered(Text("So: "), Text("it rains", citations=(PAGE, PASSAGE)), Text("."), Refusal("No."))["output"]
    text, refusal = item["content"]
    assert text["text"] == "So: it rains."
    assert text["annotations"] == [
        {"type": "url_citation", "start_index": 4, "end_index": 12, "url": "https://x", "title": "X"},
        {"type": "file_citation", "file_id": "f-1", "filename": "a.pdf", "index": 12},
    ]
    assert refusal == {"type": "refusal", "refusal": "No."}


@pytest.mark.parametrize(
    ("citation", "name"),
    [({"type": "search_result_location", "source": "s", "title": "t"}, "s"), ({"type": "new"}, None)],
)
def test_other_citations(citation, name):
    [item] = rendered(Text("a", citations=(citation,)))["output"]
    assert [note["filename"] for note in item["content"][0]["annotations"]] == ([name] if name else [])


def test_reasoning_is_sealed():
    output = rendered(
        Thinking("Hm", "c2ln"),
        RedactedThinking("cmVk"),
        Thinking("", "rs_9.gAAA", "openai"),
        Thinking("bare"),
        ToolCall("c", "f", "", signature="Z2Vt"),
        finish="tool_calls",
    )["output"]
    assert [(item["id"], item.get("encrypted_content")) for item in output] == [
        ("rs_1_0", "llmgw.anthropic.c2ln"),
        ("rs_1_1", "llmgw.anthropic.redacted.cmVk"),
        ("rs_9", "gAAA"),
        ("rs_1_3", "llmgw.anthropic."),
        ("rs_1_4", "llmgw.gemini.redacted.Z2Vt"),
        ("fc_1_5", None),
    ]
    assert output[-1]["arguments"] == "{}"
    assert output[0]["summary"] == [{"type": "summary_text", "text": "Hm"}]


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        (None, None),
        ("stop", None),
        ("tool_calls", None),
        ("length", "max_output_tokens"),
        ("context_window", "max_output_tokens"),
        ("pause", "max_output_tokens"),
        ("content_filter", "content_filter"),
        ("refusal", "content_filter"),
    ],
)
def test_how_an_answer_ended(finish, reason):
    body = rendered(Thinking("t", "s"), Text("a"), finish=finish)
    assert body["status"] == ("incomplete" if reason else "completed")
    assert body["incomplete_details"] == ({"reason": reason} if reason else None)
    assert body["output"][-1]["status"] == body["status"]


def test_log_probabilities_have_all_that_the_type_wants():
    logprobs = {"content": [{"token": "é", "logprob": -1, "bytes": None}, 7], "refusal": None}
    [item] = rendered(Text("é"), logprobs=logprobs)["output"]
    assert item["content"][0]["logprobs"] == [{"token": "é", "bytes": [195, 169], "logprob": -1.0, "top_logprobs": []}]


def test_an_answer_without_a_choice_is_our_own_fault():
    with pytest.raises(InternalError):
        render_answer(Answer("a", "m", (), Usage()), created=1)


def test_text_refusal_and_calls_are_read():
    answer = parsed(
        said(
            type="output_text",
            text="Hi",
            annotations=[{"type": "url_citation", "url": "https://x"}, {"type": "file_path"}],
        ),
        said(type="refusal", refusal="No"),
        said(type="image_of_tomorrow"),
        said(type="output_text", text=""),
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": "select 1"},
        {"type": "item_of_tomorrow"},
        created_at=9.5,
        service_tier="flex",
    )
    citation = {
        "type": "web_search_result_location",
        "url": "https://x",
        "title": None,
        "cited_text": "",
        "encrypted_index": "",
    }
    assert answer.choices == (
        Choice(
            (
                Text("Hi", citations=(citation,)),
                Refusal("No"),
                ToolCall("c", "f", "{}"),
                ToolCall("d", "g", "select 1"),
            ),
            "tool_calls",
        ),
    )
    assert (answer.created, answer.service_tier) == (9, "flex")


def test_arguments_may_be_the_object_itself():
    assert parts({"type": "function_call", "call_id": "c", "name": "f", "arguments": {"a": 1}}) == (
        ToolCall("c", "f", '{"a":1}'),
    )
    deep = []
    for _ in range(300):
        deep = [deep]
    assert parts({"type": "function_call", "call_id": "c", "name": "f", "arguments": deep}) == (ToolCall("c", "f", ""),)
    assert parts({"type": "function_call", "id": "fc", "name": "f"}) == (ToolCall("fc", "f", ""),)


def test_reasoning_is_read():
    summary = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}, 7]
    content = [{"type": "reasoning_text", "text": "c"}]
    assert parts(
        {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "gAAA"},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gBBB"},
        {"type": "reasoning", "id": "rs_3", "summary": [], "content": content},
        {"type": "reasoning", "id": "rs_4", "summary": []},
    ) == (
        Thinking("a\n\nb", "rs_1.gAAA", "openai"),
        Thinking("", "rs_2.gBBB", "openai"),
        Thinking("c", None, "openai"),
    )


@pytest.mark.parametrize(
    ("details", "finish"),
    [
        ({"reason": "max_output_tokens"}, "length"),
        ({"reason": "content_filter"}, "content_filter"),
        ({"reason": "steered"}, "pause"),
        ({"reason": "of_tomorrow"}, "length"),
        ({"reason": 7}, "length"),
        (None, "length"),
    ],
)
def test_an_incomplete_answer(details, finish):
    assert parsed(status="incomplete", incomplete_details=details).choices[0].finish == finish


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "x"}}, ProviderRateLimited),
        ({"status": "cancelled"}, ProviderFailed),
        ({"error": {"code": "server_error", "message": "x"}}, ProviderFailed),
        ({"status": "queued"}, ProviderBadAnswer),
        ({"output": None}, ProviderBadAnswer),
        ({"output": [7]}, ProviderBadAnswer),
        ({"output": [{"type": "function_call", "call_id": "c"}]}, ProviderBadAnswer),
    ],
)
def test_what_is_no_answer(fields, kind):
    with pytest.raises(ProviderError) as caught:
        parsed(**fields)
    assert type(caught.value) is kind


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "content", "text", "summary", "id", "name", "arguments", "annotations", "logprobs"]
            ),
            inner | st.sampled_from(["message", "reasoning", "function_call", "output_text", "refusal"]),
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(
    st.dictionaries(st.sampled_from(["output", "usage", "status", "error", "created_at", "tool_usage"]), JSON) | JSON
)
def test_any_json_is_an_answer_or_the_providers_error(body):
    try:
        answer = parse_answer({"output": [], **body} if isinstance(body, dict) else body)
    except ProviderError:
        return
    assert orjson.loads(orjson.dumps(render_answer(answer, created=1)))["object"] == "response"
