"""The two sides of the dialect, as ``extproc.dialects.base`` defines them. They only delegate."""

from extproc.dialects.base import Rendered, RenderOptions, StreamReader, StreamWriter
from extproc.dialects.openai_responses import errors, parse, parse_answer, render, render_answer
from extproc.dialects.openai_responses.stream import OpenAIResponsesStreamReader
from extproc.dialects.openai_responses.stream_writer import OpenAIResponsesStreamWriter
from extproc.domain.answer import Answer
from extproc.domain.conversation import Conversation
from extproc.domain.errors import GatewayError, ProviderError
from extproc.domain.reading import Json, JsonObject


class OpenAIResponsesClient:
    """Clients of ``/v1/responses``."""

    name = "openai-responses"

    def parse_request(self, body: Json) -> Conversation:
        """Raises ``InvalidRequest`` with the path of the field at fault."""
        return parse.parse_request(body)

    def render_answer(self, answer: Answer, *, created: int) -> JsonObject:
        """A ``response``; ``created`` (Unix seconds) stands in where the provider gave no time."""
        return render_answer.render_answer(answer, created=created)

    def stream_writer(self, *, created: int, include_usage: bool) -> StreamWriter:  # noqa: ARG002 -- always with usage
        """A writer for one answer."""
        return OpenAIResponsesStreamWriter(created=created)

    def render_error(self, error: GatewayError) -> JsonObject:
        """``{"error": {message, type, param, code}}``."""
        return errors.render_error(error)

    def render_error_event(self, error: GatewayError) -> bytes:
        """The error as one event inside a stream that has begun."""
        return errors.render_error_event(error)


class OpenAIResponsesProvider:
    """OpenAI, Azure, and every server that is compatible with their Responses API."""

    name = "openai-responses"

    def render_request(self, conversation: Conversation, options: RenderOptions) -> Rendered:
        """Raises ``UnsupportedFeature`` naming every field that cannot be carried, unless they may be dropped."""
        return render.render_request(conversation, options)

    def parse_answer(self, body: Json) -> Answer:
        """Raises ``ProviderBadAnswer`` where the body is not a ``response``, and its error where it has failed."""
        return parse_answer.parse_answer(body)

    def stream_reader(self, model: str = "") -> StreamReader:  # noqa: ARG002 -- its streams are read alike, whoever speaks
        """A reader for one answer."""
        return OpenAIResponsesStreamReader()

    def parse_error(self, status: int, body: bytes, *, retry_after: float | None) -> ProviderError:
        """The error behind a status of 400 and above; the vendor's message is kept. Never raises."""
        return errors.parse_error(status, body, retry_after=retry_after)
