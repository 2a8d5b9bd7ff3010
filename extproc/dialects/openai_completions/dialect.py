"""The two sides of the dialect, as ``extproc.dialects.base`` defines them. They only delegate."""

from extproc.dialects import openai_errors
from extproc.dialects.base import Rendered, RenderOptions, StreamReader, StreamWriter
from extproc.dialects.openai_completions import parse, parse_answer, render, render_answer
from extproc.dialects.openai_completions.stream import CompletionsStreamReader
from extproc.dialects.openai_completions.stream_writer import CompletionsStreamWriter
from extproc.domain.answer import Answer
from extproc.domain.conversation import Conversation
from extproc.domain.errors import GatewayError, ProviderError
from extproc.domain.reading import Json, JsonObject


class OpenAICompletionsClient:
    """Clients of ``/v1/completions``."""

    name = "openai-completions"

    def parse_request(self, body: Json) -> Conversation:
        """Raises ``InvalidRequest`` with the path of the field at fault."""
        return parse.parse_request(body)

    def render_answer(self, answer: Answer, *, created: int) -> JsonObject:
        """A ``text_completion``; ``created`` (Unix seconds) stands in where the provider gave no time."""
        return render_answer.render_answer(answer, created=created)

    def stream_writer(self, *, created: int, include_usage: bool) -> StreamWriter:
        """A writer for one answer; ``include_usage``: the client asked for ``stream_options.include_usage``."""
        return CompletionsStreamWriter(created=created, include_usage=include_usage)

    def render_error(self, error: GatewayError) -> JsonObject:
        """``{"error": {message, type, param, code}}``."""
        return openai_errors.render_error(error)

    def render_error_event(self, error: GatewayError) -> bytes:
        """The error as one event inside a stream that has begun."""
        return openai_errors.render_error_event(error)


class OpenAICompletionsProvider:
    """OpenAI, and every server that is compatible with its Completions."""

    name = "openai-completions"

    def render_request(self, conversation: Conversation, options: RenderOptions) -> Rendered:
        """Raises ``UnsupportedFeature`` for what is more than one text, and naming every field it cannot carry."""
        return render.render_request(conversation, options)

    def parse_answer(self, body: Json) -> Answer:
        """Raises ``ProviderBadAnswer`` where the body is not a ``text_completion``."""
        return parse_answer.parse_answer(body)

    def stream_reader(self, model: str = "") -> StreamReader:  # noqa: ARG002 -- its streams are read alike, whoever speaks
        """A reader for one answer."""
        return CompletionsStreamReader()

    def parse_error(self, status: int, body: bytes, *, retry_after: float | None) -> ProviderError:
        """The error behind a status of 400 and above; the vendor's message is kept. Never raises."""
        return openai_errors.parse_error(status, body, retry_after=retry_after)
