"""The request's fields beside the input: tools, output format, reasoning, what to include."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from extproc.dialects.openai_responses.custom_tools import parse_custom_tool
from extproc.dialects.openai_responses.namespaces import joined
from extproc.dialects.openai_responses.parse_parts import Leftovers
from extproc.dialects.openai_responses.tool_search import NAME
from extproc.domain.conversation import OutputFormat, Reasoning, Tool, ToolChoice
from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Fields, Json, JsonObject

_TOOL_CHOICES: Mapping[str, ToolChoice] = {
    "auto": ToolChoice("auto"),
    "none": ToolChoice("none"),
    "required": ToolChoice("required"),
}

_LOGPROBS = "message.output_text.logprobs"
_INCLUDED = frozenset(
    {
        "reasoning.encrypted_content",  # always there
        # Details of tools that OpenAI runs: without the tool, which is refused by name, there are none.
        "file_search_call.results",
        "web_search_call.results",
        "web_search_call.action.sources",
        "code_interpreter_call.outputs",
        "computer_call_output.output.image_url",
        "message.input_image.image_url",  # of stored input, when it is read back
    }
)
"""Values of ``include`` that change nothing here."""

_CALLED_BY_CLIENTS = frozenset({"function", "custom"})
"""Kinds of tools that clients run."""

_IDLE_OF_TOOLS: Mapping[str, Json] = {"allowed_callers": ["direct"], "async": False}
"""Fields of a function with the value that asks for nothing but what happens anyway."""

_IDLE_OF_REASONING: Mapping[str, Json] = {"mode": "standard"}
_IGNORED_OF_REASONING = ("context",)
"""Which of its own earlier reasoning OpenAI shows its models again: with others there is none."""


def parse_tools(fields: Fields, leftovers: Leftovers) -> Iterator[Tool]:
    """Functions and custom tools, on their own or in namespaces.

    All other kinds are run by OpenAI, or known to its models by heart, and are left over.

    Without ``strict`` OpenAI is strict where the schema allows it, and does its best where not. A provider that is not
    asked does its best, too; asking would be refused by those who have no strict mode, over a word nobody wrote.
    """
    for index, item in enumerate(fields.items("tools") or ()):
        path = f"{fields.path('tools')}[{index}]"
        tool = Fields(item, path)
        kind = tool.text("type")
        if kind in _CALLED_BY_CLIENTS:
            yield _client_tool(tool, kind, leftovers)
        elif kind == "namespace":
            yield from _namespace(tool, leftovers)
        elif kind == "tool_search" and tool.optional_text("execution") == "client":
            yield Tool(NAME, tool.optional_text("description"), json_object(tool, "parameters"))
            leftovers.take(tool)
        elif _is_aside(kind, tool):
            leftovers.asides.append(path)
        else:
            leftovers.add(path, item)


def _client_tool(tool: Fields, kind: str, leftovers: Leftovers) -> Tool:
    """A tool that is to be found by a search first is there from the beginning: the prompt is longer, nothing else."""
    if kind == "custom":
        found = parse_custom_tool(tool, leftovers)
    else:
        found = Tool(
            name=tool.text("name"),
            description=tool.optional_text("description"),
            parameters=json_object(tool, "parameters"),
            strict=tool.boolean("strict"),
        )
    if tool.boolean("defer_loading"):
        leftovers.asides.append(tool.path("defer_loading"))
    leftovers.take(tool, idle=_IDLE_OF_TOOLS)
    return found


def _namespace(fields: Fields, leftovers: Leftovers) -> Iterator[Tool]:
    """Its tools. What it says of all of them stands before what the first says of itself."""
    name, said = fields.text("name"), fields.optional_text("description")
    for index, item in enumerate(fields.items("tools") or ()):
        tool = Fields(item, f"{fields.path('tools')}[{index}]")
        kind = tool.text("type")
        if kind not in _CALLED_BY_CLIENTS:
            leftovers.add(tool.path("").removesuffix("."), item)
            continue
        found = _client_tool(tool, kind, leftovers)
        if said:
            about = f"{name}: {said}"
            found = replace(found, description=f"{about}\n\n{found.description}" if found.description else about)
            said = None
        yield replace(found, name=joined(name, found.name))
    leftovers.take(fields)


def _is_aside(kind: str, tool: Fields) -> bool:
    """Whether a tool that OpenAI runs can be left out: what it finds is there without it, or only OpenAI has it.

    Codex offers the search of OpenAI's own index, without access to the web, unless it is told not to.
    """
    return kind == "tool_search" or (kind.startswith("web_search") and tool.boolean("external_web_access") is False)


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
    if kind in _CALLED_BY_CLIENTS:
        named = ToolChoice("named", choice.text("name"))
        leftovers.take(choice)
        return named, tools
    if kind == "allowed_tools":
        return _allowed_tools(choice, tools, leftovers)
    leftovers.add("tool_choice", value)
    return None, tools


def _allowed_tools(
    choice: Fields, tools: tuple[Tool, ...], leftovers: Leftovers
) -> tuple[ToolChoice, tuple[Tool, ...]]:
    """The subset as the tools that there are: the same calls are possible, only a cached prompt is told apart."""
    mode = choice.text("mode")
    if mode not in {"auto", "required"}:
        path = choice.path("mode")
        raise InvalidRequest(f"{path} must be auto or required", param=path)
    by_name = {tool.name: tool for tool in tools}
    allowed: dict[str, Tool] = {}
    for index, item in enumerate(choice.items("tools") or ()):
        path = f"{choice.path('tools')}[{index}]"
        entry = Fields(item, path)
        if entry.text("type") not in _CALLED_BY_CLIENTS:
            leftovers.add(path, item)
            continue
        name = entry.text("name")
        if name not in by_name:
            raise InvalidRequest(f"{path}.name is not one of the tools", param=f"{path}.name")
        allowed[name] = by_name[name]
        leftovers.take(entry)
    leftovers.take(choice)
    return _TOOL_CHOICES[mode], tuple(allowed.values())


def parse_text(fields: Fields, leftovers: Leftovers) -> tuple[OutputFormat | None, str | None]:
    """``text``: the output format and the verbosity."""
    text = fields.object("text")
    if text is None:
        return None, None
    output_format = _output_format(text, leftovers)
    verbosity = text.optional_text("verbosity")
    leftovers.take(text)
    # The default is what other vendors do anyway.
    return output_format, None if verbosity == "medium" else verbosity


def _output_format(text: Fields, leftovers: Leftovers) -> OutputFormat | None:
    wanted = text.object("format")
    if wanted is None:
        return None
    parsed = None
    match wanted.text("type"):
        case "text":
            pass
        case "json_object":
            parsed = OutputFormat("json")
        case "json_schema":
            schema = json_object(wanted, "schema")
            if schema is None:
                raise wanted.wrong("schema", None, "a JSON object")
            parsed = OutputFormat(
                "json_schema",
                name=wanted.text("name"),
                schema=schema,
                strict=wanted.boolean("strict"),
                description=wanted.optional_text("description"),
            )
        case _:
            leftovers.add(text.path("format"), text.raw("format"))
            return None
    leftovers.take(wanted)
    return parsed


def parse_reasoning(fields: Fields, leftovers: Leftovers) -> Reasoning | None:
    """``reasoning``. A summary is asked of others as visible thinking; how long it shall be, only OpenAI knows."""
    reasoning = fields.object("reasoning")
    if reasoning is None:
        return None
    effort = reasoning.optional_text("effort")
    older, summary = reasoning.optional_text("generate_summary"), reasoning.optional_text("summary")
    leftovers.take(reasoning, ignoring=_IGNORED_OF_REASONING, idle=_IDLE_OF_REASONING)
    shown = "summarized" if summary or older else None
    if effort is None and shown is None:
        return None
    return Reasoning(enabled=effort != "none", effort=effort, display=shown)


def parse_include(fields: Fields, leftovers: Leftovers) -> bool:
    """Whether ``include`` asks for log probabilities."""
    logprobs = False
    for index, item in enumerate(fields.items("include") or ()):
        if not isinstance(item, str):
            raise fields.wrong(f"include[{index}]", item, "a string")
        if item == _LOGPROBS:
            logprobs = True
        elif item not in _INCLUDED:
            leftovers.add(f"include[{index}]", item)
    return logprobs


def json_object(fields: Fields, name: str) -> JsonObject | None:
    """A nested object that is carried as it is."""
    value = fields.raw(name)
    if value is None or isinstance(value, Mapping):
        return value
    raise fields.wrong(name, value, "a JSON object")
