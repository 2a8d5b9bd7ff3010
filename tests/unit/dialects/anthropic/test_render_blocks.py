"""Parts → content blocks."""

import re
from base64 import b64encode

import pytest

from extproc.dialects.anthropic.render_blocks import ToolIds, render_content, render_part
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
from extproc.domain.errors import InvalidRequest

PNG = {"type": "base64", "media_type": "image/png", "data": "aW1n"}


def render(part):
    losses = Losses()
    return render_part(part, "p", ToolIds(), losses), losses.settle(drop=True)


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Text("hi"), {"type": "text", "text": "hi"}),
        (Text("hi", CacheMark("1h")), {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}}),
        (Text("hi", citations=({"type": "char_location"},)),
         {"type": "text", "text": "hi", "citations": [{"type": "char_location"}]}),
        (Text(""), None),
        (Text(" \n\t"), None),
        (Refusal("no"), {"type": "text", "text": "no"}),
        (Image(Source("image/png", "aW1n"), detail="high"), {"type": "image", "source": PNG}),
        (Image(Source("image/jpg", "aW1n"), cache=CacheMark()),
         {"type": "image", "source": {**PNG, "media_type": "image/jpeg"}, "cache_control": {"type": "ephemeral"}}),
        (Image(Source(url="data:image/png;base64,aW1n")), {"type": "image", "source": PNG}),
        (Image(Source(url="https://x/y")), {"type": "image", "source": {"type": "url", "url": "https://x/y"}}),
        (Image(Source(file_id="file_1")), {"type": "image", "source": {"type": "file", "file_id": "file_1"}}),
        (Document(Source("application/pdf", "cGRm"), "t", "c", citations=False, cache=CacheMark()),
         {"type": "document", "source": {**PNG, "media_type": "application/pdf", "data": "cGRm"}, "title": "t",
          "context": "c", "citations": {"enabled": False}, "cache_control": {"type": "ephemeral"}}),
        (Document(Source(data=b64encode(b"%PDF-1.7").decode())),
         {"type": "document", "source": {**PNG, "media_type": "application/pdf", "data": "JVBERi0xLjc="}}),
        (Document(Source("text/markdown", b64encode("# Grüße".encode()).decode())),
         {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "# Grüße"}}),
        (Document(Source(url="data:text/plain;charset=utf-8;base64,YWJj")),
         {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "abc"}}),
        (Document(Source(text="abc")),
         {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "abc"}}),
        (Document(Source(url="http://x/y.pdf")), {"type": "document", "source": {"type": "url", "url": "http://x/y.pdf"}}),
        (Thinking("hm", "s"), {"type": "thinking", "thinking": "hm", "signature": "s"}),
        (Thinking("", "s"), {"type": "thinking", "thinking": "", "signature": "s"}),
        (Thinking("hm"), None),
        (RedactedThinking("d"), {"type": "redacted_thinking", "data": "d"}),
        (ToolCall("call_1", "f", '{"a": 1}', CacheMark()),
         {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}, "cache_control": {"type": "ephemeral"}}),
        (ToolCall("c", "f", ""), {"type": "tool_use", "id": "c", "name": "f", "input": {}}),
        (ToolCall("c", "f", " \n"), {"type": "tool_use", "id": "c", "name": "f", "input": {}}),
        (ToolCall("c", "f", "null"), {"type": "tool_use", "id": "c", "name": "f", "input": {}}),
        (ToolResult("c", ()), {"type": "tool_result", "tool_use_id": "c"}),
        (ToolResult("c", (Text(""),)), {"type": "tool_result", "tool_use_id": "c"}),
        (ToolResult("c", (Text("42"),), is_error=True), {"type": "tool_result", "tool_use_id": "c", "content": "42",
                                                         "is_error": True}),
        (ToolResult("c", (Text("a", CacheMark()), Image(Source("image/png", "aW1n"))), cache=CacheMark("5m")),
         {"type": "tool_result", "tool_use_id": "c", "cache_control": {"type": "ephemeral", "ttl": "5m"},
          "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
                      {"type": "image", "source": PNG}]}),
    ],
)  # fmt: skip
def test_a_part_and_its_block(part, block):
    assert render(part) == (block, ())


@pytest.mark.parametrize(
    "part",
    [
        Audio("x", "wav"),
        Image(Source("image/svg+xml", "aW1n")),
        Image(Source(data="aW1n")),
        Image(Source(url="ftp://x")),
        Image(Source(url="data:image/png,raw")),
        Image(Source(file_id="file-openai")),
        Image(Source()),
        Document(Source("application/zip", "eA==")),
        Document(Source(data="eA==")),
    ],
)
def test_what_cannot_be_carried_is_named(part):
    assert render(part) == (None, ("p",))


def test_citations_of_other_vendors_searches_are_left_out_and_told():
    own = {"type": "web_search_result_location", "url": "https://a", "encrypted_index": "E"}
    foreign = {**own, "encrypted_index": ""}
    assert render(Text("hi", citations=(foreign, own))) == (
        {"type": "text", "text": "hi", "citations": [own]},
        ("p.citations",),
    )
    assert render(Text("hi", citations=(foreign,))) == ({"type": "text", "text": "hi"}, ("p.citations",))


def test_what_cannot_be_carried_within_a_tool_result_is_named_with_its_place():
    block, lost = render(ToolResult("c", (Text("a"), Image(Source("image/bmp", "x")))))
    assert block == {"type": "tool_result", "tool_use_id": "c", "content": "a"}
    assert lost == ("p.content[1]",)


@pytest.mark.parametrize("arguments", ['{"a": ', "[]", '"x"', "3", "{} {}", '{"a": 1e400}'])
def test_arguments_that_are_no_json_object_do_not_end_the_conversation(arguments):
    block, lost = render(ToolCall("c", "f", arguments))
    assert block["input"] == {"INVALID_JSON": arguments}
    assert lost == ()


@pytest.mark.parametrize("data", ["not base64!", b64encode(b"\xff\xfe").decode()])
def test_a_text_document_that_is_no_text_is_the_callers_fault(data):
    with pytest.raises(InvalidRequest):
        render(Document(Source("text/plain", data)))


def test_tool_ids_fit_the_vendors_pattern_and_stay_distinct():
    ids = ToolIds()
    given = ["call_1", "a.b", "a:b", "a_b", "", "ü", "call_1", "a.b"]
    sent = [ids.of(call_id) for call_id in given]
    assert sent[0] == "call_1"
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", call_id) for call_id in sent)
    assert len(set(sent)) == len(set(given))
    assert sent[6:] == [sent[0], sent[1]]


@pytest.mark.parametrize(
    ("blocks", "content"),
    [
        ([], []),
        ([{"type": "text", "text": "a"}], "a"),
        ([{"type": "text", "text": "a", "cache_control": {}}], [{"type": "text", "text": "a", "cache_control": {}}]),
        ([{"type": "redacted_thinking", "data": "d"}], [{"type": "redacted_thinking", "data": "d"}]),
    ],
)
def test_one_plain_text_is_a_string(blocks, content):
    assert render_content(blocks) == content
