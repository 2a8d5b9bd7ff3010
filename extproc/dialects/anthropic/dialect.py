"""The two faces of the dialect: what clients speak, and what providers speak. Both only delegate."""

from extproc.dialects.anthropic.errors import parse_error, render_error, render_error_event
from extproc.dialects.anthropic.parse import parse_answer, parse_request
from extproc.dialects.anthropic.render import render_answer, render_request
from extproc.dialects.anthropic.stream import AnthropicStreamReader
from extproc.dialects.anthropic.stream_writer import AnthropicStreamWriter
from extproc.dialects.base import Rendered, RenderOptions
from extproc.domain.answer import Answer
from extproc.domain.conversation import Conversation
from extproc.domain.errors import GatewayError, ProviderError
from extproc.domain.reading import Json, JsonObject


class AnthropicClient:
    """A ``ClientDialect``: ``POST /v1/messages`` as clients send it."""

    @property
    def name(self) -> str:
        """As in logs and metrics."""
        return "anthropic-messages"

    def parse_request(self, body: Json) -> Conversation:
        """Raises ``InvalidRequest`` with the path of the field at fault."""
        return parse_request(body)

    def render_answer(self, answer: Answer, *, created: int) -> JsonObject:  # noqa: ARG002 -- a message has no time
        """A whole answer."""
        return render_answer(answer)

    def stream_writer(self, *, created: int, include_usage: bool) -> AnthropicStreamWriter:  # noqa: ARG002 -- no time in this dialect, and always usage
        """A writer for one answer."""
        return AnthropicStreamWriter()

    def render_error(self, error: GatewayError) -> JsonObject:
        """The error body."""
        return render_error(error)

    def render_error_event(self, error: GatewayError) -> bytes:
        """The error as one event inside a stream that has begun."""
        return render_error_event(error)


class AnthropicProvider:
    """A ``ProviderDialect``: Anthropic's API, and servers that speak it."""

    @property
    def name(self) -> str:
        """As in the configuration."""
        return "anthropic"

    def render_request(self, conversation: Conversation, options: RenderOptions) -> Rendered:
        """Raises ``UnsupportedFeature`` naming every field that cannot be carried, unless they may be dropped."""
        return render_request(conversation, options)

    def parse_answer(self, body: Json) -> Answer:
        """Raises ``ProviderBadAnswer`` where the body is not an answer of this dialect."""
        return parse_answer(body)

    def stream_reader(self, model: str = "") -> AnthropicStreamReader:  # noqa: ARG002 -- its streams are read alike, whoever speaks
        """A reader for one answer."""
        return AnthropicStreamReader()

    def parse_error(self, status: int, body: bytes, *, retry_after: float | None) -> ProviderError:
        """The error behind a status of 400 and above; the vendor's message is kept. Never raises."""
        return parse_error(status, body, retry_after=retry_after)
