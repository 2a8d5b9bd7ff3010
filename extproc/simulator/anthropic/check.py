"""Anthropic's request rules: a body is refused as Anthropic would refuse it, or understood as an ``Ask``.

Source: the API reference and the types of the official SDK; the words of refusals are those that clients report.
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.anthropic.errors import extra, invalid, missing
from extproc.simulator.anthropic.messages import check_end, check_messages, check_system
from extproc.simulator.anthropic.prompt import check_marks, prompt
from extproc.simulator.mind import Ask, Tool
from extproc.simulator.wire import Refused, names

KNOWN = names(
    "cache_control container diagnostics inference_geo max_tokens messages metadata model output_config service_tier "
    "speed stop_sequences stream system temperature thinking tool_choice tools top_k top_p"
)
"""Sampling parameters are no longer in the SDK's types, but the API takes them for models that have them."""
KNOWN_BETA = names(
    "billing_policy compaction context_management fallback_credit_token fallbacks mcp_servers output_format thread"
)
"""Taken with an ``anthropic-beta`` header only."""

MIN_THINKING_BUDGET = 1024
THINKING_TOKENS = 12
"""What the pretend model spends on thinking, unless an effort says otherwise."""
_EFFORTS: Mapping[str, int] = {"low": 6, "medium": 12, "high": 24, "xhigh": 36, "max": 48}


def read(body: JsonObject, *, beta: bool, counting: bool = False) -> Ask:
    """Check a request and understand it; ``counting``: for token counting, which needs no limit. Raises ``Refused``."""
    for name in ("model", "messages") if counting else ("model", "messages", "max_tokens"):
        if body.get(name) is None:
            raise missing(name)
    if not isinstance(body["model"], str):
        raise invalid("model", "Input should be a valid string")
    for name in body:
        if name not in KNOWN and not (beta and name in KNOWN_BETA):
            raise extra(name)
    limit = _limit(body)
    _check_numbers(body)
    _check_metadata(body.get("metadata"))
    check_system(body.get("system"))
    thinking = _thinking(body, limit)
    check_messages(body.get("messages"), must_think=thinking == "enabled")
    if not counting:
        check_end(body["messages"], body["model"])
    check_marks(body)
    tools, must_call, may_call, parallel = _choice(body, _tools(body), thinking)
    user_text, input_tokens, blocks = prompt(body)
    return Ask(
        stream=body.get("stream") is True,
        user_text=user_text,
        input_tokens=input_tokens,
        tools=tools,
        must_call=must_call,
        may_call=may_call,
        parallel=parallel,
        schema=_schema(body),
        thinking_tokens=_thinking_tokens(body) if thinking in ("enabled", "adaptive") else 0,
        stop=_stop(body),
        max_tokens=limit,
        blocks=blocks,
    )


def _limit(body: JsonObject) -> int | None:
    limit = body.get("max_tokens")
    if limit is None:
        return None
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise invalid("max_tokens", "Input should be a valid integer")
    if limit < 0:
        raise invalid("max_tokens", "Input should be greater than or equal to 0")
    return limit


def _check_numbers(body: JsonObject) -> None:
    for name in ("temperature", "top_p"):
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise invalid(name, "Input should be a valid number")
        if not 0 <= value <= 1:
            raise invalid(name, "range: 0..1")
    top_k = body.get("top_k")
    if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, int)):
        raise invalid("top_k", "Input should be a valid integer")
    stream = body.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise invalid("stream", "Input should be a valid boolean")


def _check_metadata(metadata: Json) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, Mapping):
        raise invalid("metadata", "Input should be an object")
    for name in metadata:
        if name != "user_id":
            raise extra(f"metadata.{name}")


def _stop(body: JsonObject) -> tuple[str, ...]:
    stop = body.get("stop_sequences")
    if stop is None:
        return ()
    if not isinstance(stop, list) or not all(isinstance(one, str) for one in stop):
        raise invalid("stop_sequences", "Input should be a valid array of strings")
    if any(not str(one).strip() for one in stop):
        raise invalid("stop_sequences", "each stop sequence must contain non-whitespace")
    return tuple(str(one) for one in stop)


def _thinking(body: JsonObject, limit: int | None) -> str:
    """The kind of thinking asked for (``disabled`` where none is)."""
    thinking = body.get("thinking")
    match thinking:
        case None:
            return "disabled"
        case {"type": "enabled", "budget_tokens": int(budget)}:
            if budget < MIN_THINKING_BUDGET:
                raise invalid("thinking.enabled.budget_tokens", "Input should be greater than or equal to 1024")
            if limit is not None and limit <= budget:
                raise Refused("`max_tokens` must be greater than `thinking.budget_tokens`.")
        case {"type": "enabled"}:
            raise missing("thinking.enabled.budget_tokens")
        case {"type": "adaptive" | "disabled" | "between_tools"}:
            pass
        case _:
            raise invalid("thinking", "Input tag found using 'type' does not match any of the expected tags")
    kind = str(thinking["type"])
    if kind in ("enabled", "adaptive") and body.get("temperature") not in (None, 1):
        raise Refused("`temperature` may only be set to 1 when thinking is enabled.")
    return kind


