"""By which of OpenAI's APIs a translated request goes: admission chooses, the attempt does."""

import orjson
import pytest

from extproc.config.snapshot import Target

ANTHROPIC = {"max_tokens": 9000, "messages": [{"role": "user", "content": "Hi"}]}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
TOOLS = {
    "anthropic": [{"name": "f", "input_schema": {"type": "object"}}],
    "gemini": [{"functionDeclarations": [{"name": "f"}]}],
}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 8000}}
LEVEL = {"generationConfig": {"thinkingConfig": {"thinkingLevel": "HIGH"}}}


@pytest.fixture
def sent(world):
    """Path and body of the first attempt at a model of OpenAI's."""
    world.provider("o1", apis=frozenset({"chat", "responses", "embeddings"}))

    def send(client, *, api=None, model="gpt-5.6", **fields):
        world.model("new", targets=(Target("o1", model, api=api),))
        if client == "gemini":
            world.ask({**GEMINI, **fields}, "/v1beta/models/new:generateContent")
        else:
            world.ask({"model": "new", **ANTHROPIC, **fields}, "/v1/messages")
        attempt = world.send()
        return world.headers[":path"].removeprefix("/v1"), orjson.loads(attempt.sent.body)

    return send


@pytest.mark.parametrize(
    ("client", "thinking", "effort"), [("anthropic", THINKING, "medium"), ("gemini", LEVEL, "high")]
)
def test_tools_go_by_responses_together_with_reasoning(sent, client, thinking, effort):
    path, body = sent(client, tools=TOOLS[client], **thinking)
    assert path == "/responses"
    assert body["reasoning"]["effort"] == effort
    assert [tool["name"] for tool in body["tools"]] == ["f"]


@pytest.mark.parametrize("client", ["anthropic", "gemini"])
def test_what_needs_no_tools_goes_by_chat_completions(sent, client):
    assert sent(client)[0] == "/chat/completions"
    assert sent(client, model="gpt-5.2", tools=TOOLS[client])[0] == "/chat/completions"


def test_where_the_configuration_says_chat_the_model_does_not_reason(sent):
    path, body = sent("anthropic", api="chat", tools=TOOLS["anthropic"], **THINKING)
    assert path == "/chat/completions"
    assert body["reasoning_effort"] == "none"


def test_a_client_of_chat_completions_gets_what_it_asks_for(world):
    world.provider("o1", apis=frozenset({"chat", "responses"}))
    world.model("new", targets=(Target("o1", "gpt-5.6"),))
    tool = {"type": "function", "function": {"name": "f"}}
    world.chat("new", tools=[tool], reasoning_effort="high", temperature=0)
    body = orjson.loads(world.send().sent.body)
    assert (body["reasoning_effort"], body["temperature"], body["tools"]) == ("high", 0, [tool])


def test_of_another_operation_nothing_is_chosen(world):
    world.provider("o1", apis=frozenset({"chat", "responses"}))
    world.model("new", targets=(Target("o1", "gpt-5.6"),))
    world.ask({"model": "new", "tools": TOOLS["anthropic"], **ANTHROPIC}, "/v1/messages/count_tokens")
    assert orjson.loads(world.metadata["h"])[8][0][3] is None
