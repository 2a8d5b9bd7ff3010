"""OpenAI's side, judged by the official SDK and by the published shapes."""

import base64
from typing import get_type_hints

import pytest
from openai import AsyncOpenAI, AuthenticationError, BadRequestError, NotFoundError
from openai.types.chat import completion_create_params
from pydantic import BaseModel

from extproc.simulator.openai.check import KNOWN
from extproc.simulator.openai.messages import IMAGE_TOKENS, LOW_IMAGE_TOKENS
from extproc.simulator.server import Server
from extproc.simulator.tokens import pieces, prompt_tokens

PATH = "/v1/chat/completions"
PNG = base64.b64encode(b"\x89PNG simulated").decode()


def user(text: str) -> list:
    return [{"role": "user", "content": text}]


def tool(name: str, **properties: dict) -> dict:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


WEATHER = tool("weather", city={"type": "string"}, days={"type": "integer"})
CLOCK = tool("clock", zone={"type": "string", "enum": ["UTC", "CET"]})


async def test_text(openai: AsyncOpenAI):
    answer = await openai.chat.completions.create(model="gpt-4o", messages=user("echo: one two  three"))
    choice = answer.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("one two  three", "stop")
    assert (answer.object, answer.model, answer.service_tier) == ("chat.completion", "gpt-4o", "default")
    assert answer.id.startswith("chatcmpl-")
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 3
    assert answer.usage.prompt_tokens == 3 + prompt_tokens("echo: one two  three")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 3
    assert answer._request_id


async def test_length_of_the_default_reply_is_scripted(openai: AsyncOpenAI):
    answer = await openai.chat.completions.create(model="gpt-4o@tokens=7", messages=user("hi"))
    assert answer.model == "gpt-4o"
    assert len(pieces(answer.choices[0].message.content or "")) == 7
    again = await openai.chat.completions.create(model="gpt-4o@tokens=7", messages=user("other"))
    assert again.choices[0].message.content == answer.choices[0].message.content
    assert again.id != answer.id


async def test_stream(openai: AsyncOpenAI):
    stream = await openai.chat.completions.create(model="gpt-4o", messages=user("echo: a b c"), stream=True)
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[0].choices[0].delta.content == ""
    assert [chunk.choices[0].delta.content for chunk in chunks[1:-1]] == ["a", " b", " c"]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].choices[0].delta.model_dump(exclude_none=True) == {}
    assert len({chunk.id for chunk in chunks}) == 1
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)
    assert all(chunk.obfuscation for chunk in chunks)


async def test_usage_chunk_comes_only_when_asked_for(openai: AsyncOpenAI):
    stream = await openai.chat.completions.create(
        model="gpt-4o",
        messages=user("echo: a b"),
        stream=True,
        stream_options={"include_usage": True, "include_obfuscation": False},
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 2
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in chunks[:-1])
    assert all(chunk.obfuscation is None for chunk in chunks)


async def test_bytes_of_a_stream(post):
    wire = await post(PATH, {"model": "m", "stream": True, "messages": user("echo: a")})
    assert wire.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert wire.headers["transfer-encoding"] == "chunked"
    assert {"openai-processing-ms", "x-request-id", "x-ratelimit-remaining-tokens"} <= wire.headers.keys()
    assert wire.data[-1] == "[DONE]"
    assert wire.text.endswith("data: [DONE]\n\n")
    assert len(wire.pieces) == len(wire.data) == 4


async def test_one_tool(openai: AsyncOpenAI):
    answer = await openai.chat.completions.create(model="m", messages=user("call it"), tools=[WEATHER])
    choice = answer.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    call = choice.message.tool_calls[0]
    assert (call.type, call.function.name) == ("function", "weather")
    assert call.function.arguments == '{"city":"text","days":1}'


async def test_parallel_tools_in_a_stream(openai: AsyncOpenAI):
    arguments: dict[int, str] = {}
    heads: dict[int, tuple[str, str]] = {}
    stream = await openai.chat.completions.create(
        model="m", messages=user("please Call both"), tools=[WEATHER, CLOCK], stream=True
    )
    finish, pieces_seen = None, 0
    async for chunk in stream:
        finish = chunk.choices[0].finish_reason
        for call in chunk.choices[0].delta.tool_calls or []:
            if call.id:
                heads[call.index] = (call.id, call.function.name)
            arguments[call.index] = arguments.get(call.index, "") + call.function.arguments
            pieces_seen += 1
    assert finish == "tool_calls"
    assert arguments == {0: '{"city":"text","days":1}', 1: '{"zone":"UTC"}'}
    assert [name for _, name in heads.values()] == ["weather", "clock"]
    assert heads[0][0] != heads[1][0]
    assert pieces_seen > 4, "arguments come in pieces"


