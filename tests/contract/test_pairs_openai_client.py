"""OpenAI's SDK as the client of both kinds of provider, streamed and not: the objects are those of the real vendor."""

import orjson
import pytest
from asking import OpenAIClient, check_addressed
from openai import AsyncOpenAI

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SAID = "the river keeps its own slow time while small boats cross from bank to bank and"

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of the next days",
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Zürich"]}, "days": {"type": "integer", "minimum": 2}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}
TIME = {
    "type": "function",
    "function": {"name": "get_time", "parameters": {"type": "object", "properties": {"zone": {"const": "UTC"}}}},
}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"const": "Ada"}, "born": {"const": 1815}},
    "required": ["name", "born"],
    "additionalProperties": False,
}
MODEL_AT = {"gpt": "gpt-4o", "claude": "claude-sonnet-4-6"}


@pytest.fixture(params=["whole", "stream"])
def client(request, openai: AsyncOpenAI, simulator) -> OpenAIClient:
    return OpenAIClient(openai, simulator, stream=request.param == "stream")


@pytest.fixture(params=["gpt", "claude"])
def model(request) -> str:
    return request.param


def user(content) -> list[dict]:
    return [{"role": "user", "content": content}]


async def test_text(client, model):
    completion, received = await client.ask(model, user("Hello"))
    (choice,) = completion.choices
    assert choice.message.content == SAID
    assert choice.message.role == "assistant"
    assert choice.finish_reason == "stop"
    assert completion.object == "chat.completion"
    assert completion.id.startswith("chatcmpl-")
    assert completion.model == MODEL_AT[model]
    assert completion.created > 1_700_000_000
    usage = completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (received.input_tokens, 16)
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    check_addressed(received)
    assert received.json["model"] == MODEL_AT[model]
    assert received.json.get("stream", False) is client.stream


async def test_any_unicode(client, model):
    text = 'quotes " and \\ and \t, Zürich, 東京, 👩‍👩‍👧, \u2028, \x7f'
    completion, _ = await client.ask(model, user(f"echo:{text}"))
    assert completion.choices[0].message.content == text


async def test_system_and_several_turns(client, model):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": "Answer"},
        {"role": "user", "content": [{"type": "text", "text": "echo: second"}]},
    ]
    completion, received = await client.ask(model, messages)
    assert completion.choices[0].message.content == "second"
    if model == "gpt":
        assert received.json["messages"] == messages
    else:
        assert "Be brief." in orjson.dumps(received.json["system"]).decode()
        assert [turn["role"] for turn in received.json["messages"]] == ["user", "assistant", "user"]


async def test_a_forced_tool_is_called(client, model):
    choice = {"type": "function", "function": {"name": "get_weather"}}
    completion, received = await client.ask(model, user("Weather?"), tools=[TIME, WEATHER], tool_choice=choice)
    (answered,) = completion.choices
    assert (
        answered.finish_reason in {"tool_calls", "stop"} if model == "gpt" else answered.finish_reason == "tool_calls"
    )
    (call,) = answered.message.tool_calls
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert orjson.loads(call.function.arguments) == {"city": "Zürich", "days": 2}
    if model == "claude":
        assert received.json["tool_choice"] == {"type": "tool", "name": "get_weather"}
        assert [tool["name"] for tool in received.json["tools"]] == ["get_time", "get_weather"]
        assert received.json["tools"][1]["input_schema"] == WEATHER["function"]["parameters"]


async def test_parallel_calls_and_their_results_go_round(client, model):
    tools = [WEATHER, TIME]
    completion, _ = await client.ask(model, user("Please call both"), tools=tools)
    message = completion.choices[0].message
    assert completion.choices[0].finish_reason == "tool_calls"
    assert [call.function.name for call in message.tool_calls] == ["get_weather", "get_time"]
    assert len({call.id for call in message.tool_calls}) == 2

    history = [
        *user("Please call both"),
        message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}),
        *(
            {"role": "tool", "tool_call_id": call.id, "content": f"of {call.function.name}"}
            for call in message.tool_calls
        ),
    ]
    completion, received = await client.ask(model, history, tools=tools)
    assert completion.choices[0].finish_reason == "stop"
    assert completion.choices[0].message.content == SAID
    if model == "claude":
        results = received.json["messages"][2]["content"]
        assert [block["type"] for block in results] == ["tool_result", "tool_result"]
        assert [block["tool_use_id"] for block in results] == [call.id for call in message.tool_calls]


async def test_parallel_calls_can_be_forbidden(client, model):
    completion, _ = await client.ask(
        model, user("Please call both"), tools=[WEATHER, TIME], parallel_tool_calls=False, tool_choice="required"
    )
    assert [call.function.name for call in completion.choices[0].message.tool_calls] == ["get_weather"]


async def test_no_tool_is_called_when_the_choice_is_none(client, model):
    completion, _ = await client.ask(model, user("Please call both"), tools=[WEATHER], tool_choice="none")
    assert not completion.choices[0].message.tool_calls
    assert completion.choices[0].message.content == SAID


