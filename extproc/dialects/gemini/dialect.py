"""The two faces of the dialect: what clients speak, and what providers speak. Both only delegate."""

from extproc.dialects.base import Rendered, RenderOptions
from extproc.dialects.gemini.errors import parse_error, render_error, render_error_event
from extproc.dialects.gemini.parse import parse_request
from extproc.dialects.gemini.parse_answer import parse_answer
from extproc.dialects.gemini.render import render_request
from extproc.dialects.gemini.render_answer import render_answer
from extproc.dialects.gemini.stream import GeminiStreamReader
from extproc.dialects.gemini.stream_writer import GeminiStreamWriter
from extproc.domain.answer import Answer
from extproc.domain.conversation import Conversation
from extproc.domain.errors import GatewayError, ProviderError
from extproc.domain.reading import Json, JsonObject


class GeminiClient:
    """A ``ClientDialect``: ``:generateContent`` and ``:streamGenerateContent`` as clients send them."""

    @property
    def name(self) -> str:
        """As in logs and metrics."""
        return "gemini"

    def parse_request(self, body: Json) -> Conversation:
        """Raises ``InvalidRequest`` with the path of the field at fault. Model and ``stream`` are the path's to say."""
        return parse_request(body)

    def render_answer(self, answer: Answer, *, created: int) -> JsonObject:  # noqa: ARG002 -- the Gemini API gives no time
        """A whole answer."""
        return render_answer(answer)

    def stream_writer(self, *, created: int, include_usage: bool) -> GeminiStreamWriter:  # noqa: ARG002 -- no time in this dialect, and always usage
        """A writer for one answer."""
        return GeminiStreamWriter()

    def render_error(self, error: GatewayError) -> JsonObject:
        """The error body."""
        return render_error(error)

    def render_error_event(self, error: GatewayError) -> bytes:
        """The error as one event inside a stream that has begun."""
        return render_error_event(error)


class GeminiProvider:
    """A ``ProviderDialect``: the Gemini API and Gemini on Vertex."""

    @property
    def name(self) -> str:
        """As in the configuration."""
        return "gemini"

    def render_request(self, conversation: Conversation, options: RenderOptions) -> Rendered:
        """Raises ``UnsupportedFeature`` naming every field that cannot be carried, unless they may be dropped."""
        return render_request(conversation, options)

    def parse_answer(self, body: Json) -> Answer:
        """Raises ``ProviderBadAnswer`` where the body is not an answer of this dialect."""
        return parse_answer(body)

    def stream_reader(self, model: str = "") -> GeminiStreamReader:  # noqa: ARG002 -- its streams are read alike, whoever speaks
        """A reader for one answer."""
        return GeminiStreamReader()

    def parse_error(self, status: int, body: bytes, *, retry_after: float | None) -> ProviderError:
        """The error behind a status of 400 and above; the vendor's message is kept. Never raises."""
        return parse_error(status, body, retry_after=retry_after)
