"""The request rules of Responses: a body is refused as OpenAI would refuse it, or understood as an ``Ask``.

Source: https://platform.openai.com/docs/api-reference/responses/create and the types of the official SDK.
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.mind import Ask
from extproc.simulator.openai.errors import missing, wrong_type, wrong_value
from extproc.simulator.openai.models import check_sampling
from extproc.simulator.openai.rules import (
    Span,
    check_choices,
    check_flags,
    check_numbers,
    check_texts,
    effort_tokens,
    required_text,
    unknown_parameter,
)
from extproc.simulator.openai.schemas import check_strict
from extproc.simulator.openai_responses.items import check_items, check_sequence, normalized
from extproc.simulator.openai_responses.prompt import read_prompt
from extproc.simulator.openai_responses.tools import toolbox
from extproc.simulator.tokens import kind_of
from extproc.simulator.wire import Refused, names

KNOWN = names(
    "access_programs background background_options context_management conversation image include input instructions "
    "max_output_tokens max_tool_calls metadata model moderation parallel_tool_calls previous_response_id prompt "
    "prompt_cache_key prompt_cache_options prompt_cache_retention reasoning safety_identifier service_tier store stream "
    "stream_options temperature text tool_choice tools top_logprobs top_p truncation user"
)
COUNTED = names(
    "conversation input instructions model parallel_tool_calls personality previous_response_id reasoning text "
    "tool_choice tools truncation"
)
"""Fields of the endpoint that only counts."""
INCLUDABLE = (
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
)

_MOVED: Mapping[str, str] = {
    "messages": "input",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
}
"""What Chat Completions calls these fields."""
_SPANS: Mapping[str, Span] = {
    "temperature": Span(0, 2),
    "top_p": Span(0, 1),
    "top_logprobs": Span(0, 20, whole=True),
    "max_output_tokens": Span(16, whole=True),
    "max_tool_calls": Span(1, whole=True),
}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "truncation": ("auto", "disabled"),
    "service_tier": ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast"),
    "prompt_cache_retention": ("in_memory", "24h"),
}
_SUMMARIES = ("auto", "concise", "detailed")
_REASONING = names("context effort generate_summary mode summary")


def read(body: JsonObject, model: str) -> Ask:
    """Check a request and understand it. Earlier responses and references have become input. Raises ``Refused``."""
    _check_fields(body, KNOWN)
    required_text(body, "model")
    _check_storage(body)
    ask = _understand(body)
    reasoning = body.get("reasoning")
    check_sampling(body, model, reasoning.get("effort") if isinstance(reasoning, Mapping) else None)
    return ask


def count(body: JsonObject) -> int:
    """The tokens of the input. Raises ``Refused``."""
    _check_fields(body, COUNTED)
    return _understand(body).input_tokens


def _understand(body: JsonObject) -> Ask:
    given = body.get("input")
    if given is None:
        raise Refused(
            "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided.",
            param="input",
            code="missing_required_parameter",
        )
    check_items(given)
    items = normalized(given)
    check_sequence(items)
    box = toolbox(body)
    prompt = read_prompt(body, items)
    limit = body.get("max_output_tokens")
    return Ask(
        stream=body.get("stream") is True,
        user_text=prompt.user_text,
        input_tokens=prompt.tokens,
        most_input=prompt.most,
        tools=box.tools,
        must_call=box.must_call,
        may_call=box.may_call,
        parallel=body.get("parallel_tool_calls") is not False,
        schema=_schema(body, given),
        thinking_tokens=_thinking(body),
        max_tokens=limit if isinstance(limit, int) else None,
        blocks=prompt.blocks,
    )


def _check_fields(body: JsonObject, known: frozenset[str]) -> None:
    for name in body:
        if name in _MOVED and name not in known:
            raise Refused(
                f"Unsupported parameter: '{name}'. In the Responses API, this parameter has moved to "
                f"'{_MOVED[name]}'. Try again with the new parameter.",
                param=name,
                code="unsupported_parameter",
            )
        if name not in known:
            raise unknown_parameter(name)
    check_numbers(body, _SPANS)
    check_flags(body, "stream", "store", "background", "parallel_tool_calls")
    check_texts(body, "instructions", "previous_response_id", "user", "prompt_cache_key", "safety_identifier")
    check_choices(body, _CHOICES)
    _check_include(body.get("include"))
    _check_metadata(body.get("metadata"))


def _check_storage(body: JsonObject) -> None:
    if body.get("background") is True and body.get("store") is False:
        raise Refused("Background mode requires 'store' to be true.", param="background")
    if body.get("stream_options") is not None and body.get("stream") is not True:
        raise Refused(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    for name in ("conversation", "prompt"):
        value = body.get(name)
        if value is not None:
            identity = value.get("id") if isinstance(value, Mapping) else value
            raise Refused(f"{name.title()} with id '{identity}' not found.", status=404, param=name)


def _check_include(include: Json) -> None:
    if include is None:
        return
    if not isinstance(include, list):
        raise wrong_type("include", "an array of strings", kind_of(include))
    for at, one in enumerate(include):
        if not isinstance(one, str) or one not in INCLUDABLE:
            raise wrong_value(f"include[{at}]", one, INCLUDABLE)


def _check_metadata(metadata: Json) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, Mapping):
        raise wrong_type("metadata", "an object", kind_of(metadata))
    if len(metadata) > 16:
        raise Refused(
            f"Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got "
            f"{len(metadata)} properties instead.",
            param="metadata",
            code="object_above_max_properties",
        )
    for name, value in metadata.items():
        if not isinstance(value, str):
            raise wrong_type(f"metadata.{name}", "a string", kind_of(value))


def _thinking(body: JsonObject) -> int:
    reasoning = body.get("reasoning")
    if reasoning is None:
        return 0
    if not isinstance(reasoning, Mapping):
        raise wrong_type("reasoning", "an object", kind_of(reasoning))
    for name in reasoning:
        if name not in _REASONING:
            raise unknown_parameter(f"reasoning.{name}")
    for name in ("summary", "generate_summary"):
        value = reasoning.get(name)
        if value is not None and value not in _SUMMARIES:
            raise wrong_value(f"reasoning.{name}", value, _SUMMARIES)
    return effort_tokens(reasoning.get("effort"), "reasoning.effort")


def _schema(body: JsonObject, given: Json) -> JsonObject | None:
    text = body.get("text")
    if text is None:
        return None
    if not isinstance(text, Mapping):
        raise wrong_type("text", "an object", kind_of(text))
    for name in text:
        if name not in {"format", "verbosity"}:
            raise unknown_parameter(f"text.{name}")
    verbosity = text.get("verbosity")
    if verbosity is not None and verbosity not in ("low", "medium", "high"):
        raise wrong_value("text.verbosity", verbosity, ("low", "medium", "high"))
    match text.get("format"):
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            if "json" not in f"{given}{body.get('instructions')}".lower():
                raise Refused(
                    "Response input messages must contain the word 'json' in some form to use 'text.format' of type "
                    "'json_object'.",
                    param="input",
                )
            return {}
        case {"type": "json_schema", **form}:
            return _json_schema(form)
        case form:
            kind = form.get("type") if isinstance(form, Mapping) else form
            raise wrong_value("text.format.type", kind, ("json_object", "json_schema", "text"))


def _json_schema(form: JsonObject) -> JsonObject:
    name, schema = form.get("name"), form.get("schema")
    if not isinstance(name, str):
        raise missing("text.format.name")
    if not isinstance(schema, Mapping):
        raise missing("text.format.schema")
    for field in form:
        if field not in {"name", "schema", "description", "strict"}:
            raise unknown_parameter(f"text.format.{field}")
    if form.get("strict") is True:
        check_strict(schema, f"response_format '{name}'", "text.format.schema", "invalid_json_schema")
    return schema
