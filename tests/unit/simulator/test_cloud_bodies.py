"""Whatever a body holds, the clouds' endpoints answer or refuse; nothing falls over. No sockets: ``app.answer`` alone."""

import copy
from collections.abc import Iterator

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.simulator import app
from extproc.simulator.call import World
from extproc.simulator.wire import Request, Stream, Whole

TEXTS = st.sampled_from(
    ["", " ", "call", "echo: a b", "user", "model", "STRING", "arn:x", "é\u2028", "AAAA", "block: SAFETY"]
)
SCALARS = st.none() | st.booleans() | st.integers(-3, 10**12) | st.floats(allow_nan=False) | TEXTS
JSON = st.recursive(
    SCALARS, lambda one: st.lists(one, max_size=3) | st.dictionaries(TEXTS, one, max_size=3), max_leaves=6
)

SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]}}, "required": ["a"]}
CONVERSE = {
    "system": [{"text": "s"}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
    "messages": [
        {"role": "user", "content": [{"text": "hi"}, {"image": {"format": "png", "source": {"bytes": "AAAA"}}}]},
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"redactedContent": "AAAA"}},
                {"citationsContent": {"content": [{"text": "a"}], "citations": [{}]}},
                {"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "t", "content": [{"json": {}}, {"text": "b"}], "status": "success"}},
                {"guardContent": {"text": {"text": "call"}}},
            ],
        },
    ],
    "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 1, "stopSequences": ["x"]},
    "toolConfig": {
        "tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": SCHEMA}}}],
        "toolChoice": {"tool": {"name": "f"}},
    },
    "additionalModelRequestFields": {"top_k": 5},
    "outputConfig": {
        "effort": "low",
        "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{}"}}},
    },
    "requestMetadata": {"a": "b"},
}
MESSAGES = {
    "max_tokens": 9,
    "messages": [{"role": "user", "content": [{"type": "text", "text": "call"}]}],
    "tools": [{"name": "f", "input_schema": SCHEMA}],
}
GEMINI = {
    "contents": [
        {"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1.5}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"a": []}}}, {"text": "call"}]},
    ],
    "systemInstruction": {"parts": [{"text": "s"}]},
    "tools": [
        {
            "functionDeclarations": [
                {"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}
            ]
        }
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 3}, "maxOutputTokens": 9},
}
VERTEX = "/v1/projects/p/locations/l/publishers"

CASES = [
    ("/model/us.anthropic.claude-opus-5-5/converse", CONVERSE),
    ("/model/amazon.nova-pro-v1%3A0/converse-stream", CONVERSE),
    ("/model/m/count-tokens", {"input": {"converse": {"messages": CONVERSE["messages"], "toolConfig": CONVERSE["toolConfig"]}}}),
    ("/model/anthropic.claude-x/invoke", {"anthropic_version": "bedrock-2023-05-31", **MESSAGES}),
    ("/model/anthropic.claude-opus-5-5/invoke-with-response-stream", {"anthropic_version": "2026-10-21", **MESSAGES}),
    ("/model/amazon.titan-embed-text-v2:0/invoke", {"inputText": "a", "dimensions": 256, "embeddingTypes": ["binary"]}),
    ("/model/cohere.embed-v4/invoke", {"texts": ["a"], "input_type": "image", "embedding_types": ["int8"], "output_dimension": 256}),
    ("/model/cohere.embed-v4/invoke", {"inputs": [{"content": [{"type": "text", "text": "a"}]}], "input_type": "image"}),
    ("/model/cohere.rerank-v3-5:0/invoke", {"query": "a", "documents": ["a", "b"], "top_n": 1, "api_version": 2}),
    ("/v1beta/models/gemini-2.5-flash:generateContent", GEMINI),
    ("/v1beta/models/gemini-3-pro:streamGenerateContent", {"contents": GEMINI["contents"][:1], "generationConfig": {"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "ARRAY", "items": {"type": "STRING"}}}, "required": ["a"]}}}),
    ("/v1beta/models/gemini-2.5-flash:countTokens", {"generateContentRequest": GEMINI}),
    ("/v1beta/models/e:batchEmbedContents", {"requests": [{"model": "models/e", "content": GEMINI["contents"][0], "outputDimensionality": 8}]}),
    (f"{VERTEX}/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse", GEMINI),
    (f"{VERTEX}/google/models/e:predict", {"instances": [{"content": "a"}], "parameters": {"outputDimensionality": 8}}),
    (f"{VERTEX}/google/models/e:embedContent", {"content": GEMINI["contents"][0], "embedContentConfig": {"outputDimensionality": 8}}),
    (f"{VERTEX}/anthropic/models/claude-x:rawPredict", {"anthropic_version": "vertex-2023-10-16", **MESSAGES}),
    (f"{VERTEX}/anthropic/models/claude-x:streamRawPredict", {"anthropic_version": "vertex-2023-10-16", "stream": True, **MESSAGES}),
    (f"{VERTEX}/anthropic/models/count-tokens:rawPredict", {"anthropic_version": "vertex-2023-10-16", "model": "m", **MESSAGES}),
]  # fmt: skip


def places(value, path: tuple = ()) -> Iterator[tuple]:
    """The path of every value in there, containers included."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from places(item, (*path, name))


def changed(body: dict, path: tuple, value) -> object:
    if not path:
        return value
    document = copy.deepcopy(body)
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return document


def answer(path: str, body: object) -> Whole | Stream:
    headers = [(b"host", b"x"), (b"authorization", b"Bearer ya29.sim-x")]
    plan, record = app.answer(World(), Request("POST", path, headers, orjson.dumps(body), http11=True))
    assert record is not None
    if isinstance(plan.reply, Stream):
        assert sum(event.tokens for event in plan.reply.events()) == record.output_tokens
    return plan.reply


@pytest.mark.parametrize(("path", "body"), CASES, ids=[path for path, _ in CASES])
def test_the_body_as_it_is_is_good(path, body):
    reply = answer(path, body)
    assert isinstance(reply, Stream) or (reply.status, reply.body) == (200, reply.body)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_body_with_anything_anywhere_is_answered_or_refused(data):
    path, body = data.draw(st.sampled_from(CASES))
    where = data.draw(st.sampled_from(list(places(body))))
    reply = answer(path, changed(body, where, data.draw(JSON)))
    assert isinstance(reply, Stream) or reply.status in {200, 400, 403, 404}
