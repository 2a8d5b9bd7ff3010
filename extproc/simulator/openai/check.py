"""OpenAI's request rules: a body is refused as OpenAI would refuse it, or understood as an ``Ask``.

Source: the API reference and the types of the official SDK; the words of refusals are those that clients report.
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.mind import Ask, Tool
from extproc.simulator.openai.errors import missing, wrong_type, wrong_value
from extproc.simulator.openai.messages import check_messages, prompt
from extproc.simulator.openai.models import check_chat, check_sampling, reasoner
from extproc.simulator.openai.rules import (
    Span,
    check_flags,
    check_numbers,
    effort_tokens,
    function_name,
    function_schema,
    refuse_unknown,
    stop_sequences,
)
from extproc.simulator.openai.schemas import check_strict
from extproc.simulator.tokens import kind_of
from extproc.simulator.wire import Refused, names

KNOWN = names(
    "audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages "
    "metadata modalities model moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key "
    "prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier "
    "stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity "
    "web_search_options"
)

_RANGES: Mapping[str, Span] = {
    "temperature": Span(0, 2),
    "top_p": Span(0, 1),
    "frequency_penalty": Span(-2, 2),
    "presence_penalty": Span(-2, 2),
    "n": Span(1, 128, whole=True),
    "top_logprobs": Span(0, 20, whole=True),
    "max_tokens": Span(1, whole=True),
    "max_completion_tokens": Span(1, whole=True),
}


def read(body: JsonObject, model: str) -> Ask:
    """Check a request and understand it. Raises ``Refused``."""
    if not model:
        raise Refused("you must provide a model parameter")
    refuse_unknown(body, KNOWN)
    check_messages(body.get("messages"))
    check_numbers(body, _RANGES)
    limit = _limit(body, model)
    _check_stream(body)
    tools = _tools(body)
    tools, must_call, may_call = _choice(body, tools)
    effort = body.get("reasoning_effort")
    thinking = effort_tokens(effort, "reasoning_effort")
    listed = body.get("tools")
    check_chat(listed if isinstance(listed, list) else (), model, effort)
    check_sampling(body, model, effort)
    user_text, input_tokens, blocks = prompt(body)
    choices = body.get("n")
    return Ask(
        stream=body.get("stream") is True,
        user_text=user_text,
        input_tokens=input_tokens,
        tools=tools,
        must_call=must_call,
        may_call=may_call,
        parallel=body.get("parallel_tool_calls") is not False,
        schema=_schema(body),
        thinking_tokens=thinking,
        stop=stop_sequences(body),
        max_tokens=limit,
        choices=choices if isinstance(choices, int) else 1,
        blocks=blocks,
    )


def _limit(body: JsonObject, model: str) -> int | None:
    old, new = body.get("max_tokens"), body.get("max_completion_tokens")
    if old is not None and new is not None:
        raise Refused(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            code="invalid_parameter_combination",
        )
    if old is not None and reasoner(model):  # https://platform.openai.com/docs/guides/reasoning
        raise Refused(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            param="max_tokens",
            code="unsupported_parameter",
        )
    limit = old if new is None else new
    return limit if isinstance(limit, int) else None


def _check_stream(body: JsonObject) -> None:
    check_flags(body, "stream")
    if body.get("stream_options") is not None and body.get("stream") is not True:
        raise Refused(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    if body.get("top_logprobs") is not None and body.get("logprobs") is not True:
        raise Refused("'top_logprobs' is only allowed when 'logprobs' is enabled.", param="top_logprobs")


def _tools(body: JsonObject) -> tuple[Tool, ...]:
    tools = body.get("tools")
    if tools is None:
        return ()
    if not isinstance(tools, list):
        raise wrong_type("tools", "an array of objects", kind_of(tools))
    if not tools:
        raise Refused(
            "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            param="tools",
            code="empty_array",
        )
    found = (_tool(tool, f"tools[{index}]") for index, tool in enumerate(tools))
    return tuple(tool for tool in found if tool is not None)


def _tool(tool: Json, path: str) -> Tool | None:
    """None for a custom tool, which this model takes but never calls."""
    if not isinstance(tool, Mapping):
        raise wrong_type(path, "an object", kind_of(tool))
    kind, function = tool.get("type"), tool.get("function")
    if kind == "custom":
        return None
    if kind != "function":
        raise wrong_value(f"{path}.type", kind, ("function", "custom"))
    if not isinstance(function, Mapping):
        raise missing(f"{path}.function")
    name = function_name(function.get("name"), f"{path}.function.name")
    schema = function_schema(name, function.get("parameters"), f"{path}.function.parameters")
    if function.get("strict") is True:
        check_strict(schema, f"function '{name}'", f"{path}.function.parameters", "invalid_function_parameters")
    return Tool(name, schema)


def _choice(body: JsonObject, tools: tuple[Tool, ...]) -> tuple[tuple[Tool, ...], bool, bool]:
    """The tools that the choice leaves, whether one must be called, whether one may be."""
    choice = body.get("tool_choice")
    if choice is None:
        return tools, False, True
    if not tools:
        raise Refused(
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
            param="tool_choice",
        )
    match choice:
        case "auto" | "none" | "required":
            return tools, choice == "required", choice != "none"
        case {"type": "function", "function": {"name": str(name)}}:
            return _only(tools, (name,)), True, True
        case {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": list(allowed)}}:
            return _only(tools, _names(allowed)), mode == "required", True
        case _:
            raise wrong_value("tool_choice", choice, ("none", "auto", "required"))


def _names(allowed: list[Json]) -> tuple[str, ...]:
    functions = [one.get("function") for one in allowed if isinstance(one, Mapping)]
    return tuple(str(function.get("name")) for function in functions if isinstance(function, Mapping))


def _only(tools: tuple[Tool, ...], names: tuple[str, ...]) -> tuple[Tool, ...]:
    found = tuple(tool for tool in tools if tool.name in names)
    if len(found) < len(names):
        raise Refused(
            "Invalid value for 'tool_choice': the function is not in 'tools'.",
            param="tool_choice",
            code="invalid_value",
        )
    return found


def _schema(body: JsonObject) -> JsonObject | None:
    form = body.get("response_format")
    match form:
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            if "json" not in str(body.get("messages")).lower():
                raise Refused(
                    "'messages' must contain the word 'json' in some form, to use 'response_format' of type "
                    "'json_object'.",
                    param="messages",
                )
            return {}
        case {"type": "json_schema", "json_schema": {"name": str(name), **rest}}:
            schema = rest.get("schema")
            if not isinstance(schema, Mapping):
                raise missing("response_format.json_schema.schema")
            if rest.get("strict") is True:
                check_strict(schema, f"response_format '{name}'", "response_format", None)
            return schema
        case {"type": "json_schema", "json_schema": _}:
            raise missing("response_format.json_schema.name")
        case {"type": "json_schema"}:
            raise missing("response_format.json_schema")
        case _:
            raise wrong_value("response_format.type", form, ("text", "json_object", "json_schema"))
