"""Request JSON → ``Conversation``; its counterpart is ``render``.

Source: openai.types.chat.completion_create_params (the published schema), and the extensions that OpenAI's clients use
for Anthropic's features (https://docs.litellm.ai/docs/reasoning_content).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from extproc.dialects.openai_chat.parse_messages import parse_messages
from extproc.dialects.openai_chat.parse_parts import Leftovers, cache_mark
from extproc.domain.conversation import Conversation, OutputFormat, Reasoning, Tool, ToolChoice
from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Fields, Json, JsonObject

_WITHOUT_EFFECT: Mapping[str, tuple[tuple[Json, ...] | None, str]] = {
    # Asking for what is done anyway.
    "n": ((1,), "one choice is the default"),
    "logprobs": ((False,), "none is the default"),
    "top_logprobs": ((0,), "none is the default"),
    "frequency_penalty": ((0, 0.0), "no penalty is the default"),
    "presence_penalty": ((0, 0.0), "no penalty is the default"),
    "logit_bias": (({},), "no bias is the default"),
    "modalities": ((["text"],), "text is the default"),
    "store": ((False,), "not storing is what every other vendor does"),
    "metadata": (({},), "nothing to store"),
    "verbosity": (("medium",), "medium is the default"),
    # About a cache that only OpenAI has: speed and price of this vendor, never the answer.
    "prompt_cache_key": (None, "routes to a server of OpenAI that may have the prefix in its cache"),
    "prompt_cache_options": (None, "steers OpenAI's own cache"),
    "prompt_cache_retention": (("24h",), "lets OpenAI keep its cache longer"),
}
"""Fields that may be treated as absent, with the values for which this is so (None: any) and the reason."""

_STREAM_OPTIONS_WITHOUT_EFFECT = ("include_obfuscation",)
"""Padding of OpenAI's own chunks; a translated stream has none."""


def parse_request(body: Json) -> Conversation:
    """The whole request. Raises ``InvalidRequest`` with the path of the field at fault."""
    fields = Fields(_with_effect(body))
    leftovers = Leftovers()
    conversation = Conversation(
        model=fields.text("model"),
        messages=parse_messages(fields, leftovers),
        tools=tuple(_tools(fields, leftovers)),
        tool_choice=_tool_choice(fields, leftovers),
        parallel_tool_calls=fields.boolean("parallel_tool_calls"),
        max_output_tokens=_max_output_tokens(fields),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        stop=_stop(fields),
        seed=fields.integer("seed"),
        n=fields.integer("n"),
        stream=fields.boolean("stream") or False,
        include_usage=_include_usage(fields, leftovers),
        output_format=_output_format(fields, leftovers),
        reasoning=_reasoning(fields, leftovers),
        frequency_penalty=fields.number("frequency_penalty"),
        presence_penalty=fields.number("presence_penalty"),
        logit_bias=_json_object(fields, "logit_bias"),
        logprobs=fields.boolean("logprobs"),
        top_logprobs=fields.integer("top_logprobs"),
        user=_user(fields),
        service_tier=fields.optional_text("service_tier"),
        verbosity=fields.optional_text("verbosity"),
    )
    leftovers.take(fields)
    return replace(conversation, unmapped=tuple(leftovers.found)) if leftovers.found else conversation


def _with_effect(body: Json) -> Json:
    if not isinstance(body, Mapping):
        return body
    return {name: value for name, value in body.items() if not _without_effect(name, value)}


def _without_effect(name: str, value: Json) -> bool:
    known = _WITHOUT_EFFECT.get(name)
    if known is None:
        return False
    values, _ = known
    # The type counts too: `n: true` equals 1 in Python, and is an error.
    return values is None or any(value == harmless and type(value) is type(harmless) for harmless in values)


def _tools(fields: Fields, leftovers: Leftovers) -> Iterator[Tool]:
    for index, item in enumerate(fields.items("tools") or ()):
        path = f"{fields.path('tools')}[{index}]"
        tool = Fields(item, path)
        if tool.optional_text("type") not in {None, "function"}:
            leftovers.add(path, item)
            continue
        function = tool.object("function")
        if function is None:
            raise tool.wrong("function", None, "a JSON object")
        # LiteLLM documents the mark beside the function, Envoy AI Gateway within it.
        cache = cache_mark(tool, leftovers) or cache_mark(function, leftovers)
        yield Tool(
            name=function.text("name"),
            description=function.optional_text("description"),
            parameters=_json_object(function, "parameters"),
            strict=function.boolean("strict"),
            cache=cache,
        )
        leftovers.take(function)
        leftovers.take(tool)


