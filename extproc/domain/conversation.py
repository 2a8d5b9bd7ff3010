"""What a client asks, free of any vendor's spelling.

Client dialects parse into a ``Conversation``, provider dialects render from it: N + M readers and writers instead of
N x M. Equal dialects never come this way, their bytes are edited in place (``extproc.translate``). All objects are
frozen, for a request is rendered again on each attempt.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Literal, TypeAlias

from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass

Role = Literal["system", "developer", "user", "assistant", "tool"]


Origin = Literal["anthropic", "openai", "gemini"]
"""Whose models can read a piece of sealed reasoning: Claude's on every cloud, OpenAI's, or Gemini's."""


@valueclass
class CacheMark:
    """A prompt-cache marker: everything up to and including the marked part may be cached."""

    ttl: Literal["5m", "1h"] | None = None
    """None: the vendor's default lifetime."""


@valueclass
class Text:
    """Plain text."""

    text: str
    cache: CacheMark | None = None
    citations: tuple[JsonObject, ...] = ()
    """Citations of an assistant's earlier answer, in Anthropic's shape (the only dialect that takes them back)."""


@valueclass
class Source:
    """Where an image's or a document's bytes are: exactly one of ``data`` (base64), ``url``, ``file_id``, ``text``."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    text: str | None = None


@valueclass
class Image:
    """An image in a prompt or a tool result."""

    source: Source
    detail: str | None = None
    """OpenAI's ``low | high | auto``."""
    cache: CacheMark | None = None
    at: str = field(default="", compare=False, repr=False)
    """Its path in the client's request, for errors."""


@valueclass
class Document:
    """A file in a prompt, PDF or text."""

    source: Source
    title: str | None = None
    context: str | None = None
    citations: bool | None = None
    cache: CacheMark | None = None
    at: str = field(default="", compare=False, repr=False)
    """Its path in the client's request, for errors."""


@valueclass
class Audio:
    """Audio in a prompt, base64; ``format`` as OpenAI names it (``wav | mp3``)."""

    data: str
    format: str
    at: str = field(default="", compare=False, repr=False)
    """Its path in the client's request, for errors."""


@valueclass
class Thinking:
    """A model's earlier reasoning, sent back. Without its signature a vendor that signs will not take it.

    ``signature`` is what its vendor needs to trust it: Anthropic's signature, OpenAI's item id and encrypted content
    (``<id>.<content>``), Gemini's thought signature. ``text`` may be empty: only the seal was handed out.
    """

    text: str
    signature: str | None = None
    origin: Origin = "anthropic"


@valueclass
class RedactedThinking:
    """Encrypted reasoning, opaque to everyone but its vendor."""

    data: str
    origin: Origin = "anthropic"


@valueclass
class Refusal:
    """An assistant's earlier refusal (OpenAI keeps it apart from text)."""

    text: str


@valueclass
class ToolCall:
    """The assistant calls a tool. ``arguments`` is JSON text, just as the model wrote it."""

    id: str
    name: str
    arguments: str
    cache: CacheMark | None = None
    signature: str | None = None
    """Gemini's thought signature of this call, which its models want back with it."""
    custom: bool = False
    """In an answer: the call of a ``Tool.custom``."""


@valueclass
class ToolResult:
    """What a tool gave back. ``name`` is the tool's, where the client's dialect tells it beside the call's id."""

    call_id: str
    content: "tuple[Text | Image | Document, ...]"
    is_error: bool = False
    cache: CacheMark | None = None
    name: str | None = None


Part: TypeAlias = Text | Image | Document | Audio | Thinking | RedactedThinking | Refusal | ToolCall | ToolResult


@valueclass
class Message:
    """One turn. Tool results are parts of a message with role ``tool``, one message for each run of results."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    at: str = field(default="", compare=False, repr=False)
    """Its path in the client's request, for errors."""


@valueclass
class Tool:
    """A function the model may call; ``parameters`` is a JSON Schema (None: no arguments declared)."""

    name: str
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None
    cache: CacheMark | None = None
    custom: bool = False
    """Its client knows it as one that takes a text (OpenAI's custom tools); here the text is the argument ``input``."""


@valueclass
class ToolChoice:
    """``auto``: the model decides; ``none``: no tool; ``required``: some tool; ``named``: the tool ``name``."""

    mode: Literal["auto", "none", "required", "named"]
    name: str | None = None


@valueclass
class OutputFormat:
    """Shape of the answer: any JSON (``json``), or JSON of a schema (``json_schema``)."""

    kind: Literal["json", "json_schema"]
    name: str | None = None
    schema: JsonObject | None = None
    strict: bool | None = None
    description: str | None = None


@valueclass
class Reasoning:
    """How much the model may think before it answers. Vendors name an effort or a token budget; either may be None."""

    enabled: bool = True
    effort: str | None = None
    """``minimal | low | medium | high | xhigh | max`` and what vendors add later."""
    budget_tokens: int | None = None
    adaptive: bool = False
    """Anthropic's ``thinking: {type: adaptive}``: the model chooses, guided by ``effort``."""
    display: str | None = None
    """Anthropic's ``thinking.display``."""


@valueclass
class Conversation:
    """A whole request. ``None`` means that the client did not say; a renderer then leaves the field out."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int | None = None
    stream: bool = False
    include_usage: bool = False
    """The client asked for the usage chunk of an OpenAI stream."""
    output_format: OutputFormat | None = None
    reasoning: Reasoning | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: JsonObject | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    user: str | None = None
    """End-user id: OpenAI's ``user`` / ``safety_identifier``, Anthropic's ``metadata.user_id``."""
    service_tier: str | None = None
    verbosity: str | None = None
    unmapped: tuple[tuple[str, Json], ...] = field(default=())
    """Fields (path, value) that the reader knows no neutral name for. Another dialect cannot carry them."""
    hints: tuple[tuple[str, Json], ...] = ()
    """Fields that steer their vendor's cache and nothing else: another dialect of the same vendor takes them, others
    leave them out."""
    asides: tuple[str, ...] = ()
    """Fields that no other dialect has a word for, and that change how the vendor works but not what is asked of it: left
    out everywhere, and named to the client (``extproc.translate.request``)."""
    names: Mapping[str, str] = field(default_factory=dict[str, str], compare=False, repr=False)
    """How the client's dialect spells fields: name in OpenAI's Chat API → its own, where it differs
    (``extproc.dialects.losses``)."""
