"""What a model says: whole (``Answer``), or as events of a stream.

Stream readers turn a provider's bytes into these events, stream writers turn them into a client's bytes. ``choice`` is
the index of the alternative where a request asked for several (``n``), else 0.
"""

from typing import Literal, TypeAlias

from extproc.domain.conversation import Origin, RedactedThinking, Refusal, Text, Thinking, ToolCall
from extproc.domain.errors import ProviderError
from extproc.domain.reading import JsonObject
from extproc.domain.usage import Usage
from extproc.domain.valueclass import valueclass

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "pause", "context_window"]
"""``stop``: natural end or a stop sequence; ``pause``: Anthropic's ``pause_turn``, send the turn back to go on;
``refusal``: the model declined; ``context_window``: the window was full before the output limit."""

AnswerPart: TypeAlias = Text | Thinking | RedactedThinking | Refusal | ToolCall


@valueclass
class Choice:
    """One alternative of a whole answer."""

    parts: tuple[AnswerPart, ...]
    finish: FinishReason | None
    stop_sequence: str | None = None
    logprobs: JsonObject | None = None
    """OpenAI's shape."""


@valueclass
class Answer:
    """A whole answer. ``created`` is Unix seconds; None where the vendor does not say."""

    id: str
    model: str
    choices: tuple[Choice, ...]
    usage: Usage
    created: int | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None


@valueclass
class Started:
    """The stream has opened: ids only, nothing the client waits for."""

    id: str
    model: str
    created: int | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None


@valueclass
class TextDelta:
    """More text."""

    text: str
    choice: int = 0
    logprobs: JsonObject | None = None


@valueclass
class ThinkingDelta:
    """More reasoning text."""

    text: str
    choice: int = 0


@valueclass
class ThinkingSigned:
    """The signature that closes a run of reasoning."""

    signature: str
    choice: int = 0
    origin: Origin = "anthropic"


@valueclass
class ThinkingRedacted:
    """A whole block of encrypted reasoning."""

    data: str
    choice: int = 0
    origin: Origin = "anthropic"


@valueclass
class RefusalDelta:
    """More of a refusal."""

    text: str
    choice: int = 0


@valueclass
class CitationAdded:
    """A citation of the text so far, in Anthropic's shape."""

    citation: JsonObject
    choice: int = 0


@valueclass
class ToolCallStarted:
    """A tool call begins; ``index`` counts the calls of this answer from 0."""

    index: int
    id: str
    name: str
    choice: int = 0
    signature: str | None = None
    """Gemini's thought signature of this call."""
    custom: bool = False
    """It calls a ``Tool.custom``."""


@valueclass
class ToolCallDelta:
    """More of the arguments (JSON text) of call ``index``."""

    index: int
    arguments: str
    choice: int = 0


@valueclass
class Opaque:
    """``size`` bytes of an answer that nobody but the client reads: audio, a file, an image on its way."""

    size: int


@valueclass
class Finished:
    """A choice has ended, and why. Usage may still follow."""

    reason: FinishReason
    choice: int = 0
    stop_sequence: str | None = None


@valueclass
class UsageSeen:
    """A running total from the provider; merge with what came before (``Usage.merged``)."""

    usage: Usage
    service_tier: str | None = None
    """The tier that serves the answer, where a vendor says so with the usage only (Bedrock) and not in ``Started``."""


@valueclass
class Ended:
    """The stream is complete: its finish marker was there. Nothing follows."""


@valueclass
class Failed:
    """The stream is broken: an error event, a line that is not of the dialect, an end too early. Nothing follows."""

    error: ProviderError


AnswerEvent: TypeAlias = (
    Started
    | TextDelta
    | ThinkingDelta
    | ThinkingSigned
    | ThinkingRedacted
    | RefusalDelta
    | CitationAdded
    | ToolCallStarted
    | ToolCallDelta
    | Opaque
    | Finished
    | UsageSeen
    | Ended
    | Failed
)

CONTENT_EVENTS = (
    TextDelta,
    ThinkingDelta,
    ThinkingSigned,
    ThinkingRedacted,
    RefusalDelta,
    CitationAdded,
    ToolCallStarted,
    ToolCallDelta,
    Opaque,
)
"""What counts as a token when a stream decides to commit: anything the client would see as content."""
