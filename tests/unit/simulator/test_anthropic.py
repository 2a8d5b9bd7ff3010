"""Anthropic's side, judged by the official SDK and by the published shapes."""

import base64
from typing import get_type_hints

import pytest
from anthropic import AsyncAnthropic, AuthenticationError, BadRequestError, OverloadedError
from anthropic.types import message_create_params
from anthropic.types.beta import message_create_params as beta_params

from extproc.simulator.anthropic.check import KNOWN, KNOWN_BETA
from extproc.simulator.anthropic.prompt import IMAGE_TOKENS
from extproc.simulator.anthropic.signature import signature
from extproc.simulator.tokens import prompt_tokens

PATH = "/v1/messages"
PNG = base64.b64encode(b"\x89PNG simulated").decode()


def user(content) -> list:
    return [{"role": "user", "content": content}]


def tool(name: str, **properties: dict) -> dict:
    return {"name": name, "input_schema": {"type": "object", "properties": properties, "required": list(properties)}}


WEATHER = tool("weather", city={"type": "string"}, days={"type": "integer"})
CLOCK = tool("clock", zone={"type": "string", "enum": ["UTC", "CET"]})
BASE = {"model": "claude-sonnet-4-6", "max_tokens": 4000}
THINKING = {"type": "enabled", "budget_tokens": 2000}


async def test_text(anthropic: AsyncAnthropic):
    answer = await anthropic.messages.create(**BASE, messages=user("echo: one two  three"))
    assert (answer.type, answer.role, answer.model) == ("message", "assistant", "claude-sonnet-4-6")
    assert [(block.type, block.text) for block in answer.content] == [("text", "one two  three")]
    assert (answer.stop_reason, answer.stop_sequence) == ("end_turn", None)
    assert answer.usage.output_tokens == 3
    assert answer.usage.input_tokens == 3 + prompt_tokens("echo: one two  three")
    assert answer.usage.service_tier == "standard"
    assert answer.id.startswith("msg_")
    assert answer._request_id.startswith("req_")


async def test_stream(anthropic: AsyncAnthropic):
    stream = await anthropic.messages.create(**BASE, messages=user("echo: a b"), stream=True)
    events = [event async for event in stream]
    assert [event.type for event in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[0].message.content == []
    assert events[0].message.stop_reason is None
    assert events[0].message.usage.input_tokens == 3 + prompt_tokens("echo: a b")
    assert [event.delta.text for event in events[2:4]] == ["a", " b"]
    assert (events[5].delta.stop_reason, events[5].usage.output_tokens) == ("end_turn", 2)


async def test_bytes_of_a_stream(post):
    wire = await post(PATH, {**BASE, "stream": True, "messages": user("echo: a")})
    names = [line[7:] for line in wire.text.splitlines() if line.startswith("event: ")]
    assert names == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert wire.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert {"request-id", "anthropic-ratelimit-requests-remaining", "anthropic-organization-id"} <= wire.headers.keys()
    assert len(wire.pieces) == len(names), "each event is a chunk of its own"


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("echo: some words to say", {}),
        ("call", {"tools": [WEATHER, CLOCK]}),
        ("echo: then call", {"tools": [WEATHER]}),
        ("hi", {"thinking": THINKING}),
        ("hi", {"thinking": {"type": "adaptive", "display": "omitted"}}),
        ("echo: a b END", {"stop_sequences": ["END"]}),
        ("hi", {"max_tokens": 3}),
    ],
)
async def test_a_stream_adds_up_to_the_whole_answer(anthropic: AsyncAnthropic, content, options):
    options = {**BASE, **options}
    whole = await anthropic.messages.create(messages=user(content), **options)
    async with anthropic.messages.stream(messages=user(content), **options) as stream:
        streamed = await stream.get_final_message()
    ignored = {"id": True, "content": {"__all__": {"id", "parsed_output"}}}
    assert streamed.model_dump(exclude=ignored) == whole.model_dump(exclude=ignored)


