"""What a key that is confined to some models must not name: other models, and what lies in the provider's account."""

import orjson
import pytest

from extproc.domain.errors import ModelNotAllowed
from extproc.policy.reach import check_reach

CHAT, RESPONSES, MESSAGES, GEMINI = "openai-chat", "openai-responses", "anthropic-messages", "gemini"
FILE = {"type": "file", "file": {"file_id": "file-1"}}

BEYOND = [
    (CHAT, {"models": ["dear"]}, "models"),
    (CHAT, {"data_sources": [{}]}, "data_sources"),
    (CHAT, {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, FILE]}]}, "messages[0].content[1].file.file_id"),
    (RESPONSES, {"conversation": "conv_1"}, "conversation"),
    (RESPONSES, {"prompt": {"id": "pmpt_1"}}, "prompt"),
    (RESPONSES, {"tools": [{"type": "image_generation", "model": "dear"}]}, "tools[0].model"),
    (RESPONSES, {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}, "tools[0].vector_store_ids"),
    (RESPONSES, {"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
    (RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, "input[0].content[0].file_id"),
    (
        RESPONSES,
        {"input": [{"type": "function_call_output", "output": [{"type": "input_file", "file_id": "f"}]}]},
        "input[0].output[0].file_id",
    ),
    (MESSAGES, {"container": "c"}, "container"),
    (MESSAGES, {"tools": [{"type": "advisor_20260301", "model": "dear"}]}, "tools[0].model"),
    (
        MESSAGES,
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "document", "source": {"type": "file", "file_id": "f"}}]}]}]},
        "messages[0].content[0].content[0].source.file_id",
    ),
    (GEMINI, {"cachedContent": "cachedContents/x"}, "cachedContent"),
    (GEMINI, {"generation_config": {"routingConfig": {}}}, "generationConfig.routingConfig"),
    (GEMINI, {"contents": [{"parts": [{"fileData": {"fileUri": "u"}}]}]}, "contents[0].parts[0].fileData.fileUri"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "parsed", "path"), BEYOND, ids=[path for _, _, path in BEYOND])
def test_what_reaches_further_is_named(dialect, parsed, path):
    with pytest.raises(ModelNotAllowed) as caught:
        check_reach(orjson.dumps(parsed), parsed, dialect)
    assert caught.value.param == path


def test_an_escaped_name_is_found_too():
    body = orjson.dumps({"messages": [{"content": [FILE]}]}).replace(b"file_id", rb"\u0066ile_id")
    with pytest.raises(ModelNotAllowed):
        check_reach(body.replace(b'"file"', rb'"\u0066ile"'), orjson.loads(body), CHAT)


@pytest.mark.parametrize("dialect", [CHAT, RESPONSES, MESSAGES, GEMINI])
def test_what_only_looks_alike_passes(dialect):
    schema = {"type": "object", "properties": {"file_id": {"type": "string"}, "model": {}}}
    parsed = {
        "model": "m",
        "messages": [{"role": "user", "content": 'a "file_id"'}, {"role": "tool", "content": '{"file_id": "x"}'}],
        "input": "previous_response_id",
        "tools": [
            {"type": "function", "function": {"name": "read", "parameters": schema}},
            {"name": "read", "input_schema": schema},
            {"functionDeclarations": [{"name": "read", "parameters": schema}]},
        ],
    }
    check_reach(orjson.dumps(parsed), parsed, dialect)