def _thinking_tokens(body: JsonObject) -> int:
    config = body.get("output_config")
    effort = config.get("effort") if isinstance(config, Mapping) else None
    if effort is None:
        return THINKING_TOKENS
    if not isinstance(effort, str) or effort not in _EFFORTS:
        raise invalid("output_config.effort", "Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
    return _EFFORTS[effort]


def _tools(body: JsonObject) -> tuple[Tool, ...]:
    tools = body.get("tools")
    if tools is None:
        return ()
    if not isinstance(tools, list):
        raise invalid("tools", "Input should be a valid array")
    found: list[Tool] = []
    for index, tool in enumerate(tools):
        if not isinstance(tool, Mapping):
            raise invalid(f"tools.{index}", "Input should be an object")
        # Tools with another type are Anthropic's own (web search...): taken, but this model never uses them.
        if tool.get("type") in (None, "custom"):
            found.append(_tool(tool, f"tools.{index}.custom"))
    if len({tool.name for tool in found}) < len(found):
        raise invalid("tools", "Tool names must be unique.")
    return tuple(found)


_TOOL_FIELDS = names(
    "allowed_callers cache_control defer_loading description eager_input_streaming input_examples input_schema name "
    "strict type"
)


def _tool(tool: JsonObject, path: str) -> Tool:
    for name in tool:
        if name not in _TOOL_FIELDS:
            raise extra(f"{path}.{name}")
    name, schema = tool.get("name"), tool.get("input_schema")
    if not isinstance(name, str):
        raise missing(f"{path}.name")
    if not name or len(name) > 128 or not name.isascii() or not name.replace("_", "").replace("-", "").isalnum():
        raise invalid(f"{path}.name", "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")
    if not isinstance(schema, Mapping):
        raise missing(f"{path}.input_schema")
    if "type" not in schema:
        raise missing(f"{path}.input_schema.type")
    if schema["type"] != "object":
        raise invalid(f"{path}.input_schema.type", "Input should be 'object'")
    return Tool(name, schema)


def _choice(body: JsonObject, tools: tuple[Tool, ...], thinking: str) -> tuple[tuple[Tool, ...], bool, bool, bool]:
    """The tools that the choice leaves; whether one must be called, whether one may be; whether several may."""
    choice = body.get("tool_choice")
    if choice is None:
        return tools, False, True, True
    if not isinstance(choice, Mapping) or choice.get("type") not in ("auto", "any", "tool", "none"):
        raise invalid("tool_choice", "Input tag found using 'type' does not match any of the expected tags")
    kind, name = choice["type"], choice.get("name")
    parallel = choice.get("disable_parallel_tool_use") is not True
    for field in choice:
        if field not in ("type", "name", "disable_parallel_tool_use"):
            raise extra(f"tool_choice.{kind}.{field}")
    if not body.get("tools"):
        raise invalid("tool_choice", "may only be specified while providing tools")
    if kind in ("any", "tool") and thinking in ("enabled", "adaptive"):
        raise Refused("Thinking may not be enabled when tool_choice forces tool use.")
    if kind != "tool":
        return tools, kind == "any", kind != "none", parallel
    if not isinstance(name, str):
        raise missing("tool_choice.tool.name")
    named = tuple(tool for tool in tools if tool.name == name)
    if not named:
        raise Refused(f"tool_choice.tool: Tool '{name}' not found in provided tools")
    return named, True, True, parallel


def _schema(body: JsonObject) -> JsonObject | None:
    config = body.get("output_config")
    if config is not None and not isinstance(config, Mapping):
        raise invalid("output_config", "Input should be an object")
    form = config.get("format") if isinstance(config, Mapping) else None
    path = "output_config.format"
    if form is None:
        form, path = body.get("output_format"), "output_format"
    if form is None:
        return None
    if not isinstance(form, Mapping) or form.get("type") != "json_schema":
        raise invalid(f"{path}.type", "Input should be 'json_schema'")
    for name in form:
        if name not in ("type", "schema"):
            raise extra(f"{path}.{name}")
    schema = form.get("schema")
    if not isinstance(schema, Mapping):
        raise missing(f"{path}.schema")
    _check_closed(schema, f"{path}.schema")
    return schema


def _check_closed(schema: Json, path: str) -> None:
    """Source: https://platform.claude.com/docs/en/build-with-claude/structured-outputs (JSON Schema limitations)."""
    if isinstance(schema, list):
        for item in schema:
            _check_closed(item, path)
    if not isinstance(schema, Mapping):
        return
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        raise invalid(path, "For 'object' type, 'additionalProperties' must be explicitly set to false")
    for value in schema.values():
        _check_closed(value, path)