_TOOL_CHOICES: Mapping[str, ToolChoice] = {
    "auto": ToolChoice("auto"),
    "none": ToolChoice("none"),
    "required": ToolChoice("required"),
    "any": ToolChoice("required"),  # Mistral's word for it
}


def _tool_choice(fields: Fields, leftovers: Leftovers) -> ToolChoice | None:
    value = fields.raw("tool_choice")
    if value is None:
        return None
    if isinstance(value, str):
        if (choice := _TOOL_CHOICES.get(value)) is not None:
            return choice
        raise InvalidRequest("tool_choice must be auto, none, required or an object", param="tool_choice")
    choice = Fields(value, "tool_choice")
    if choice.text("type") != "function":
        leftovers.add("tool_choice", value)  # `allowed_tools` and `custom`
        return None
    function = choice.object("function")
    if function is None:
        raise choice.wrong("function", None, "a JSON object")
    named = ToolChoice("named", function.text("name"))
    leftovers.take(function)
    leftovers.take(choice)
    return named


def _max_output_tokens(fields: Fields) -> int | None:
    """``max_completion_tokens``, or ``max_tokens``, its older name."""
    limit, older = fields.integer("max_completion_tokens"), fields.integer("max_tokens")
    if limit is not None and older is not None and limit != older:
        raise InvalidRequest("max_tokens and max_completion_tokens contradict each other", param="max_tokens")
    return older if limit is None else limit


def _stop(fields: Fields) -> tuple[str, ...]:
    value = fields.raw("stop")
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise fields.wrong("stop", value, "a string or a list of strings")
    stops: list[str] = []
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise fields.wrong(f"stop[{index}]", item, "a string")
        stops.append(item)
    return tuple(stops)


def _include_usage(fields: Fields, leftovers: Leftovers) -> bool:
    options = fields.object("stream_options")
    if options is None:
        return False
    include = options.boolean("include_usage") or False
    leftovers.take(options, ignoring=_STREAM_OPTIONS_WITHOUT_EFFECT)
    return include


def _output_format(fields: Fields, leftovers: Leftovers) -> OutputFormat | None:
    response_format = fields.object("response_format")
    if response_format is None:
        return None
    kind = response_format.text("type")
    if kind not in {"text", "json_object", "json_schema"}:
        leftovers.add("response_format", fields.raw("response_format"))
        return None
    wanted = None if kind == "text" else OutputFormat("json")
    if kind == "json_schema":
        schema = response_format.object("json_schema")
        if schema is None:
            raise response_format.wrong("json_schema", None, "a JSON object")
        wanted = OutputFormat(
            "json_schema",
            name=schema.text("name"),
            schema=_json_object(schema, "schema"),
            strict=schema.boolean("strict"),
            description=schema.optional_text("description"),
        )
        leftovers.take(schema)
    leftovers.take(response_format)
    return wanted


def _reasoning(fields: Fields, leftovers: Leftovers) -> Reasoning | None:
    """``reasoning_effort``, and ``thinking`` as Anthropic's clients spell it, for LiteLLM and Envoy AI Gateway."""
    effort = fields.optional_text("reasoning_effort")
    thinking = fields.object("thinking")
    if thinking is None:
        return None if effort is None else Reasoning(enabled=effort != "none", effort=effort)
    kind = thinking.text("type")
    if kind not in {"enabled", "disabled", "adaptive"}:
        path = thinking.path("type")
        raise InvalidRequest(f"{path} must be enabled, disabled or adaptive", param=path)
    reasoning = Reasoning(
        enabled=kind != "disabled",
        effort=effort,
        budget_tokens=thinking.integer("budget_tokens"),
        adaptive=kind == "adaptive",
        display=thinking.optional_text("display"),
    )
    leftovers.take(thinking)
    return reasoning


def _user(fields: Fields) -> str | None:
    """The end user. ``safety_identifier`` takes the place of ``user``, which lives on as a hint for the cache."""
    identifier, user = fields.optional_text("safety_identifier"), fields.optional_text("user")
    return user if identifier is None else identifier


def _json_object(fields: Fields, name: str) -> JsonObject | None:
    """A nested object that is carried as it is."""
    value = fields.raw(name)
    if value is None or isinstance(value, Mapping):
        return value
    raise fields.wrong(name, value, "a JSON object")