@pytest.mark.parametrize(
    ("text", "options", "called"),
    [
        ("hi", {"tool_choice": "required"}, ["weather", "clock"]),
        ("hi", {"tool_choice": {"type": "function", "function": {"name": "clock"}}}, ["clock"]),
        ("call", {"tool_choice": "none"}, []),
        ("basically", {}, []),
        ("call", {"parallel_tool_calls": False}, ["weather"]),
        (
            "call",
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "clock"}}]},
                }
            },
            ["clock"],
        ),
    ],
)
async def test_tool_choice(openai: AsyncOpenAI, text, options, called):
    answer = await openai.chat.completions.create(model="m", messages=user(text), tools=[WEATHER, CLOCK], **options)
    calls = answer.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls] == called


async def test_tool_results_are_answered_with_text(openai: AsyncOpenAI):
    first = await openai.chat.completions.create(model="m", messages=user("call"), tools=[WEATHER, CLOCK])
    said = first.choices[0].message
    results = [{"role": "tool", "tool_call_id": call.id, "content": "fine"} for call in said.tool_calls or []]
    answer = await openai.chat.completions.create(
        model="m", messages=[*user("call"), said.model_dump(exclude_none=True), *results], tools=[WEATHER, CLOCK]
    )
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content


async def test_json_schema(openai: AsyncOpenAI):
    class Step(BaseModel):
        name: str
        weight: float

    class Plan(BaseModel):
        title: str
        steps: list[Step]
        best: Step
        done: bool

    answer = await openai.chat.completions.parse(model="m", messages=user("plan"), response_format=Plan)
    assert answer.choices[0].message.parsed == Plan(title="text", steps=[], best=Step(name="text", weight=1), done=True)
    free = await openai.chat.completions.create(
        model="m", messages=user("some json"), response_format={"type": "json_object"}
    )
    assert free.choices[0].message.content == "{}"


async def test_images_cost_input_tokens(openai: AsyncOpenAI):
    def picture(**image: str) -> list:
        parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": image}]
        return [{"role": "user", "content": parts}]

    url = f"data:image/png;base64,{PNG}"
    base = 3 + prompt_tokens("look")
    for image, cost in (
        ({"url": url}, IMAGE_TOKENS),
        ({"url": "https://example.com/a.png", "detail": "low"}, LOW_IMAGE_TOKENS),
    ):
        answer = await openai.chat.completions.create(model="m", messages=picture(**image))
        assert answer.usage.prompt_tokens == base + cost


async def test_choices(openai: AsyncOpenAI):
    answer = await openai.chat.completions.create(model="m@tokens=6", messages=user("hi"), n=3)
    texts = [choice.message.content for choice in answer.choices]
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len(set(texts)) == 3
    assert answer.usage.completion_tokens == 18
    streamed = ["", "", ""]
    stream = await openai.chat.completions.create(model="m@tokens=6", messages=user("hi"), n=3, stream=True)
    async for chunk in stream:
        for choice in chunk.choices:
            streamed[choice.index] += choice.delta.content or ""
    assert streamed == texts


async def test_stop_and_limit(openai: AsyncOpenAI):
    stopped = await openai.chat.completions.create(model="m", messages=user("echo: a b END c"), stop=["zzz", "END"])
    assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == ("a b ", "stop")
    cut = await openai.chat.completions.create(model="m", messages=user("echo: a b c"), max_tokens=2)
    assert (cut.choices[0].message.content, cut.choices[0].finish_reason) == ("a b", "length")
    assert cut.usage.completion_tokens == 2
    exact = await openai.chat.completions.create(model="m", messages=user("echo: a b"), max_completion_tokens=2)
    assert exact.choices[0].finish_reason == "stop"


async def test_reasoning_is_paid_for_and_not_shown(openai: AsyncOpenAI):
    answer = await openai.chat.completions.create(model="gpt-5", messages=user("echo: a b"), reasoning_effort="low")
    assert answer.choices[0].message.content == "a b"
    assert answer.usage.completion_tokens_details.reasoning_tokens == 8
    assert answer.usage.completion_tokens == 10


