"""Anthropic's SDK as the client of both kinds of provider, streamed and not: the objects are those of the real vendor."""

import orjson
import pytest
from anthropic import AsyncAnthropic
from anthropic.types import Message
from asking import AnthropicClient, check_addressed
from harness import Received

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SAID = "the river keeps its own slow time while small boats cross from bank to bank and"

WEATHER = {
    "name": "get_weather",
    "description": "Weather of the next days",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"enum": ["Zürich"]}, "days": {"type": "integer", "minimum": 2}},
        "required": ["city", "days"],
        "additionalProperties": False,
    },
}
TIME = {"name": "get_time", "input_schema": {"type": "object", "properties": {"zone": {"const": "UTC"}}}}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"const": "Ada"}, "born": {"const": 1815}},
    "required": ["name", "born"],
    "additionalProperties": False,
}
MODEL_AT = {"gpt": "gpt-4o", "claude": "claude-sonnet-4-6"}


@pytest.fixture(params=["whole", "stream"])
def client(request, anthropic: AsyncAnthropic, simulator) -> AnthropicClient:
    return AnthropicClient(anthropic, simulator, stream=request.param == "stream")


@pytest.fixture(params=["claude", "gpt"])
def model(request) -> str:
    return request.param


def user(content) -> list[dict]:
    return [{"role": "user", "content": content}]


def text_of(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def prompt_tokens(message: Message) -> int:
    usage = message.usage
    return usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)


def turns(received: Received, role: str) -> list[dict]:
    return [turn for turn in received.json["messages"] if turn["role"] == role]


async def test_text(client, model):
    message, received = await client.ask(model, user("Hello"))
    assert [block.type for block in message.content] == ["text"]
    assert text_of(message) == SAID
    assert (message.type, message.role, message.stop_reason) == ("message", "assistant", "end_turn")
    assert message.stop_sequence is None
    assert message.id.startswith("msg_")
    assert message.model == MODEL_AT[model]
    assert prompt_tokens(message) == received.input_tokens
    assert message.usage.output_tokens == 16
    check_addressed(received, client.sdk.default_headers["anthropic-version"])
    assert received.json["model"] == MODEL_AT[model]
    assert received.json.get("stream", False) is client.stream


async def test_any_unicode(client, model):
    text = 'quotes " and \\ and \t, Zürich, 東京, 👩‍👩‍👧, \u2028, \x7f'
    message, _ = await client.ask(model, user(f"echo:{text}"))
    assert text_of(message) == text


@pytest.mark.parametrize("system", ["Be brief.", [{"type": "text", "text": "Be"}, {"type": "text", "text": "brief."}]])
async def test_system_and_several_turns(client, model, system):
    messages = [
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": [{"type": "text", "text": "Answer"}]},
        {"role": "user", "content": [{"type": "text", "text": "echo: second"}]},
    ]
    message, received = await client.ask(model, messages, system=system)
    assert text_of(message) == "second"
    if model == "claude":
        assert received.json["messages"] == messages
        assert received.json["system"] == system
    else:
        assert [turn["role"] for turn in received.json["messages"]] == ["system", "user", "assistant", "user"]
        said = orjson.dumps(received.json["messages"][0]["content"]).decode()
        assert "Be" in said
        assert "brief." in said


async def test_a_forced_tool_is_called(client, model):
    choice = {"type": "tool", "name": "get_weather"}
    message, received = await client.ask(model, user("Weather?"), tools=[TIME, WEATHER], tool_choice=choice)
    assert message.stop_reason == "tool_use"
    (call,) = message.content
    assert (call.type, call.name, call.input) == ("tool_use", "get_weather", {"city": "Zürich", "days": 2})
    if model == "gpt":
        assert received.json["tool_choice"] == {"type": "function", "function": {"name": "get_weather"}}
        functions = [tool["function"] for tool in received.json["tools"]]
        assert [function["name"] for function in functions] == ["get_time", "get_weather"]
        assert functions[1]["parameters"] == WEATHER["input_schema"]


async def test_parallel_calls_and_their_results_go_round(client, model):
    tools = [WEATHER, TIME]
    message, _ = await client.ask(model, user("Please call both"), tools=tools)
    assert message.stop_reason == "tool_use"
    assert [(call.type, call.name) for call in message.content] == [
        ("tool_use", "get_weather"),
        ("tool_use", "get_time"),
    ]
    calls = {call.name: call.id for call in message.content}
    assert len(set(calls.values())) == 2

    results = [
        {"type": "tool_result", "tool_use_id": calls["get_weather"], "content": "sunny"},
        {
            "type": "tool_result",
            "tool_use_id": calls["get_time"],
            "is_error": True,
            "content": [{"type": "text", "text": "no clock"}],
        },
    ]
    history = [
        *user("Please call both"),
        {
            "role": "assistant",
            "content": [call.model_dump(include={"type", "id", "name", "input"}) for call in message.content],
        },
        {"role": "user", "content": [*results, {"type": "text", "text": "echo: go on"}]},
    ]
    message, received = await client.ask(model, history, tools=tools)
    assert message.stop_reason == "end_turn"
    assert text_of(message) == "go on"
    if model == "gpt":
        answers = {turn["tool_call_id"]: orjson.dumps(turn["content"]).decode() for turn in turns(received, "tool")}
        assert "sunny" in answers[calls["get_weather"]]
        assert "no clock" in answers[calls["get_time"]]


