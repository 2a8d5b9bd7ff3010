"""Claims about the two sides of the dialect: they keep the shared interface, and delegate to the right place."""

import orjson

from extproc.dialects.base import ClientDialect, ProviderDialect, RenderOptions
from extproc.dialects.openai_chat.dialect import OpenAIChatClient, OpenAIProvider
from extproc.domain.answer import Ended, Started, UsageSeen
from extproc.domain.errors import ProviderQuota
from extproc.domain.usage import Usage

REQUEST = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5, "stream": True}
ANSWER = {"id": "chatcmpl-1", "model": "m", "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}


def test_the_client_side():
    client: ClientDialect = OpenAIChatClient()
    assert client.name == "openai-chat"
    assert client.parse_request(REQUEST).max_output_tokens == 5
    writer = client.stream_writer(created=7, include_usage=True)
    assert b'"created":7' in writer.write(Started("x", "m"))
    writer.write(UsageSeen(Usage(input=1)))
    assert b"prompt_tokens" in writer.write(Ended())
    error = ProviderQuota("no credit")
    assert orjson.loads(client.render_error_event(error)[6:]) == client.render_error(error)


def test_the_provider_side():
    provider: ProviderDialect = OpenAIProvider()
    assert provider.name == "openai"
    rendered = provider.render_request(OpenAIChatClient().parse_request(REQUEST), RenderOptions())
    assert rendered.body["max_completion_tokens"] == 5
    assert rendered.body["stream_options"] == {"include_usage": True}
    answer = provider.parse_answer(ANSWER)
    assert OpenAIChatClient().render_answer(answer, created=7)["choices"][0]["message"]["content"] == "Hi"
    assert provider.stream_reader().feed(b"data: [DONE]\n\n")
    assert provider.parse_error(429, b'{"error":{"code":"insufficient_quota"}}', retry_after=3).retry_after == 3


def test_a_server_that_knows_the_older_name_only():
    provider = OpenAIProvider(legacy_max_tokens=True)
    rendered = provider.render_request(OpenAIChatClient().parse_request(REQUEST), RenderOptions())
    assert rendered.body["max_tokens"] == 5
    assert "max_completion_tokens" not in rendered.body