async def test_parallel_tools(anthropic: AsyncAnthropic):
    answer = await anthropic.messages.create(**BASE, messages=user("please call both"), tools=[WEATHER, CLOCK])
    assert answer.stop_reason == "tool_use"
    calls = [(block.type, block.name, block.input) for block in answer.content]
    assert calls == [("tool_use", "weather", {"city": "text", "days": 1}), ("tool_use", "clock", {"zone": "UTC"})]
    assert answer.content[0].id != answer.content[1].id
    results = [{"type": "tool_result", "tool_use_id": block.id, "content": "fine"} for block in answer.content]
    history = [*user("please call both"), {"role": "assistant", "content": answer.content}, *user(results)]
    after = await anthropic.messages.create(**BASE, messages=history, tools=[WEATHER, CLOCK])
    assert (after.stop_reason, after.content[0].type) == ("end_turn", "text")


@pytest.mark.parametrize(
    ("text", "choice", "called"),
    [
        ("hi", {"type": "any"}, ["weather", "clock"]),
        ("hi", {"type": "any", "disable_parallel_tool_use": True}, ["weather"]),
        ("hi", {"type": "tool", "name": "clock"}, ["clock"]),
        ("call", {"type": "none"}, []),
        ("call", {"type": "auto", "disable_parallel_tool_use": True}, ["weather"]),
    ],
)
async def test_tool_choice(anthropic: AsyncAnthropic, text, choice, called):
    answer = await anthropic.messages.create(**BASE, messages=user(text), tools=[WEATHER, CLOCK], tool_choice=choice)
    assert [block.name for block in answer.content if block.type == "tool_use"] == called


async def test_streamed_arguments_come_in_pieces(anthropic: AsyncAnthropic):
    stream = await anthropic.messages.create(**BASE, messages=user("call"), tools=[WEATHER], stream=True)
    parts = [event.delta.partial_json async for event in stream if event.type == "content_block_delta"]
    assert parts[0] == ""
    assert len(parts) > 3
    assert "".join(parts) == '{"city":"text","days":1}'


async def test_thinking_is_signed(anthropic: AsyncAnthropic):
    answer = await anthropic.messages.create(**BASE, messages=user("echo: a b"), thinking=THINKING)
    thought, said = answer.content
    assert (thought.type, said.type) == ("thinking", "text")
    assert thought.signature == signature(thought.thinking)
    assert answer.usage.output_tokens == 2 + answer.usage.output_tokens_details.thinking_tokens
    hidden = await anthropic.messages.create(
        **BASE, messages=user("hi"), thinking={"type": "adaptive", "display": "omitted"}
    )
    assert (hidden.content[0].thinking, hidden.content[0].signature) == ("", thought.signature)


async def test_thinking_round_trip(anthropic: AsyncAnthropic):
    options = {**BASE, "tools": [WEATHER], "thinking": THINKING}
    first = await anthropic.messages.create(messages=user("call"), **options)
    assert [block.type for block in first.content] == ["thinking", "tool_use"]
    result = user([{"type": "tool_result", "tool_use_id": first.content[1].id, "content": "fine"}])
    history = [*user("call"), {"role": "assistant", "content": first.content}, *result]
    assert (await anthropic.messages.create(messages=history, **options)).stop_reason == "end_turn"
    without = [*user("call"), {"role": "assistant", "content": first.content[1:]}, *result]
    with pytest.raises(BadRequestError, match="Expected `thinking`"):
        await anthropic.messages.create(messages=without, **options)
    forged = [{"type": "thinking", "thinking": "other", "signature": first.content[0].signature}, first.content[1]]
    with pytest.raises(BadRequestError, match="Invalid `signature`"):
        await anthropic.messages.create(
            messages=[*user("call"), {"role": "assistant", "content": forged}, *result], **options
        )


async def test_json_schema(anthropic: AsyncAnthropic):
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
        "required": ["name", "tags"],
        "additionalProperties": False,
    }
    answer = await anthropic.messages.create(
        **BASE, messages=user("hi"), output_config={"format": {"type": "json_schema", "schema": schema}}
    )
    assert answer.content[0].text == '{"name":"text","tags":[]}'


