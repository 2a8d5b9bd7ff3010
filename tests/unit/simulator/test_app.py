"""The decisions, without a socket: whatever a client sends gets an answer of the vendor's, never an accident."""

from collections.abc import Iterator
from copy import deepcopy

import orjson
import pytest

from extproc.simulator.app import answer
from extproc.simulator.call import World
from extproc.simulator.openai_responses.seal import Sealed, seal
from extproc.simulator.wire import Request, Stream, Whole

HEADERS = [(b"authorization", b"Bearer k"), (b"x-api-key", b"k"), (b"anthropic-version", b"2023-06-01")]

OPENAI = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "give json"},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y", "detail": "low"}}]},
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "r"}]},
        {
            "role": "user",
            "content": [{"type": "text", "text": "call", "prompt_cache_breakpoint": {"mode": "explicit"}}],
        },
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "f",
                "strict": True,
                "parameters": {
                    "type": "object",
                    "properties": {
                        "a": {"type": "array", "items": {"type": "string", "maxLength": 9}, "minItems": 1},
                        "b": {"anyOf": [{"$ref": "#/$defs/d"}, {"type": "null"}]},
                    },
                    "required": ["a", "b"],
                    "additionalProperties": False,
                    "$defs": {"d": {"type": "integer", "minimum": 2}},
                },
            },
        },
        {"type": "custom", "custom": {"name": "g"}},
    ],
    "tool_choice": {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
    },
    "parallel_tool_calls": True,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"allOf": [{"properties": {"a": {"enum": ["q"]}}}]}},
    },
    "stop": ["s"],
    "n": 2,
    "max_completion_tokens": 50,
    "temperature": 1.0,
    "reasoning_effort": "low",
    "logprobs": True,
    "top_logprobs": 2,
    "service_tier": "auto",
    "stream": True,
    "stream_options": {"include_usage": True, "include_obfuscation": True},
    "prompt_cache_options": {"mode": "implicit"},
}

SEAL = seal(Sealed("rs_1", "", "thinking"))
MARK = {"type": "ephemeral", "ttl": "1h"}
ANTHROPIC = {
    "model": "m",
    "max_tokens": 3000,
    "system": [{"type": "text", "text": "rules", "cache_control": MARK}],
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "system", "content": "more rules"},
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {"type": "image", "source": {"type": "file", "file_id": "f"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "", "signature": "s"},
                {"type": "text", "text": "ok"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "content": [
                        {"type": "text", "text": "r"},
                        {"type": "image", "source": {"type": "url", "url": "https://x/y"}},
                    ],
                },
                {"type": "text", "text": "call", "cache_control": MARK},
            ],
        },
    ],
    "tools": [
        {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"const": 1}}}},
        {"type": "web_search_20250305", "name": "web_search"},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": False},
    "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "summarized"},
    "output_config": {
        "effort": "low",
        "format": {"type": "json_schema", "schema": {"type": "object", "additionalProperties": False}},
    },
    "cache_control": MARK,
    "metadata": {"user_id": "u"},
    "stop_sequences": ["s"],
    "temperature": 1,
    "top_p": 0.5,
    "top_k": 4,
    "stream": True,
}