async def test_logprobs_and_tier(openai: AsyncOpenAI):
    answer = await openai.chat.completions.create(
        model="m", messages=user("echo: a bé"), logprobs=True, service_tier="fast", seed=7
    )
    assert [one.token for one in answer.choices[0].logprobs.content] == ["a", " bé"]
    assert answer.choices[0].logprobs.content[1].bytes == list(" bé".encode())
    assert (answer.service_tier, answer.system_fingerprint[:3]) == ("priority", "fp_")


async def test_long_prompts_are_cached_by_themselves(openai: AsyncOpenAI):
    history = [{"role": "system", "content": "rules " * 1000}, *user("one")]
    first = await openai.chat.completions.create(model="m", messages=history)
    assert first.usage.prompt_tokens_details.cached_tokens == 0
    assert first.usage.prompt_tokens_details.cache_write_tokens is None
    longer = [*history, {"role": "assistant", "content": "ok"}, *user("two")]
    second = await openai.chat.completions.create(model="m", messages=longer)
    cached = second.usage.prompt_tokens_details.cached_tokens
    assert cached == first.usage.prompt_tokens // 128 * 128
    other = await openai.chat.completions.create(model="other", messages=longer)
    assert other.usage.prompt_tokens_details.cached_tokens == 0


async def test_explicit_breakpoints_report_writes(openai: AsyncOpenAI):
    marked = {"type": "text", "text": "short rules", "prompt_cache_breakpoint": {"mode": "explicit"}}
    messages = [{"role": "user", "content": [marked]}, {"role": "user", "content": "ask"}]
    options = {"mode": "explicit"}
    first = await openai.chat.completions.create(model="m", messages=messages, prompt_cache_options=options)
    second = await openai.chat.completions.create(model="m", messages=messages, prompt_cache_options=options)
    tokens = 3 + prompt_tokens("short rules")
    assert first.usage.prompt_tokens_details.cache_write_tokens == tokens
    details = second.usage.prompt_tokens_details
    assert (details.cached_tokens, details.cache_write_tokens) == (tokens, 0)


async def test_models_and_embeddings(openai: AsyncOpenAI):
    assert "gpt-4o" in [model.id async for model in await openai.models.list()]
    answer = await openai.embeddings.create(model="text-embedding-3-small", input=["a b", "c"], dimensions=8)
    assert [len(one.embedding) for one in answer.data] == [8, 8]
    assert sum(x * x for x in answer.data[0].embedding) == pytest.approx(1, abs=1e-5)
    assert answer.data[0].embedding != answer.data[1].embedding
    assert answer.usage.prompt_tokens == 2
    plain = await openai.embeddings.create(model="e", input="a b", dimensions=8, encoding_format="float")
    assert plain.data[0].embedding == pytest.approx(answer.data[0].embedding, abs=1e-6)


def test_every_field_of_the_sdk_is_known():
    fields = {
        *get_type_hints(completion_create_params.CompletionCreateParamsNonStreaming),
        *get_type_hints(completion_create_params.CompletionCreateParamsStreaming),
    }
    assert fields == KNOWN


ASSISTANT_CALL = {
    "role": "assistant",
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}