async def test_images_cost_input_tokens(anthropic: AsyncAnthropic):
    for source in (
        {"type": "base64", "media_type": "image/png", "data": PNG},
        {"type": "url", "url": "https://example.com/a.png"},
    ):
        content = [{"type": "image", "source": source}, {"type": "text", "text": "look"}]
        answer = await anthropic.messages.create(**BASE, messages=user(content))
        assert answer.usage.input_tokens == 3 + prompt_tokens("look") + IMAGE_TOKENS
        counted = await anthropic.messages.count_tokens(model="m", messages=user(content))
        assert counted.input_tokens == answer.usage.input_tokens


async def test_stop_and_limit(anthropic: AsyncAnthropic):
    stopped = await anthropic.messages.create(**BASE, messages=user("echo: a b END c"), stop_sequences=["zz", "END"])
    assert (stopped.content[0].text, stopped.stop_reason, stopped.stop_sequence) == ("a b ", "stop_sequence", "END")
    cut = await anthropic.messages.create(model="m", max_tokens=2, messages=user("echo: a b c"))
    assert (cut.content[0].text, cut.stop_reason, cut.usage.output_tokens) == ("a b", "max_tokens", 2)
    warm = await anthropic.messages.create(model="m", max_tokens=0, messages=user("echo: a b c"))
    assert (warm.content, warm.stop_reason, warm.usage.output_tokens) == ([], "max_tokens", 0)


async def test_prompt_cache_is_written_then_read(anthropic: AsyncAnthropic):
    system = [{"type": "text", "text": "rules " * 20, "cache_control": {"type": "ephemeral"}}]
    options = {**BASE, "system": system}
    first = (await anthropic.messages.create(messages=user("one"), **options)).usage
    rules = prompt_tokens("rules " * 20)
    assert (first.cache_creation_input_tokens, first.cache_read_input_tokens) == (rules, 0)
    assert (first.cache_creation.ephemeral_5m_input_tokens, first.cache_creation.ephemeral_1h_input_tokens) == (
        rules,
        0,
    )
    assert first.input_tokens == 3 + prompt_tokens("one")
    second = (await anthropic.messages.create(messages=user("other"), **options)).usage
    assert (second.cache_creation_input_tokens, second.cache_read_input_tokens) == (0, rules)
    # A later marker reads the prefix that an earlier one wrote, though that one is gone.
    marked = [{"type": "text", "text": "more", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    plain = [{"type": "text", "text": "rules " * 20}]
    third = (await anthropic.messages.create(**BASE, system=plain, messages=user(marked))).usage
    more = 3 + prompt_tokens("more")
    assert (third.cache_read_input_tokens, third.input_tokens) == (rules, 0)
    assert third.cache_creation.ephemeral_1h_input_tokens == more


async def test_cache_usage_in_a_stream(anthropic: AsyncAnthropic):
    for written, read in ((True, False), (False, True)):
        stream = await anthropic.messages.create(
            **BASE, messages=user("keep this"), stream=True, cache_control={"type": "ephemeral"}
        )
        events = [event async for event in stream]
        start, delta = events[0].message.usage, events[-2].usage
        assert bool(start.cache_creation_input_tokens) is written
        assert bool(start.cache_read_input_tokens) is read
        assert delta.cache_creation_input_tokens == start.cache_creation_input_tokens
        assert delta.cache_read_input_tokens == start.cache_read_input_tokens


async def test_models(anthropic: AsyncAnthropic):
    listed = [model async for model in await anthropic.models.list()]
    assert [model.type for model in listed] == ["model"] * 3
    assert "claude-sonnet-4-6" in [model.id for model in listed]


def test_every_field_of_the_sdk_is_known():
    # These two are sent as headers.
    headers = {"user_profile_id", "workspace_id", "betas"}
    fields = {
        *get_type_hints(message_create_params.MessageCreateParamsNonStreaming),
        *get_type_hints(message_create_params.MessageCreateParamsStreaming),
    } - headers
    assert fields == KNOWN - {"temperature", "top_p", "top_k"}
    beta = {*get_type_hints(beta_params.MessageCreateParamsNonStreaming)} - headers - fields
    assert beta == KNOWN_BETA - {"output_format"}


async def test_beta_fields_need_the_beta_header(post):
    body = {**BASE, "messages": user("hi"), "context_management": {"edits": []}}
    assert (await post(PATH, body)).status == 400
    assert (await post(PATH, body, anthropic_beta="context-management-2025-06-27")).status == 200


CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]}