COUNTED = {
    "input": [
        {"role": "developer", "content": "give json"},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "hi", "prompt_cache_breakpoint": {"mode": "explicit"}},
                {"type": "input_image", "image_url": "https://x/y", "detail": "low"},
                {"type": "input_file", "file_id": "f"},
            ],
        },
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "t"}],
            "encrypted_content": SEAL,
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "r"}]},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "ok", "annotations": []}, {"type": "refusal", "refusal": "no"}],
        },
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"role": "user", "content": "call"},
    ],
    "instructions": "rules",
    "tools": [
        {
            "type": "function",
            "name": "f",
            "description": "d",
            "strict": True,
            "parameters": {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
        },
        {"type": "web_search", "filters": {"allowed_domains": ["x"]}},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    "parallel_tool_calls": True,
    "text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "truncation": "disabled",
}
RESPONSES = {
    **COUNTED,
    "model": "m",
    "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
    "max_output_tokens": 50,
    "max_tool_calls": 3,
    "metadata": {"a": "b"},
    "prompt_cache_options": {"mode": "implicit"},
    "service_tier": "auto",
    "store": True,
    "stream": True,
    "stream_options": {"include_obfuscation": True},
    "temperature": 1.0,
    "top_logprobs": 2,
}

CASES = {
    "/v1/chat/completions": OPENAI,
    "/v1/responses": RESPONSES,
    "/v1/responses/input_tokens": COUNTED,
    "/v1/completions": {
        "model": "m",
        "prompt": ["a", [1, 2]],
        "echo": True,
        "logprobs": 2,
        "n": 2,
        "best_of": 2,
        "max_tokens": 5,
        "stop": ["x"],
        "suffix": "s",
        "stream": True,
        "stream_options": {"include_usage": True},
    },
    "/v1/moderations": {
        "model": "m",
        "input": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "https://x/y"}}],
    },
    "/v1/images/generations": {
        "model": "gpt-image-1",
        "prompt": "p",
        "n": 2,
        "quality": "low",
        "size": "1024x1024",
        "stream": True,
        "partial_images": 1,
    },
    "/v1/audio/speech": {
        "model": "gpt-4o-mini-tts",
        "input": "x",
        "voice": {"id": "v"},
        "speed": 1.5,
        "response_format": "wav",
        "stream_format": "sse",
    },
    "/v1/rerank": {"model": "m", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1, "return_documents": True},
    "/openai/v1/completions": {"model": "m", "prompt": "p", "stream": True, "logprobs": 1},
    "/v1/messages": ANTHROPIC,
    "/v1/messages/count_tokens": ANTHROPIC,
    "/v1/embeddings": {"model": "m", "input": ["a"], "dimensions": 4, "encoding_format": "float"},
}
JUNK = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    [],
    [1],
    [{}],
    [None],
    [["x"]],
    {},
    {"type": "x"},
    {"type": {}},
    {"type": ["x"]},
]


def send(world: World, path: str, body: object) -> tuple[int, bytes]:
    """Status and all the bytes of the answer."""
    request = Request("POST", path, HEADERS, orjson.dumps(body), http11=True)
    plan, record = answer(world, request)
    assert record is not None
    if isinstance(plan.reply, Stream):
        return 200, b"".join(event.data for event in plan.reply.events())
    assert isinstance(plan.reply, Whole)
    return plan.reply.status, plan.reply.body


def places(value: object, path: tuple = ()) -> Iterator[tuple]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(body: dict, place: tuple, value: object) -> dict:
    copy = deepcopy(body)
    target = copy
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    return copy


@pytest.mark.parametrize("path", CASES)
def test_rich_requests_are_good(path):
    status, body = send(World(), path, CASES[path])
    assert (status, body.count(b'"error":{')) == (200, 0)


@pytest.mark.parametrize("path", CASES)
def test_junk_anywhere_is_answered(path):
    """Each field, replaced by each kind of value, is accepted or refused in the vendor's shape."""
    world = World()
    refused = 0
    for place in places(CASES[path]):
        for value in JUNK:
            status, body = send(world, path, changed(CASES[path], place, value))
            # A 404 is about what is referred to, not about the words.
            assert status in {200, 400, 404}, (place, value)
            if status != 200:
                refused += 1
                error = orjson.loads(body)["error"]
                assert error["message"], (place, value)
                assert error["type"] == "invalid_request_error"
    assert refused > 20


@pytest.mark.parametrize("path", CASES)
def test_missing_fields_are_answered(path):
    world = World()
    for place in places(CASES[path]):
        if isinstance(place[-1], str):
            body = changed(CASES[path], place, None)
            target = body
            for key in place[:-1]:
                target = target[key]
            del target[place[-1]]
            assert send(world, path, body)[0] in {200, 400, 404}, place
