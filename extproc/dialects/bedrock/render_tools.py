"""Tools → ``toolConfig``, and what of a tool choice only Claude has a word for.

Source: ``ToolConfiguration`` of the service model. Converse has no word for *no tool* and none for *one call at a time*.
Claude has both, in Anthropic's ``tool_choice``, which goes into ``additionalModelRequestFields``; Converse refuses a
request with both spellings, so then ``toolConfig.toolChoice`` is left out.
"""

from dataclasses import field
from typing import Literal

from extproc.dialects.bedrock.render_blocks import Rendering, cache_points
from extproc.dialects.closed_schema import closed_schema
from extproc.dialects.losses import NO_FORCED_TOOL
from extproc.dialects.turns import Block
from extproc.domain.conversation import Conversation, Tool, ToolCall, ToolChoice, ToolResult
from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass

_AUTO = ToolChoice("auto")
_GONE = "This tool is not available any more: do not call it."


@valueclass
class ToolFields:
    """``toolConfig`` (empty: none) and members of ``additionalModelRequestFields``."""

    config: Block = field(default_factory=dict[str, Json])
    additional: Block = field(default_factory=dict[str, Json])


def render_tools(conversation: Conversation, to: Rendering) -> ToolFields:
    """The tools of the request.

    Without a choice there is no sense in tools, but a history with calls is refused without a ``toolConfig``. Then Claude is
    told ``none``; of other models nobody can be sure.
    """
    choice = conversation.tool_choice or _AUTO
    tools = conversation.tools
    history = _history(conversation)
    if not tools:
        if not history:
            return ToolFields()
        tools = tuple(Tool(name, _GONE) for name in history)
        config: Block = {"tools": _tools(tools, to)}
        return ToolFields(config, {"tool_choice": {"type": "none"}} if to.family.is_claude else {})
    if choice.mode == "none":
        return _no_tool(tools, to) if history else ToolFields()
    mode = _mode(choice, to)
    single = conversation.parallel_tool_calls is False
    config = {"tools": _tools(tools, to)}
    if single and to.family.is_claude:
        return ToolFields(config, {"tool_choice": _claude_choice(mode, choice.name)})
    additional: Block = {}
    if single and to.family.name == "gpt-oss":
        additional["parallel_tool_calls"] = False
    elif single:
        to.losses.refuse("parallel_tool_calls", "this model cannot be held to one call at a time")
    if mode == "required":
        config["toolChoice"] = {"any": {}}
    elif mode == "named":
        config["toolChoice"] = {"tool": {"name": choice.name}}
    elif conversation.tool_choice is not None:
        config["toolChoice"] = {"auto": {}}
    return ToolFields(config, additional)


def _history(conversation: Conversation) -> list[str]:
    """Names of the tools that the history calls; a result without its call counts too."""
    names: dict[str, None] = {}
    results = False
    for message in conversation.messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                names[part.name] = None
            results = results or isinstance(part, ToolResult)
    return list(names) or (["tool"] if results else [])


def _no_tool(tools: tuple[Tool, ...], to: Rendering) -> ToolFields:
    config: Block = {"tools": _tools(tools, to)}
    if to.family.is_claude:
        return ToolFields(config, {"tool_choice": {"type": "none"}})
    to.losses.refuse("tool_choice", "this model cannot be kept from calling the tools that its history needs")
    return ToolFields(config)


def _mode(choice: ToolChoice, to: Rendering) -> Literal["auto", "none", "required", "named"]:
    """The mode that the model takes."""
    forced = choice.mode in {"required", "named"}
    if (forced and not to.family.claude.forced_tools) or (choice.mode == "named" and not to.family.named_tool):
        to.losses.refuse("tool_choice", NO_FORCED_TOOL)
        return "auto"
    return choice.mode


def _claude_choice(mode: str, name: str | None) -> JsonObject:
    choice: Block = {"type": "any" if mode == "required" else "tool" if mode == "named" else "auto"}
    if mode == "named":
        choice["name"] = name
    return choice | {"disable_parallel_tool_use": True}


def _tools(tools: tuple[Tool, ...], to: Rendering) -> list[Json]:
    rendered: list[Json] = []
    for at, tool in enumerate(tools):
        rendered.append({"toolSpec": _spec(tool)})
        rendered += cache_points(tool.cache, f"tools[{at}]", to, tools=True)
    return rendered


def _spec(tool: Tool) -> JsonObject:
    schema: JsonObject = tool.parameters if tool.parameters is not None else {"properties": {}}
    if "type" not in schema:
        schema = {"type": "object", **schema}
    spec: Block = {"name": tool.name}
    if tool.description:
        spec["description"] = tool.description
    spec["inputSchema"] = {"json": closed_schema(schema) if tool.strict else schema}
    if tool.strict:
        spec["strict"] = True
    return spec