@pytest.mark.parametrize(
    ("change", "param", "words"),
    [
        ({"model": None}, None, "must provide a model"),
        ({"messages": None}, "messages", "Missing required parameter"),
        ({"messages": []}, "messages", "empty array"),
        ({"top_k": 3}, None, "Unrecognized request argument supplied: top_k"),
        ({"top_k": 3, "thinking": {}}, None, "Unrecognized request arguments supplied: top_k, thinking"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "Invalid value: 'robot'"),
        ({"messages": [{"role": "user", "content": None}]}, "messages.[0].content", "expected a string, got null"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image"}]}]},
            "messages[0].content[0].type",
            "Supported values are: 'text', 'image_url'",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PNG}}]}]},
            "messages[0].content[0].image_url.url",
            "base64-encoded data URL",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,%%"}}],
                    }
                ]
            },
            "messages[0].content[0].image_url.url",
            "Invalid base64",
        ),
        (
            {"messages": [*user("x"), {"role": "tool", "tool_call_id": "c1", "content": "r"}]},
            "messages.[1].role",
            "must be a response to a prece",
        ),
        (
            {"messages": [*user("x"), ASSISTANT_CALL, *user("y")]},
            "messages.[2].role",
            "did not have response messages: c1",
        ),
        ({"max_tokens": 0}, "max_tokens", "Expected a value >= 1"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, None, "at the same time"),
        ({"model": "o3-mini", "max_tokens": 5}, "max_tokens", "Use 'max_completion_tokens' instead"),
        ({"temperature": 3}, "temperature", "decimal above maximum"),
        ({"n": "2"}, "n", "expected an integer, but got a string"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "only allowed when 'stream'"),
        ({"stop": list("abcde")}, "stop", "array too long"),
        ({"tool_choice": "auto"}, "tool_choice", "only allowed when 'tools'"),
        ({"tools": []}, "tools", "empty array"),
        ({"tools": [{"name": "f", "input_schema": {}}]}, "tools[0].type", "Supported values are: 'function'"),
        ({"tools": [tool("bad name")]}, "tools[0].function.name", "does not match pattern"),
        ({"response_format": {"type": "json_object"}}, "messages", "must contain the word 'json'"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {}}},
            "response_format.json_schema.name",
            "Missing",
        ),
        ({"reasoning_effort": "huge"}, "reasoning_effort", "Invalid value: 'huge'"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "strict": True, "schema": {"type": "object", "properties": {}}},
                }
            },
            "response_format",
            "'additionalProperties' is required",
        ),
        (
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {
                            "name": "f",
                            "strict": True,
                            "parameters": {
                                "type": "object",
                                "properties": {"a": {"type": "string"}},
                                "additionalProperties": False,
                            },
                        },
                    }
                ]
            },
            "tools[0].function.parameters",
            "Missing 'a'",
        ),
    ],
)
async def test_refusals(post, change, param, words):
    body = {"model": "gpt-4o", "messages": user("hi"), **change}
    wire = await post(PATH, {name: value for name, value in body.items() if value is not None})
    assert wire.status == 400
    error = wire.json["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert words in error["message"]
    assert error.keys() == {"message", "type", "param", "code"}


REASONING_REFUSED = "Function tools with reasoning_effort are not supported for"


@pytest.mark.parametrize(
    ("model", "change", "param", "words"),
    [
        ("gpt-5", {"temperature": 0}, "temperature", "'temperature' does not support 0 with this model"),
        ("gpt-5.1", {"temperature": 0.2, "reasoning_effort": "low"}, "temperature", "does not support 0.2"),
        ("gpt-5.5", {"temperature": 0.2}, "temperature", "does not support 0.2"),
        ("o4-mini", {"top_p": 0.9}, "top_p", "'top_p' is not supported with this model"),
        ("gpt-6-luna", {"logprobs": True}, "logprobs", "'logprobs' is not supported"),
        ("gpt-5.1", {"stop": ["X"]}, "stop", "'stop' is not supported with this model"),
        ("gpt-5.1", {"presence_penalty": 1}, "presence_penalty", "'presence_penalty' is not supported"),
        ("o3-mini", {"logit_bias": {"7": 1}}, "logit_bias", "'logit_bias' is not supported"),
        ("gpt-5.4", {"tools": [WEATHER], "reasoning_effort": "low"}, "reasoning_effort", REASONING_REFUSED),
        ("gpt-5.6", {"tools": [WEATHER]}, "reasoning_effort", "for gpt-5.6 in /v1/chat/completions"),
        ("gpt-6-astra", {"tools": [WEATHER]}, "reasoning_effort", REASONING_REFUSED),
    ],
    ids=str,
)
async def test_what_reasoning_models_refuse(post, model, change, param, words):
    wire = await post(PATH, {"model": model, "messages": user("hi"), **change})
    assert (wire.status, wire.json["error"]["param"]) == (400, param)
    assert words in wire.json["error"]["message"]


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("gpt-5", {"temperature": 1, "top_p": 1, "presence_penalty": 0, "seed": 7, "n": 2}),
        ("gpt-5.1", {"temperature": 0.2, "logprobs": True}),
        ("gpt-5.6", {"temperature": 0.2, "tools": [WEATHER], "reasoning_effort": "none"}),
        ("gpt-5.4", {"tools": [WEATHER]}),
        ("gpt-5.2", {"tools": [WEATHER], "reasoning_effort": "high"}),
        ("o1", {"stop": "X"}),
        ("gpt-5-chat-latest", {"temperature": 0, "stop": "X"}),
        ("gpt-4o", {"temperature": 0, "stop": "X", "logit_bias": {"7": 1}}),
    ],
    ids=str,
)
async def test_what_they_take(post, model, fields):
    assert (await post(PATH, {"model": model, "messages": user("hi"), **fields})).status == 200


