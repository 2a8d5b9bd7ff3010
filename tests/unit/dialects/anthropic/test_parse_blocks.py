"""Content blocks → parts."""

import pytest

from extproc.dialects.anthropic.parse_blocks import Unmapped, parse_content
from extproc.domain.conversation import (
    CacheMark,
    Document,
    Image,
    RedactedThinking,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Fields

MARK = {"type": "ephemeral"}
PNG = {"type": "base64", "media_type": "image/png", "data": "aW1n"}


def parse(block):
    unmapped: Unmapped = []
    parts = list(parse_content(Fields({"content": [block]}), "content", unmapped))
    return parts, unmapped


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "text", "text": "hi"}, Text("hi")),
        ({"type": "text", "text": "hi", "cache_control": MARK}, Text("hi", CacheMark())),
        ({"type": "text", "text": "hi", "cache_control": {**MARK, "ttl": "5m", "scope": "global"}},
         Text("hi", CacheMark("5m"))),
        ({"type": "text", "text": "hi", "cache_control": None, "citations": None}, Text("hi")),
        ({"type": "text", "text": "hi", "citations": [{"type": "char_location"}]},
         Text("hi", citations=({"type": "char_location"},))),
        ({"type": "image", "source": PNG, "cache_control": {**MARK, "ttl": "1h"}},
         Image(Source("image/png", "aW1n"), cache=CacheMark("1h"))),
        ({"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}, Image(Source(url="https://x/y.png"))),
        ({"type": "image", "source": {"type": "file", "file_id": "file_1"}}, Image(Source(file_id="file_1"))),
        ({"type": "document", "source": {**PNG, "media_type": "application/pdf"}, "title": "t", "context": "c",
          "citations": {"enabled": True}},
         Document(Source("application/pdf", "aW1n"), title="t", context="c", citations=True)),
        ({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "abc"}},
         Document(Source("text/plain", text="abc"))),
        ({"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}, "cache_control": MARK},
         Document(Source(url="https://x/y.pdf"), cache=CacheMark())),
        ({"type": "document", "source": {"type": "file", "file_id": "file_1"}}, Document(Source(file_id="file_1"))),
        ({"type": "document", "source": {"type": "content", "content": "abc"}}, Document(Source("text/plain", text="abc"))),
        ({"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"},
                                                                        {"type": "text", "text": "b"}]}},
         Document(Source("text/plain", text="a\nb"))),
        ({"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1]}, "caller": {"type": "direct"}},
         ToolCall("t1", "f", '{"a":[1]}')),
        ({"type": "tool_use", "id": "t1", "name": "f", "input": {}, "cache_control": MARK},
         ToolCall("t1", "f", "{}", CacheMark())),
        ({"type": "tool_result", "tool_use_id": "t1"}, ToolResult("t1", ())),
        ({"type": "tool_result", "tool_use_id": "t1", "content": "42", "is_error": True, "cache_control": MARK},
         ToolResult("t1", (Text("42"),), is_error=True, cache=CacheMark())),
        ({"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "a"},
                                                                  {"type": "image", "source": PNG}]},
         ToolResult("t1", (Text("a"), Image(Source("image/png", "aW1n"))))),
        ({"type": "thinking", "thinking": "hm", "signature": "s"}, Thinking("hm", "s")),
        ({"type": "thinking", "thinking": "hm", "signature": ""}, Thinking("hm")),
        ({"type": "redacted_thinking", "data": "d"}, RedactedThinking("d")),
    ],
)  # fmt: skip
def test_a_block_and_its_part(block, part):
    assert parse(block) == ([part], [])


@pytest.mark.parametrize(
    ("block", "unmapped"),
    [
        ({"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}, "content[0]"),
        ({"type": "search_result", "source": "x", "title": "t", "content": []}, "content[0]"),
        ({"type": "image", "source": {"type": "s3", "uri": "x"}}, "content[0]"),
        ({"type": "document", "source": {"type": "content", "content": [{"type": "image", "source": PNG}]}}, "content[0]"),
        ({"type": "image", "source": PNG, "transformations": {"oversized_image": "error"}}, "content[0].transformations"),
        ({"type": "image", "source": {**PNG, "x": 1}}, "content[0].source.x"),
        ({"type": "document", "source": {"type": "text", "data": "a"}, "citations": {"enabled": True, "x": 1}},
         "content[0].citations.x"),
        ({"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": {"type": "code_execution_20250825"}},
         "content[0].caller"),
        ({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "browser_state", "x": "f"}]},
         "content[0].content[0]"),
    ],
)  # fmt: skip
def test_what_has_no_neutral_name_is_kept_with_its_path(block, unmapped):
    assert [path for path, _ in parse(block)[1]] == [unmapped]


@pytest.mark.parametrize(
    ("block", "param"),
    [
        ("x", "content[0]"),
        ({}, "content[0].type"),
        ({"type": "text"}, "content[0].text"),
        ({"type": "text", "text": "x", "citations": [1]}, "content[0].citations[0]"),
        ({"type": "text", "text": "x", "cache_control": "yes"}, "content[0].cache_control"),
        ({"type": "image"}, "content[0].source"),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png"}}, "content[0].source.data"),
        ({"type": "document", "source": "x"}, "content[0].source"),
        ({"type": "tool_use", "id": "t", "name": "f"}, "content[0].input"),
        ({"type": "tool_use", "id": "t", "name": "f", "input": "{}"}, "content[0].input"),
        ({"type": "tool_result", "content": "x"}, "content[0].tool_use_id"),
        ({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "thinking", "thinking": "x"}]},
         "content[0].content"),
        ({"type": "thinking"}, "content[0].thinking"),
        ({"type": "redacted_thinking"}, "content[0].data"),
    ],
)  # fmt: skip
def test_the_path_of_the_field_at_fault_is_named(block, param):
    with pytest.raises(InvalidRequest) as caught:
        parse(block)
    assert caught.value.param == param