def block(**fields) -> list:
    return user([fields])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": None}, "model: Field required"),
        ({"messages": None}, "messages: Field required"),
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_completion_tokens": 5}, "max_completion_tokens: Extra inputs are not permitted"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, 'first message must use the "user" role'),
        ({"messages": [{"role": "tool", "content": "x"}]}, 'Unexpected role "tool"'),
        ({"messages": [{"role": "system", "content": "x"}, *user("y")]}, 'first message must use the "user" role'),
        ({"messages": [{**user("x")[0], "name": "bob"}]}, "messages.0.name: Extra inputs are not permitted"),
        ({"messages": user("")}, "messages.0: all messages must have non-empty content"),
        ({"messages": block(type="text", text="")}, "text content blocks must be non-empty"),
        ({"messages": block(type="text", text=" \n")}, "must contain non-whitespace text"),
        ({"messages": [*user("x"), {"role": "assistant", "content": "so "}]}, "trailing whitespace"),
        (
            {"messages": block(type="image_url", image_url={"url": "https://x"})},
            "messages.0.content.0: Input tag 'image_url' found using 'type'",
        ),
        (
            {"messages": block(type="image", source={"type": "base64", "media_type": "image/bmp", "data": PNG})},
            "image.source.base64.media_type: Input should be 'image/jpeg'",
        ),
        (
            {"messages": block(type="image", source={"type": "base64", "media_type": "image/png", "data": "%%"})},
            "invalid base64 data",
        ),
        ({"messages": block(type="image", source={"type": "url", "url": "http://x"})}, "Only HTTPS URLs"),
        ({"messages": block(type="text", text="x", detail="low")}, "text.detail: Extra inputs are not permitted"),
        (
            {"messages": block(type="tool_result", tool_use_id="t9", content="x")},
            "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t9",
        ),
        ({"messages": [*user("x"), CALL, *user("y")]}, "without `tool_result` blocks immediately after: t1"),
        ({"messages": [*user("x"), CALL]}, "without `tool_result` blocks immediately after: t1"),
        (
            {
                "messages": [
                    *user("x"),
                    CALL,
                    *user(
                        [{"type": "text", "text": "y"}, {"type": "tool_result", "tool_use_id": "t1", "content": "z"}]
                    ),
                ]
            },
            "without `tool_result` blocks immediately after: t1",
        ),
        ({"system": [{"type": "image"}]}, "system.0.type"),
        ({"temperature": 1.5}, "temperature: range: 0..1"),
        ({"metadata": {"user": "x"}}, "metadata.user: Extra inputs are not permitted"),
        ({"stop_sequences": [" "]}, "must contain non-whitespace"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, "greater than or equal to 1024"),
        ({"thinking": {"type": "enabled", "budget_tokens": 4000}}, "`max_tokens` must be greater"),
        ({"thinking": THINKING, "temperature": 0.5}, "`temperature` may only be set to 1"),
        ({"thinking": THINKING, "tools": [CLOCK], "tool_choice": {"type": "any"}}, "Thinking may not be enabled when"),
        ({"tools": [{"name": "f"}]}, "tools.0.custom.input_schema: Field required"),
        ({"tools": [{**CLOCK, "parameters": {}}]}, "tools.0.custom.parameters: Extra inputs are not permitted"),
        ({"tools": [{"name": "f", "input_schema": {}}]}, "input_schema.type: Field required"),
        ({"tools": [CLOCK, CLOCK]}, "Tool names must be unique"),
        ({"tool_choice": {"type": "auto"}}, "may only be specified while providing tools"),
        ({"tools": [CLOCK], "tool_choice": {"type": "tool", "name": "zz"}}, "Tool 'zz' not found"),
        ({"tools": [CLOCK], "tool_choice": "auto"}, "tool_choice: Input tag"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema: Field required"),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
            "'additionalProperties' must be explicitly set to false",
        ),
        ({"cache_control": {"type": "ephemeral", "ttl": "1d"}}, "cache_control.ephemeral.ttl"),
        (
            {"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}] * 5},
            "A maximum of 4 blocks with cache_control may be provided. Found 5.",
        ),
    ],
)
async def test_refusals(post, change, words):
    body = {**BASE, "messages": user("hi"), **change}
    wire = await post(PATH, {name: value for name, value in body.items() if value is not None})
    assert wire.status == 400
    assert wire.json["type"] == "error"
    assert wire.json["error"]["type"] == "invalid_request_error"
    assert words in wire.json["error"]["message"]
    assert wire.json["request_id"] == wire.headers["request-id"]