@pytest.mark.parametrize("model", ["gpt-5-pro", "o3-pro", "gpt-5.1-codex-max"])
async def test_what_only_responses_serves(post, model):
    wire = await post(PATH, {"model": model, "messages": user("hi")})
    assert (wire.status, wire.json["error"]["param"]) == (404, "model")
    assert (await post("/v1/responses", {"model": model, "input": "hi"})).status == 200


async def test_broken_json_and_unknown_paths(post):
    assert (await post(PATH, b"{nope")).status == 400
    assert (await post(PATH, b"[]")).status == 400
    assert (await post("/v1/nope", {})).status == 404
    assert (await post(PATH, b"", method="GET")).status == 404


async def test_only_a_bearer_token_will_do(post, openai: AsyncOpenAI):
    body = {"model": "m", "messages": user("hi")}
    assert (await post(PATH, body, authorization=None)).status == 401
    assert (await post(PATH, body, authorization=None, x_api_key="k")).status == 401
    assert (await post(PATH, body, authorization="Basic abc")).status == 401
    with pytest.raises(AuthenticationError):
        await openai.with_options(default_headers={"authorization": "Token x"}).models.list()


@pytest.mark.parametrize(
    ("name", "status", "kind", "error"),
    [
        ("context_length_exceeded", 400, "invalid_request_error", BadRequestError),
        ("model_not_found", 404, "invalid_request_error", NotFoundError),
    ],
)
async def test_errors_by_name(openai: AsyncOpenAI, name, status, kind, error):
    with pytest.raises(error) as caught:
        await openai.chat.completions.create(model=f"m@error={name}", messages=user("hi"))
    assert (caught.value.status_code, caught.value.type, caught.value.code) == (status, kind, name)


async def streamed(openai: AsyncOpenAI, quirks: str, **options) -> list:
    stream = await openai.chat.completions.create(
        **{"model": f"m@quirks={quirks}", "messages": user("echo: a b"), "stream": True, **options}
    )
    return [chunk async for chunk in stream]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_vendors_that_show_thinking(openai: AsyncOpenAI, simulator: Server, field):
    chunks = await streamed(openai, field, reasoning_effort="minimal", n=2)
    thoughts, texts = ["", ""], ["", ""]
    for chunk in chunks:
        delta = chunk.choices[0].delta
        thoughts[chunk.choices[0].index] += getattr(delta, field, None) or ""
        texts[chunk.choices[0].index] += delta.content or ""
    assert texts == ["a b", "a b"]
    assert [len(pieces(thought)) for thought in thoughts] == [4, 4]
    assert simulator.recorder.requests[-1].output_tokens_sent == 12
    whole = await openai.chat.completions.create(
        model=f"m@quirks={field}", messages=user("echo: a b"), reasoning_effort="minimal"
    )
    assert getattr(whole.choices[0].message, field) == thoughts[0]


async def test_vendors_that_tell_usage_otherwise(openai: AsyncOpenAI):
    asked = {"stream_options": {"include_usage": True}}
    for options in ({}, asked):
        chunks = await streamed(openai, "usage_at_finish", **options)
        assert chunks[-1].choices[0].finish_reason == "stop"
        assert chunks[-1].usage.completion_tokens == 2
        assert [chunk for chunk in chunks[:-1] if chunk.usage] == []
    assert all(chunk.usage is None for chunk in await streamed(openai, "no_usage", **asked))
    whole = await openai.chat.completions.create(model="m@quirks=no_usage", messages=user("hi"))
    assert whole.usage is None


async def test_vendors_that_give_calls_in_one_piece(openai: AsyncOpenAI, simulator: Server):
    chunks = await streamed(openai, "whole_calls", messages=user("call"), tools=[WEATHER, CLOCK])
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert [(call.index, call.function.name) for call in calls] == [(0, "weather"), (1, "clock")]
    assert calls[0].function.arguments == '{"city":"text","days":1}'
    record = simulator.recorder.requests[-1]
    assert record.output_tokens_sent == record.output_tokens


async def test_vendors_with_other_streams(post):
    body = {"model": "m@quirks=no_done+comments", "messages": user("echo: a b"), "stream": True}
    text = (await post(PATH, body)).text
    assert "[DONE]" not in text
    assert text.startswith(": keep-alive\n\ndata: {")
    wrong = await post(PATH, {**body, "model": "m@quirks=none_such"})
    assert (wrong.status, "expected some of" in wrong.json["error"]["message"]) == (400, True)