async def test_images(client, model):
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.jpg"}},
    ]
    completion, received = await client.ask(model, user(parts))
    assert completion.choices[0].message.content == SAID
    content = received.json["messages"][0]["content"]
    if model == "gpt":
        assert content == parts
    else:
        assert content[1]["source"] == {"type": "base64", "media_type": "image/png", "data": PIXEL}
        assert content[2]["source"] == {"type": "url", "url": "https://example.com/cat.jpg"}


async def test_json_schema(client, model):
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}
    completion, received = await client.ask(model, user("Who?"), response_format=form)
    assert orjson.loads(completion.choices[0].message.content) == {"name": "Ada", "born": 1815}
    if model == "claude":
        assert received.json["output_config"]["format"] == {"type": "json_schema", "schema": SCHEMA}


async def test_reasoning_of_an_openai_model_is_counted(client):
    completion, received = await client.ask("gpt-thinks", user("Think"), reasoning_effort="medium")
    assert completion.usage.completion_tokens_details.reasoning_tokens == 16
    assert completion.usage.completion_tokens == 32
    assert received.json["reasoning_effort"] == "medium"


async def test_reasoning_of_an_anthropic_model_is_shown_and_can_be_sent_back(client):
    asked = user("Please call it")
    options = {"reasoning_effort": "high", "tools": [WEATHER], "max_completion_tokens": 9000}
    completion, received = await client.ask("claude", asked, **options)
    message = completion.choices[0].message
    assert message.reasoning_content
    (block,) = message.thinking_blocks
    assert block["thinking"] == message.reasoning_content
    assert completion.usage.completion_tokens_details.reasoning_tokens > 0
    assert received.json["thinking"]["type"] in {"enabled", "adaptive"}

    (call,) = message.tool_calls
    again = [
        *asked,
        message.model_dump(exclude_none=True, include={"role", "content", "tool_calls", "thinking_blocks"}),
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    completion, received = await client.ask("claude", again, **options)
    assert completion.choices[0].finish_reason == "stop"
    thought = received.json["messages"][1]["content"][0]
    # The provider checks its signature: a thought that came back changed would be a 400.
    assert (thought["type"], thought["thinking"]) == ("thinking", block["thinking"])
    assert thought["signature"] == block["signature"]


async def test_stop_sequences(client, model):
    completion, received = await client.ask(model, user("echo: one two STOP three"), stop=["STOP", "never"])
    assert completion.choices[0].message.content.strip() == "one two"
    assert completion.choices[0].finish_reason == "stop"
    assert received.json["stop" if model == "gpt" else "stop_sequences"] == ["STOP", "never"]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_output_limit(client, model, name):
    completion, received = await client.ask(model, user("Hello"), **{name: 3})
    assert completion.choices[0].finish_reason == "length"
    assert completion.choices[0].message.content == "the river keeps"
    assert completion.usage.completion_tokens == 3
    assert received.json[name if model == "gpt" else "max_tokens"] == 3


async def test_prompt_cache_of_an_anthropic_model(client):
    text = f"A long document {client.stream}. " * 20
    content = [
        {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Sum up"},
    ]
    first, received = await client.ask("claude", user(content))
    assert received.cache_write_tokens > 0
    assert first.usage.prompt_tokens == received.input_tokens
    second, received = await client.ask("claude", user(content))
    assert second.usage.prompt_tokens_details.cached_tokens == received.cache_read_tokens > 0
    assert second.usage.prompt_tokens == received.input_tokens


async def test_prompt_cache_of_an_openai_model(client):
    content = f"A long document {client.stream}. " * 300
    await client.ask("gpt", user(content))
    completion, received = await client.ask("gpt", user(content))
    assert completion.usage.prompt_tokens_details.cached_tokens == received.cache_read_tokens // 128 * 128 > 0


@pytest.mark.parametrize(
    ("provider", "said", "shown"),
    [
        ("o1", "stop", "stop"),
        ("o1", "length", "length"),
        ("o1", "content_filter", "content_filter"),
        ("a1", "end_turn", "stop"),
        ("a1", "stop_sequence", "stop"),
        ("a1", "max_tokens", "length"),
        ("a1", "refusal", "content_filter"),
        ("a1", "model_context_window_exceeded", "length"),
    ],
)
async def test_finish_reasons(client, simulator, provider, said, shown):
    simulator.script(**{provider: {"finish": said}})
    completion, _ = await client.ask("gpt" if provider == "o1" else "claude", user("Hello"))
    assert completion.choices[0].finish_reason == shown


async def test_choices_and_logprobs_of_an_openai_model(client):
    completion, _ = await client.ask("gpt", user("Hello"), n=2, logprobs=True, max_tokens=2)
    assert [choice.index for choice in completion.choices] == [0, 1]
    assert completion.choices[0].message.content == "the river"
    assert completion.choices[1].message.content == "slow time"
    assert [token.token for token in completion.choices[0].logprobs.content] == ["the", " river"]
