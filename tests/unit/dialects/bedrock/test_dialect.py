"""The face of the dialect."""

from extproc.dialects.base import ProviderDialect, RenderOptions
from extproc.dialects.bedrock.dialect import BedrockProvider
from extproc.domain.conversation import Conversation, Message, Text
from extproc.domain.errors import ProviderRateLimited


def test_it_is_a_provider_dialect():
    provider: ProviderDialect = BedrockProvider()
    assert provider.name == "bedrock"
    conversation = Conversation("m", (Message("user", (Text("hi"),)),))
    assert provider.render_request(conversation, RenderOptions()).body == {
        "messages": [{"role": "user", "content": [{"text": "hi"}]}]
    }
    assert provider.stream_reader() is not provider.stream_reader()
    assert type(provider.parse_error(429, b"", retry_after=None)) is ProviderRateLimited