async def test_turns_of_one_role_are_joined(anthropic: AsyncAnthropic):
    history = [*user("a"), *user("b"), {"role": "assistant", "content": "c"}, *user("d")]
    assert (await anthropic.messages.create(**BASE, messages=history)).content
    system = [*user("a"), {"role": "system", "content": "be brief"}]
    assert (await anthropic.messages.create(**BASE, messages=system)).content


async def test_credentials(post, simulator):
    body = {**BASE, "messages": user("hi")}
    assert (await post(PATH, body, x_api_key=None)).status == 401
    assert (await post(PATH, body, x_api_key=None, authorization="Bearer t")).status == 200
    wire = await post(PATH, body, anthropic_version=None)
    assert (wire.status, wire.json["error"]["message"]) == (400, "anthropic-version: header is required")
    url = f"http://127.0.0.1:{simulator.port}"
    async with AsyncAnthropic(api_key=None, auth_token="t", base_url=url, max_retries=0) as client:
        assert (await client.messages.create(**BASE, messages=user("hi"))).content


BEGUN = {"role": "assistant", "content": "{"}
PAUSED = {
    "role": "assistant",
    "content": [{"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}],
}


@pytest.mark.parametrize(
    ("model", "last", "status"),
    [
        ("claude-opus-4-6", BEGUN, 400),
        ("claude-sonnet-4-6", {"role": "assistant", "content": [{"type": "text", "text": "{"}]}, 400),
        ("claude-sonnet-5", BEGUN, 400),
        ("claude-opus-4-5", BEGUN, 200),
        ("claude-haiku-4-5", BEGUN, 200),
        ("claude-opus-4-6", PAUSED, 200),
    ],
    ids=str,
)
async def test_newer_models_do_not_go_on_with_an_answer_that_is_begun(post, model, last, status):
    messages = [{"role": "user", "content": "x"}, last]
    wire = await post(PATH, {"model": model, "max_tokens": 20, "messages": messages})
    assert wire.status == status
    assert ("does not support assistant message prefill" in wire.text) == (status == 400)
    counted = await post(f"{PATH}/count_tokens", {"model": model, "messages": messages})
    assert counted.status == 200


async def test_a_refused_key(anthropic: AsyncAnthropic):
    with pytest.raises(AuthenticationError) as caught:
        await anthropic.messages.create(model="m@status=401", max_tokens=5, messages=user("hi"))
    assert caught.value.type == "authentication_error"


async def test_overload_has_its_own_status(anthropic: AsyncAnthropic):
    with pytest.raises(OverloadedError) as caught:
        await anthropic.messages.create(model="m@status=529", max_tokens=5, messages=user("hi"))
    assert (caught.value.status_code, caught.value.type) == (529, "overloaded_error")
    with pytest.raises(BadRequestError, match="prompt is too long"):
        await anthropic.messages.create(model="m@error=context_length_exceeded", max_tokens=5, messages=user("hi"))


async def test_finish_can_be_scripted(anthropic: AsyncAnthropic):
    for reason in ("refusal", "pause_turn"):
        answer = await anthropic.messages.create(model=f"m@finish={reason}", max_tokens=50, messages=user("hi"))
        assert answer.stop_reason == reason
