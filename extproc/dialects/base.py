"""The interface that every dialect implements (``extproc.dialects.openai_chat``, ``.anthropic``, ...).

A dialect serves two sides. As a *client* dialect it parses requests, renders answers, streams and errors; as a
*provider* dialect it renders requests, parses answers, streams and errors.
"""

from typing import Protocol

from extproc.domain.answer import Answer, AnswerEvent
from extproc.domain.conversation import Conversation
from extproc.domain.errors import GatewayError, ProviderError
from extproc.domain.quirks import OPENAI, ChatQuirks
from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass


@valueclass
class Frame:
    """One event of a provider's stream: its bytes as they came, and what they mean.

    ``raw`` includes the blank line that ends the event, so joining all frames gives the stream back. A comment or a
    keep-alive has no events. ``usage_only`` marks an event that carries usage and nothing else (it can be hidden).
    """

    raw: bytes
    events: tuple[AnswerEvent, ...]
    usage_only: bool = False


class StreamReader(Protocol):
    """Provider bytes → frames. Any split of the bytes gives the same frames.

    Never raises on bad input: what is not of the dialect becomes a frame whose last event is ``Failed``, and all
    input after a ``Failed`` or ``Ended`` is ignored.
    """

    def feed(self, data: bytes) -> list[Frame]:
        """Frames completed by these bytes, in order."""
        ...

    def finish(self) -> list[Frame]:
        """The provider ended the body: the last frames. Ends in ``Ended``, or in ``Failed`` where it was too early."""
        ...


class StreamWriter(Protocol):
    """Neutral events → client bytes."""

    def write(self, event: AnswerEvent) -> bytes:
        """The bytes of this event in the client's dialect; empty where the dialect has no word for it.

        Raises ``ProviderBadAnswer`` where it would have to hold back more than it may; nothing follows then.
        """
        ...


@valueclass
class RenderOptions:
    """What a renderer may take from the target rather than from the client's request."""

    default_max_output_tokens: int = 4096
    """For dialects that require an output limit, when the client named none."""
    bounded: bool = False
    """The output limit is what a budget has money held for: nobody may raise it."""
    legacy_max_tokens: bool = False
    """The server heeds OpenAI's ``max_tokens`` only."""
    replay_reasoning: bool = False
    """The server wants its earlier reasoning back as text (``reasoning_content``)."""
    quirks: ChatQuirks = OPENAI
    """Of the server, where it speaks OpenAI's API."""
    call_ids: bool = True
    """The server knows ids of calls (Gemini's ``functionCall.id``, which Vertex AI does not)."""
    automatic_cache: bool = True
    """The server takes Anthropic's top-level ``cache_control``."""
    known_as: str | None = None
    """A name that says which model it is, where the provider's own does not (the ARN of a profile at Bedrock)."""
    drop_unsupported: bool = False
    """Leave out what this dialect cannot carry, and name it in ``Rendered.dropped``, instead of raising."""


@valueclass
class Rendered:
    """A provider request body, and the fields (paths in the client's request) that were left out."""

    body: JsonObject
    dropped: tuple[str, ...] = ()


class ClientDialect(Protocol):
    """What clients speak."""

    @property
    def name(self) -> str:
        """As in logs and metrics: ``openai-chat``, ``anthropic-messages``."""
        ...

    def parse_request(self, body: Json) -> Conversation:
        """Raises ``InvalidRequest`` with the path of the field at fault."""
        ...

    def render_answer(self, answer: Answer, *, created: int) -> JsonObject:
        """A whole answer; ``created`` (Unix seconds) stands in where the provider gave no time."""
        ...

    def stream_writer(self, *, created: int, include_usage: bool) -> StreamWriter:
        """A writer for one answer; ``include_usage``: the client asked for usage in an OpenAI stream."""
        ...

    def render_error(self, error: GatewayError) -> JsonObject:
        """The error body."""
        ...

    def render_error_event(self, error: GatewayError) -> bytes:
        """The error as one event inside a stream that has begun."""
        ...


class ProviderDialect(Protocol):
    """What providers speak."""

    @property
    def name(self) -> str:
        """As in the configuration: ``openai``, ``anthropic``."""
        ...

    def render_request(self, conversation: Conversation, options: RenderOptions) -> Rendered:
        """Raises ``UnsupportedFeature`` naming every field that cannot be carried, unless they may be dropped."""
        ...

    def parse_answer(self, body: Json) -> Answer:
        """Raises ``ProviderBadAnswer`` where the body is not an answer of this dialect."""
        ...

    def stream_reader(self, model: str = "") -> StreamReader:
        """A reader for one answer. ``model``: the name that says who answers, as ``RenderOptions.known_as`` does."""
        ...

    def parse_error(self, status: int, body: bytes, *, retry_after: float | None) -> ProviderError:
        """The error behind a status of 400 and above; the vendor's message is kept. Never raises."""
        ...
