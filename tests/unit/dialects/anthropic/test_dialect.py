"""The two faces of the dialect fit the interfaces, and answer to their names."""

from extproc.dialects.anthropic.dialect import AnthropicClient, AnthropicProvider
from extproc.dialects.base import ClientDialect, ProviderDialect, RenderOptions
from extproc.domain.answer import Answer, Choice, Ended, Started, TextDelta
from extproc.domain.conversation import Text
from extproc.domain.errors import InternalError, ProviderOverloaded
from extproc.domain.usage import Usage

BODY = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}


def test_the_client_side():
    client: ClientDialect = AnthropicClient()
    assert client.name == "anthropic-messages"
    assert client.parse_request(BODY).model == "m"
    answer = Answer("msg_1", "m", (Choice((Text("hi"),), "stop"),), Usage())
    assert client.render_answer(answer, created=7)["content"] == [{"type": "text", "text": "hi"}]
    assert client.render_error(InternalError("x"))["error"]["type"] == "api_error"
    assert client.render_error_event(InternalError("x")).startswith(b"event: error\ndata: {")
    writer = client.stream_writer(created=7, include_usage=False)
    writer.write(Started("msg_1", "m"))
    assert writer.write(TextDelta("hi")).startswith(b"event: message_start\n")
    assert writer.write(Ended()).endswith(b'{"type":"message_stop"}\n\n')


def test_the_provider_side():
    provider: ProviderDialect = AnthropicProvider()
    assert provider.name == "anthropic"
    assert provider.render_request(AnthropicClient().parse_request(BODY), RenderOptions()).body == BODY
    answer = {"type": "message", "id": "i", "model": "m", "content": [], "usage": {}}
    assert provider.parse_answer(answer).id == "i"
    assert provider.stream_reader().feed(b": hello\n\n")[0].raw == b": hello\n\n"
    assert type(provider.parse_error(529, b"", retry_after=None)) is ProviderOverloaded
