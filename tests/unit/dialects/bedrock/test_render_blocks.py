"""Parts → content blocks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.bedrock.families import family_of
from extproc.dialects.bedrock.render_blocks import MAX_TOOL_ID_CHARS, Rendering, ToolIds, cache_points, render_part
from extproc.dialects.losses import Losses
from extproc.domain.conversation import (
    Audio,
    CacheMark,
    Document,
    Image,
    RedactedThinking,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from tests.judges.bedrock import MODEL, check

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OLD_CLAUDE = "anthropic.claude-sonnet-4-20250514-v1:0"
NOVA = "us.amazon.nova-pro-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
PAGE = {"type": "page_location", "cited_text": "c", "document_index": 0, "start_page_number": 1, "end_page_number": 2}


def blocks(part, model=CLAUDE):
    losses = Losses()
    rendered = render_part(part, "p", Rendering(family_of(model), losses))
    for block in rendered:
        check(block, MODEL.shape_for("ContentBlock"))
    return rendered, losses.settle(drop=True)


def test_text_and_refusal_and_what_is_blank():
    assert blocks(Text("a")) == ([{"text": "a"}], ())
    assert blocks(Refusal("no")) == ([{"text": "no"}], ())
    assert blocks(Text("", cache=CacheMark())) == ([], ())
    assert blocks(Refusal(" \n")) == ([], ())


def test_cited_text():
    place = {"documentPage": {"documentIndex": 0, "start": 1, "end": 2}}
    cited = {"content": [{"text": "a"}], "citations": [{"location": place, "sourceContent": [{"text": "c"}]}]}
    assert blocks(Text("a", citations=(PAGE,))) == ([{"citationsContent": cited}], ())
    assert blocks(Text("a", citations=(PAGE, {"type": "x"}))) == ([{"citationsContent": cited}], ("p.citations",))
    assert blocks(Text("a", citations=({"type": "x"},))) == ([{"text": "a"}], ("p.citations",))
    assert blocks(Text("a", citations=(PAGE,)), NOVA) == ([{"text": "a"}], ("p.citations",))
    assert blocks(Text(" ", citations=(PAGE,))) == ([], ())


@pytest.mark.parametrize(
    ("model", "mark", "point", "told"),
    [
        (CLAUDE, CacheMark(), {"type": "default"}, ()),
        (CLAUDE, CacheMark("5m"), {"type": "default", "ttl": "5m"}, ()),
        (CLAUDE, CacheMark("1h"), {"type": "default", "ttl": "1h"}, ()),
        (OLD_CLAUDE, CacheMark("5m"), {"type": "default"}, ()),
        (OLD_CLAUDE, CacheMark("1h"), {"type": "default"}, ("p.cache_control.ttl",)),
        (NOVA, CacheMark(), {"type": "default"}, ()),
        (LLAMA, CacheMark("1h"), None, ()),
        (ARN, CacheMark(), None, ("p.cache_control",)),
    ],
)
def test_cache_points(model, mark, point, told):
    expected = [{"text": "a"}, {"cachePoint": point}] if point else [{"text": "a"}]
    assert blocks(Text("a", cache=mark), model) == (expected, told)


def test_tools_are_cached_by_claude_only():
    nova, claude = (Rendering(family_of(model), Losses()) for model in (NOVA, CLAUDE))
    assert cache_points(CacheMark(), "p", nova, tools=True) == []
    assert cache_points(CacheMark(), "p", claude, tools=True) == [{"cachePoint": {"type": "default"}}]


def test_media():
    assert blocks(Image(Source(media_type="image/png", data="AAAA"), cache=CacheMark()))[0] == [
        {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
        {"cachePoint": {"type": "default"}},
    ]
    assert blocks(Document(Source(text="a"), title="T"))[0][0]["document"]["name"] == "T"
    for part in (
        Image(Source(url="https://x.example/a.png")),
        Document(Source(file_id="file-1")),
        Audio("AAAA", "wav"),
    ):
        assert blocks(part) == ([], ("p",))
    assert blocks(Audio("AAAA", "wav"), "amazon.nova-2-lite-v1:0") == (
        [{"audio": {"format": "wav", "source": {"bytes": "AAAA"}}}],
        (),
    )


def test_reasoning_goes_back_to_its_own_vendor_only():
    signed, sealed = Thinking("hm", "sig"), RedactedThinking("EmwKAhgBEgy3")
    assert blocks(signed)[0] == [{"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}}]
    assert blocks(sealed)[0] == [{"reasoningContent": {"redactedContent": "RW13S0FoZ0JFZ3kz"}}]
    for part, model in (
        (signed, NOVA),
        (sealed, LLAMA),
        (Thinking("hm"), CLAUDE),
        (Thinking("hm", "sig", origin="openai"), CLAUDE),
        (RedactedThinking("x", origin="gemini"), CLAUDE),
    ):
        assert blocks(part, model) == ([], ())


@pytest.mark.parametrize(("arguments", "value"), [('{"a":1}', {"a": 1}), ("", {}), (" ", {}), ("null", {})])
def test_a_call(arguments, value):
    assert blocks(ToolCall("t1", "f", arguments))[0] == [{"toolUse": {"toolUseId": "t1", "name": "f", "input": value}}]


@pytest.mark.parametrize("arguments", ["{", "[1]", "3", '{"a": 1e400}'])
def test_arguments_that_are_no_object_do_not_end_the_conversation(arguments):
    (block,), lost = blocks(ToolCall("t1", "f", arguments))
    assert block["toolUse"]["input"] == {"INVALID_JSON": arguments}
    assert lost == ()


def test_a_result():
    png, audio = Image(Source(media_type="image/png", data="AAAA")), Image(Source(file_id="f"))
    result = ToolResult("t1", (Text("a"), Text(" "), png, Document(Source(text="d")), audio), is_error=True)
    rendered, told = blocks(result)
    content = rendered[0]["toolResult"]["content"]
    assert [next(iter(block)) for block in content] == ["text", "image", "document"]
    assert rendered[0]["toolResult"]["status"] == "error"
    assert told == ("p.content[4]",)


def test_a_result_without_content_or_without_status():
    empty = {"toolUseId": "t1", "content": [{"text": "(no output)"}]}
    assert blocks(ToolResult("t1", ())) == ([{"toolResult": empty}], ())
    failed = {"toolUseId": "t1", "content": [{"text": "Error: 404"}]}
    assert blocks(ToolResult("t1", (Text("404"),), is_error=True), LLAMA) == ([{"toolResult": failed}], ())


@given(st.lists(st.text(max_size=100), max_size=20))
def test_ids_are_within_the_pattern_and_as_many_as_before(ids):
    given_ids = ToolIds()
    sent = {call_id: given_ids.of(call_id) for call_id in ids}
    assert len(set(sent.values())) == len(sent)
    assert all(given_ids.of(call_id) == clean for call_id, clean in sent.items())
    for clean in sent.values():
        assert len(clean) <= MAX_TOOL_ID_CHARS
        check(clean, MODEL.shape_for("ToolUseId"))
