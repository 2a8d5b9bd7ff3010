"""Request JSON → ``Conversation``; its counterpart is ``render``.

Source: openai.types.chat.completion_create_params (the published schema), and the extensions that OpenAI's clients use
for Anthropic's features (https://docs.litellm.ai/docs/reasoning_content).
"""

from collections.abc import Mapping
from dataclasses import replace

from extproc.dialects.openai_chat.parse_messages import parse_messages
from extproc.dialects.openai_chat.parse_parts import Leftovers
from extproc.dialects.openai_chat.parse_tools import json_object, parse_tool_choice, parse_tools
from extproc.domain.conversation import Conversation, OutputFormat, Reasoning
from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Fields, Json

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
    "prompt_cache_retention": (None, "how long and where OpenAI keeps its cache"),
}
"""Fields that may be treated as absent, with the values for which this is so (None: any) and the reason."""

_HINTS = ("prompt_cache_key", "prompt_cache_retention")
"""Which of them the Responses API knows, too, and means without the marks that are left out on the way there."""

_STREAM_OPTIONS_WITHOUT_EFFECT = ("include_obfuscation",)
"""Padding of OpenAI's own chunks; a translated stream has none."""


def parse_request(body: Json) -> Conversation:
    """The whole request. Raises ``InvalidRequest`` with the path of the field at fault."""
    fields = Fields(_with_effect(body))
    leftovers = Leftovers()
    tool_choice, tools = parse_tool_choice(fields, tuple(parse_tools(fields, leftovers)), leftovers)
    conversation = Conversation(
        model=fields.text("model"),
        messages=parse_messages(fields, leftovers),
        tools=tools,
        tool_choice=tool_choice,
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
        logit_bias=json_object(fields, "logit_bias"),
        logprobs=fields.boolean("logprobs"),
        top_logprobs=fields.integer("top_logprobs"),
        user=_user(fields),
        service_tier=fields.optional_text("service_tier"),
        verbosity=fields.optional_text("verbosity"),
        hints=_hints(body),
    )
    leftovers.take(fields)
    return replace(conversation, unmapped=tuple(leftovers.found)) if leftovers.found else conversation


def _with_effect(body: Json) -> Json:
    if not isinstance(body, Mapping):
        return body
    return {name: value for name, value in body.items() if not _without_effect(name, value)}


def _hints(body: Json) -> tuple[tuple[str, Json], ...]:
    if not isinstance(body, Mapping):
        return ()
    return tuple(
        (name, body[name]) for name in _HINTS if body.get(name) is not None and _without_effect(name, body[name])
    )


def _without_effect(name: str, value: Json) -> bool:
    known = _WITHOUT_EFFECT.get(name)
    if known is None:
        return False
    values, _ = known
    # The type counts too: `n: true` equals 1 in Python, and is an error.
    return values is None or any(value == harmless and type(value) is type(harmless) for harmless in values)


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
            schema=json_object(schema, "schema"),
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
