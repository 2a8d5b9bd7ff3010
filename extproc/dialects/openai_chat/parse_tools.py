"""``tools`` and ``tool_choice`` → neutral tools and what may be called of them. Used by ``parse``."""

from collections.abc import Iterator, Mapping

from extproc.dialects.openai_chat.parse_parts import Leftovers, cache_mark
from extproc.domain.conversation import Tool, ToolChoice
from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Fields, JsonObject


def parse_tools(fields: Fields, leftovers: Leftovers) -> Iterator[Tool]:
    """Functions; all other kinds are left over, for no other dialect has them. Raises ``InvalidRequest``."""
    for index, item in enumerate(fields.items("tools") or ()):
        path = f"{fields.path('tools')}[{index}]"
        tool = Fields(item, path)
        if tool.optional_text("type") not in {None, "function"}:
            leftovers.add(path, item)
            continue
        function = _function(tool)
        # LiteLLM documents the mark beside the function, Envoy AI Gateway within it.
        cache = cache_mark(tool, leftovers) or cache_mark(function, leftovers)
        yield Tool(
            name=function.text("name"),
            description=function.optional_text("description"),
            parameters=json_object(function, "parameters"),
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


def parse_tool_choice(
    fields: Fields, tools: tuple[Tool, ...], leftovers: Leftovers
) -> tuple[ToolChoice | None, tuple[Tool, ...]]:
    """The choice, and the tools that are left to choose from (``allowed_tools``). Raises ``InvalidRequest``."""
    value = fields.raw("tool_choice")
    if value is None:
        return None, tools
    if isinstance(value, str):
        if (known := _TOOL_CHOICES.get(value)) is not None:
            return known, tools
        raise InvalidRequest("tool_choice must be auto, none, required or an object", param="tool_choice")
    choice = Fields(value, "tool_choice")
    kind = choice.text("type")
    if kind == "allowed_tools":
        return _allowed_tools(choice, tools, leftovers)
    if kind != "function":
        leftovers.add("tool_choice", value)  # `custom`
        return None, tools
    function = _function(choice)
    named = ToolChoice("named", function.text("name"))
    leftovers.take(function)
    leftovers.take(choice)
    return named, tools


def _allowed_tools(
    choice: Fields, tools: tuple[Tool, ...], leftovers: Leftovers
) -> tuple[ToolChoice, tuple[Tool, ...]]:
    """The subset as the tools that there are: the same calls are possible, only a cached prompt is told apart."""
    allowed = choice.object("allowed_tools")
    if allowed is None:
        raise choice.wrong("allowed_tools", None, "a JSON object")
    mode = allowed.text("mode")
    if mode not in {"auto", "required"}:
        path = allowed.path("mode")
        raise InvalidRequest(f"{path} must be auto or required", param=path)
    by_name = {tool.name: tool for tool in tools}
    left: dict[str, Tool] = {}
    for index, item in enumerate(allowed.items("tools") or ()):
        path = f"{allowed.path('tools')}[{index}]"
        entry = Fields(item, path)
        if entry.text("type") != "function":
            leftovers.add(path, item)
            continue
        name = _function(entry).text("name")
        if name not in by_name:
            raise InvalidRequest(f"{path}.function.name is not one of the tools", param=f"{path}.function.name")
        left[name] = by_name[name]
        leftovers.take(entry)
    leftovers.take(allowed)
    leftovers.take(choice)
    return _TOOL_CHOICES[mode], tuple(left.values())


def _function(fields: Fields) -> Fields:
    function = fields.object("function")
    if function is None:
        raise fields.wrong("function", None, "a JSON object")
    return function


def json_object(fields: Fields, name: str) -> JsonObject | None:
    """A nested object that is carried as it is."""
    value = fields.raw(name)
    if value is None or isinstance(value, Mapping):
        return value
    raise fields.wrong(name, value, "a JSON object")
