"""The two sides of the dialect, as ``extproc.dialects.base`` defines them. They only delegate."""

from extproc.dialects.base import Rendered, RenderOptions, StreamReader, StreamWriter
from extproc.dialects.openai_chat import errors, parse, parse_answer, render, render_answer
from extproc.dialects.openai_chat.stream import OpenAIStreamReader
from extproc.dialects.openai_chat.stream_writer import OpenAIStreamWriter
from extproc.domain.answer import Answer
from extproc.domain.conversation import Conversation
from extproc.domain.errors import GatewayError, ProviderError
from extproc.domain.reading import Json, JsonObject


class OpenAIChatClient:
    """Clients of ``/v1/chat/completions``."""

    name = "openai-chat"

    def parse_request(self, body: Json) -> Conversation:
        """Raises ``InvalidRequest`` with the path of the field at fault."""
        return parse.parse_request(body)

    def render_answer(self, answer: Answer, *, created: int) -> JsonObject:
        """A ``chat.completion``; ``created`` (Unix seconds) stands in where the provider gave no time."""
        return render_answer.render_answer(answer, created=created)

    def stream_writer(self, *, created: int, include_usage: bool) -> StreamWriter:
        """A writer for one answer; ``include_usage``: the client asked for ``stream_options.include_usage``."""
        return OpenAIStreamWriter(created=created, include_usage=include_usage)

    def render_error(self, error: GatewayError) -> JsonObject:
        """``{"error": {message, type, param, code}}``."""
        return errors.render_error(error)

    def render_error_event(self, error: GatewayError) -> bytes:
        """The error as one event inside a stream that has begun."""
        return errors.render_error_event(error)


class OpenAIProvider:
    """OpenAI, and every server that is compatible with its Chat Completions.

    ``legacy_max_tokens``: the server knows ``max_tokens`` only. ``replay_reasoning``: it wants its earlier reasoning
    back as ``reasoning_content`` (DeepSeek: https://api-docs.deepseek.com/guides/thinking_mode).
    """

    name = "openai"

    def __init__(self, *, legacy_max_tokens: bool = False, replay_reasoning: bool = False) -> None:
        self._legacy_max_tokens = legacy_max_tokens
        self._replay_reasoning = replay_reasoning

    def render_request(self, conversation: Conversation, options: RenderOptions) -> Rendered:
        """Raises ``UnsupportedFeature`` naming every field that cannot be carried, unless they may be dropped."""
        return render.render_request(
            conversation,
            options,
            legacy_max_tokens=self._legacy_max_tokens or options.legacy_max_tokens,
            replay_reasoning=self._replay_reasoning or options.replay_reasoning,
        )

    def parse_answer(self, body: Json) -> Answer:
        """Raises ``ProviderBadAnswer`` where the body is not a ``chat.completion``."""
        return parse_answer.parse_answer(body)

    def stream_reader(self, model: str = "") -> StreamReader:  # noqa: ARG002 -- its streams are read alike, whoever speaks
        """A reader for one answer."""
        return OpenAIStreamReader()

    def parse_error(self, status: int, body: bytes, *, retry_after: float | None) -> ProviderError:
        """The error behind a status of 400 and above; the vendor's message is kept. Never raises."""
        return errors.parse_error(status, body, retry_after=retry_after)