async def test_parallel_calls_can_be_forbidden(client, model):
    choice = {"type": "any", "disable_parallel_tool_use": True}
    message, _ = await client.ask(model, user("Please call both"), tools=[WEATHER, TIME], tool_choice=choice)
    assert [call.name for call in message.content] == ["get_weather"]


async def test_no_tool_is_called_when_the_choice_is_none(client, model):
    message, _ = await client.ask(model, user("Please call both"), tools=[WEATHER], tool_choice={"type": "none"})
    assert text_of(message) == SAID
    assert message.stop_reason == "end_turn"


async def test_images(client, model):
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/cat.jpg"}},
    ]
    message, received = await client.ask(model, user(parts))
    assert text_of(message) == SAID
    content = received.json["messages"][0]["content"]
    if model == "claude":
        assert content == parts
    else:
        urls = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
        assert urls == [f"data:image/png;base64,{PIXEL}", "https://example.com/cat.jpg"]


async def test_json_schema(client, model):
    config = {"format": {"type": "json_schema", "schema": SCHEMA}}
    message, received = await client.ask(model, user("Who?"), output_config=config)
    assert orjson.loads(text_of(message)) == {"name": "Ada", "born": 1815}
    if model == "gpt":
        assert received.json["response_format"]["json_schema"]["schema"] == SCHEMA


async def test_thinking_of_an_anthropic_model_is_shown_and_can_be_sent_back(client):
    asked = user("Please call it")
    options = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "tools": [WEATHER], "max_tokens": 4000}
    message, _ = await client.ask("claude", asked, **options)
    thinking, call = message.content
    assert (thinking.type, call.type) == ("thinking", "tool_use")
    assert thinking.thinking
    assert thinking.signature

    again = [
        *asked,
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in message.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}]},
    ]
    message, received = await client.ask("claude", again, **options)
    assert message.stop_reason == "end_turn"
    assert received.json["messages"][1]["content"][0] == thinking.model_dump(exclude_none=True)


async def test_thinking_is_asked_of_an_openai_model(client):
    thinking = {"type": "enabled", "budget_tokens": 2048}
    message, received = await client.ask("gpt-thinks", user("Hello"), thinking=thinking, max_tokens=4000)
    assert received.json["reasoning_effort"] in {"minimal", "low", "medium", "high"}
    assert text_of(message) == SAID
    assert message.usage.output_tokens == received.output_tokens > 16


async def test_stop_sequences(client, model):
    message, received = await client.ask(model, user("echo: one two STOP three"), stop_sequences=["STOP", "never"])
    assert text_of(message).strip() == "one two"
    if model == "claude":
        assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "STOP")
    else:  # OpenAI does not tell which one it was, nor that it was one
        assert message.stop_reason == "end_turn"
    assert received.json["stop_sequences" if model == "claude" else "stop"] == ["STOP", "never"]


async def test_output_limit(client, model):
    message, received = await client.ask(model, user("Hello"), max_tokens=3)
    assert message.stop_reason == "max_tokens"
    assert text_of(message) == "the river keeps"
    assert message.usage.output_tokens == 3
    limit = received.json.get("max_tokens", received.json.get("max_completion_tokens"))
    assert limit == 3


async def test_prompt_cache_of_an_anthropic_model(client):
    document = {"type": "text", "text": f"A long text {client.stream}. " * 20, "cache_control": {"type": "ephemeral"}}
    hour = {"type": "text", "text": f"An hour {client.stream}", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    options = {"system": [hour], "max_tokens": 10}
    first, received = await client.ask("claude", user([document]), **options)
    assert first.usage.cache_creation_input_tokens == received.cache_write_tokens > 0
    assert first.usage.cache_creation.ephemeral_5m_input_tokens > 0
    assert first.usage.cache_creation.ephemeral_1h_input_tokens > 0
    second, received = await client.ask("claude", user([document, {"type": "text", "text": "Sum up"}]), **options)
    assert second.usage.cache_read_input_tokens == received.cache_read_tokens > 0
    assert prompt_tokens(second) == received.input_tokens
    assert received.json["system"] == [hour]


async def test_prompt_cache_of_an_openai_model(client):
    content = f"A long text {client.stream}. " * 300
    await client.ask("gpt", user(content))
    message, received = await client.ask("gpt", user(content))
    assert message.usage.cache_read_input_tokens == received.cache_read_tokens // 128 * 128 > 0
    assert prompt_tokens(message) == received.input_tokens


@pytest.mark.parametrize(
    ("provider", "said", "shown"),
    [
        ("a1", "end_turn", "end_turn"),
        ("a1", "max_tokens", "max_tokens"),
        ("a1", "refusal", "refusal"),
        ("a1", "pause_turn", "pause_turn"),
        ("a1", "model_context_window_exceeded", "model_context_window_exceeded"),
        ("o1", "stop", "end_turn"),
        ("o1", "length", "max_tokens"),
        ("o1", "content_filter", "refusal"),
    ],
)
async def test_stop_reasons(client, simulator, provider, said, shown):
    simulator.script(**{provider: {"finish": said}})
    message, _ = await client.ask("gpt" if provider == "o1" else "claude", user("Hello"))
    assert message.stop_reason == shown


async def test_the_end_user_is_named(client, model):
    _, received = await client.ask(model, user("Hello"), metadata={"user_id": "user-17"})
    if model == "claude":
        assert received.json["metadata"] == {"user_id": "user-17"}
    else:
        assert "user-17" in {received.json.get("user"), received.json.get("safety_identifier")}
