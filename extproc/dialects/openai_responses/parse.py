"""Request JSON → ``Conversation``; its counterpart is ``render``.

Source: openai.types.responses.response_create_params (the published schema).
"""

from collections.abc import Mapping
from dataclasses import replace

from extproc.dialects.openai_responses.parse_items import parse_input
from extproc.dialects.openai_responses.parse_options import (
    parse_include,
    parse_reasoning,
    parse_text,
    parse_tool_choice,
    parse_tools,
)
from extproc.dialects.openai_responses.parse_parts import Leftovers
from extproc.domain.conversation import Conversation, Tool
from extproc.domain.errors import UnsupportedFeature
from extproc.domain.reading import Fields, Json

_WITHOUT_EFFECT: Mapping[str, tuple[tuple[Json, ...] | None, str]] = {
    # Asking for what is done anyway.
    "background": ((False,), "the default"),
    "truncation": (("disabled",), "the default"),
    "top_logprobs": ((0,), "none is the default"),
    "metadata": (({},), "nothing to store"),
    "context_management": (([],), "nothing to do"),
    "include": (([],), "nothing to include"),
    # Stored is nothing, whether this says so or not (true is OpenAI's default): the answer says `store: false`.
    "store": (None, "nothing is stored"),
    "max_tool_calls": (None, "counts calls of the tools that OpenAI runs, which are refused by name"),
    "client_metadata": (None, "names the installation to OpenAI: Codex sends it for statistics"),
    # About a cache that only OpenAI has: speed and price of this vendor, never the answer.
    "prompt_cache_key": (None, "routes to a server of OpenAI that may have the prefix in its cache"),
    "prompt_cache_options": (None, "steers OpenAI's own cache"),
    "prompt_cache_retention": (None, "lets OpenAI keep its cache longer"),
}
"""Fields that may be treated as absent, with the values for which this is so (None: any) and the reason."""

_BRINGING_TOOLS = ("additional_tools", "tool_search_output")
"""Items of the input that have tools."""

_STREAM_OPTIONS_WITHOUT_EFFECT = ("include_obfuscation",)
"""Padding of OpenAI's own events; a translated stream has none."""

_NAMES: Mapping[str, str] = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
}
"""Fields that this API spells otherwise: ``Conversation.names``."""

_MEND = "or use a model whose provider serves the Responses API itself"
_RESTS_ON_STORE: Mapping[str, str] = {
    "previous_response_id": f"Send the whole conversation in input, {_MEND}.",
    "conversation": f"Send the whole conversation in input, {_MEND}.",
    "background": "Wait for the answer or stream it.",
}
"""Fields that only the provider which stores answers can serve, and the mend. Leaving them out would be another request."""


def parse_request(body: Json) -> Conversation:
    """The whole request.

    Raises ``InvalidRequest`` with the path of the field at fault, and ``UnsupportedFeature`` for what rests on answers
    that a provider has stored: no other dialect can serve that, and dropping it would lose the conversation itself.
    """
    fields = Fields(_with_effect(body))
    _refuse_stored(fields)
    leftovers = Leftovers()
    tools = _all_tools(fields, leftovers)
    tool_choice, tools = parse_tool_choice(fields, tools, leftovers)
    output_format, verbosity = parse_text(fields, leftovers)
    top_logprobs, included = fields.integer("top_logprobs"), parse_include(fields, leftovers)
    conversation = Conversation(
        model=fields.text("model"),
        messages=parse_input(fields, leftovers),
        tools=tools,
        tool_choice=tool_choice,
        parallel_tool_calls=fields.boolean("parallel_tool_calls"),
        max_output_tokens=fields.integer("max_output_tokens"),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        stream=fields.boolean("stream") or False,
        output_format=output_format,
        reasoning=parse_reasoning(fields, leftovers),
        # Chat Completions refuses the second without the first.
        logprobs=included or bool(top_logprobs) or None,
        top_logprobs=top_logprobs,
        user=_user(fields),
        service_tier=fields.optional_text("service_tier"),
        verbosity=verbosity,
        names={**_NAMES, "logprobs": "include" if included else "top_logprobs"},
    )
    _stream_options(fields, leftovers)
    leftovers.take(fields)
    if not leftovers.found and not leftovers.asides:
        return conversation
    return replace(conversation, unmapped=tuple(leftovers.found), asides=tuple(leftovers.asides))


def _all_tools(fields: Fields, leftovers: Leftovers) -> tuple[Tool, ...]:
    """Those of the request, and those that items of the input bring. Of two with one name the later counts."""
    tools = {tool.name: tool for tool in parse_tools(fields, leftovers)}
    given = fields.raw("input")
    for index, item in enumerate(given if isinstance(given, list) else ()):
        if isinstance(item, Mapping) and item.get("type") in _BRINGING_TOOLS:
            tools |= {tool.name: tool for tool in parse_tools(Fields(item, f"input[{index}]"), leftovers)}
    return tuple(tools.values())


def _with_effect(body: Json) -> Json:
    if not isinstance(body, Mapping):
        return body
    return {name: value for name, value in body.items() if not _without_effect(name, value)}


def _without_effect(name: str, value: Json) -> bool:
    known = _WITHOUT_EFFECT.get(name)
    if known is None:
        return False
    values, _ = known
    # The type counts too: `background: 0` equals False in Python, and is an error.
    return values is None or any(value == harmless and type(value) is type(harmless) for harmless in values)


def _refuse_stored(fields: Fields) -> None:
    for name, mend in _RESTS_ON_STORE.items():
        if fields.has(name):
            raise UnsupportedFeature(
                f"{name} rests on answers that a provider stores, and the provider of this model does not. {mend}",
                param=name,
            )


def _user(fields: Fields) -> str | None:
    """The end user. ``safety_identifier`` takes the place of ``user``, which lives on as a hint for the cache."""
    identifier, user = fields.optional_text("safety_identifier"), fields.optional_text("user")
    return user if identifier is None else identifier


def _stream_options(fields: Fields, leftovers: Leftovers) -> None:
    options = fields.object("stream_options")
    if options is not None:
        leftovers.take(options, ignoring=_STREAM_OPTIONS_WITHOUT_EFFECT)
