"""``tools``, ``toolConfig`` and ``generationConfig`` → fields of the conversation. Counterpart: ``render_options.py``.

Source: https://ai.google.dev/api/caching#Tool, https://ai.google.dev/api/generate-content#v1beta.GenerationConfig.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from extproc.dialects.gemini.parse_parts import Unmapped, keep_unread
from extproc.dialects.gemini.schema import json_schema_of
from extproc.dialects.gemini.spelling import Message
from extproc.domain.conversation import OutputFormat, Reasoning, Tool, ToolChoice
from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Json, JsonObject, kind_of
from extproc.domain.valueclass import valueclass


@valueclass
class ToolOptions:
    """What ``tools`` and ``toolConfig`` mean together."""

    tools: tuple[Tool, ...] = ()
    choice: ToolChoice | None = None


def parse_tools(fields: Message, unmapped: Unmapped) -> ToolOptions:
    """The functions and which of them may be called. Raises ``InvalidRequest``.

    Tools that the vendor runs itself go to ``unmapped``. Where only some functions may be called, the others are left
    out: nobody else can say that, and it comes to the same.
    """
    tools = tuple(_functions(fields, unmapped))
    config = fields.message("toolConfig")
    calling = config.message("functionCallingConfig") if config else None
    if config is not None:
        keep_unread(config, unmapped)
    if calling is None:
        return ToolOptions(tools)
    mode = calling.word("mode")
    names = list(_texts(calling, "allowedFunctionNames"))
    if calling.boolean("streamFunctionCallArguments") is False:
        pass  # the default; true is kept as unmapped, below
    elif calling.has("streamFunctionCallArguments"):
        unmapped.append((calling.path("streamFunctionCallArguments"), True))
    keep_unread(calling, unmapped)
    return _chosen(tools, mode, names, calling.path("mode"))


def _chosen(tools: tuple[Tool, ...], mode: str | None, names: list[str], path: str) -> ToolOptions:
    allowed = tuple(tool for tool in tools if tool.name in names) if names else tools
    match mode:
        case None:
            return ToolOptions(tools)
        case "AUTO":
            return ToolOptions(tools, ToolChoice("auto"))
        case "NONE":
            return ToolOptions(tools, ToolChoice("none"))
        case "VALIDATED":
            # Not ``strict``: OpenAI's strict mode demands that every property is required, which this mode does not.
            return ToolOptions(allowed, ToolChoice("auto"))
        case "ANY" if len(names) == 1:
            return ToolOptions(tools, ToolChoice("named", names[0]))
        case "ANY":
            return ToolOptions(allowed, ToolChoice("required"))
        case _:
            raise InvalidRequest(f"{path} must be AUTO, ANY, NONE or VALIDATED", param=path)


def _functions(fields: Message, unmapped: Unmapped) -> Iterator[Tool]:
    for tool, _ in fields.messages("tools"):
        for function, _ in tool.messages("functionDeclarations"):
            schema, own = _object(function, "parametersJsonSchema"), _object(function, "parameters")
            yield Tool(
                function.text("name"),
                function.optional_text("description"),
                json_schema_of(own) if schema is None and own is not None else schema,
            )
            for name in ("response", "responseJsonSchema"):
                function.raw(name)  # of what the function gives back: a word to the model, and the result says it too
            if function.word("behavior") not in {None, "BLOCKING"}:
                unmapped.append((function.path("behavior"), function.raw("behavior")))
            keep_unread(function, unmapped)
        keep_unread(tool, unmapped)


@dataclass(slots=True)
class Generation:
    """What ``generationConfig`` says."""

    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int | None = None
    output_format: OutputFormat | None = None
    reasoning: Reasoning | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    unmapped: Unmapped = field(default_factory=list[tuple[str, Json]])


_IDLE: Mapping[str, tuple[Json, ...]] = {
    "responseModalities": (["TEXT"], ["text"], []),
    "audioTimestamp": (False,),
    "enableEnhancedCivicAnswers": (False,),
    "mediaResolution": ("MEDIA_RESOLUTION_UNSPECIFIED",),
}
"""Values that ask for nothing but what happens anyway."""


def parse_generation(config: Message | None) -> Generation:
    """The ``generationConfig``. Raises ``InvalidRequest`` with the path of the field at fault."""
    found = Generation()
    if config is None:
        return found
    found.max_output_tokens = config.integer("maxOutputTokens")
    found.temperature = config.number("temperature")
    found.top_p = config.number("topP")
    found.top_k = config.integer("topK")
    found.stop = tuple(_texts(config, "stopSequences"))
    found.seed = config.integer("seed")
    n = config.integer("candidateCount")
    found.n = None if n == 1 else n
    found.frequency_penalty = config.number("frequencyPenalty")
    found.presence_penalty = config.number("presencePenalty")
    found.logprobs = config.boolean("responseLogprobs") or None
    found.top_logprobs = config.integer("logprobs")
    found.output_format = _output_format(config, found.unmapped)
    found.reasoning = _reasoning(config.message("thinkingConfig"), found.unmapped)
    for name, values in _IDLE.items():
        if config.has(name) and (value := config.raw(name)) not in values:
            found.unmapped.append((config.path(name), value))
    keep_unread(config, found.unmapped)
    return found


def _output_format(config: Message, unmapped: Unmapped) -> OutputFormat | None:
    media_type = config.optional_text("responseMimeType")
    # The second is the older place of the first.
    schema = _object(config, "responseJsonSchema") or _object(config, "_responseJsonSchema")
    own = _object(config, "responseSchema")
    if schema is None and own is not None:
        schema = json_schema_of(own)
    match media_type:
        case None | "" | "text/plain":
            return None
        case "application/json":
            return OutputFormat("json") if schema is None else OutputFormat("json_schema", schema=schema)
        case _:
            unmapped.append((config.path("responseMimeType"), media_type))
            return None


def _reasoning(thinking: Message | None, unmapped: Unmapped) -> Reasoning | None:
    """``thinkingConfig``; thoughts that are only to be shown are those that the model chooses to have."""
    if thinking is None:
        return None
    budget, level = thinking.integer("thinkingBudget"), thinking.word("thinkingLevel")
    shown = thinking.boolean("includeThoughts")
    keep_unread(thinking, unmapped)
    display = "summarized" if shown else None
    if level is not None:
        return Reasoning(effort=level.lower(), display=display)
    if budget is None or budget < 0:
        return Reasoning(adaptive=True, display=display) if shown or budget is not None else None
    return Reasoning(enabled=False) if budget == 0 else Reasoning(budget_tokens=budget, display=display)


def _object(fields: Message, name: str) -> JsonObject | None:
    """A nested object that is carried as it is."""
    value = fields.raw(name)
    if value is None or isinstance(value, Mapping):
        return value
    raise fields.wrong(name, value, "a JSON object")


def _texts(fields: Message, name: str) -> Iterator[str]:
    for index, value in enumerate(fields.items(name) or ()):
        if not isinstance(value, str):
            path = f"{fields.path(name)}[{index}]"
            raise InvalidRequest(f"{path} must be a string, not {kind_of(value)}", param=path)
        yield value
