"""Tools of OpenAI's Responses and of Gemini: which of them the vendor runs, and what bounds that. Tables.

OpenAI takes one limit, ``max_tool_calls``, for all of its tools together; Gemini takes none. ``servertools`` has
Anthropic's. Sources: openai.types.responses.ToolParam, google.genai.types.Tool,
https://developers.openai.com/api/docs/pricing#built-in-tools.
"""

from collections.abc import Iterator, Mapping, Sequence

from extproc.accounting.servertools import PLAIN, ToolBound
from extproc.accounting.tally import Tally
from extproc.domain.errors import UnboundedCost
from extproc.domain.reading import Json, JsonObject

DEFINING = frozenset({"additional_tools", "tool_search_output"})
"""Items of ``input`` that bring tools."""

_TOOL_TOKENS = PLAIN.tokens
_DEFINITIONS: Mapping[str, int] = {
    "function": _TOOL_TOKENS,
    "custom": _TOOL_TOKENS,
    "namespace": _TOOL_TOKENS,
    "apply_patch": 2_048,
    "local_shell": 1_024,
    "shell": 1_024,
    "tool_search": 1_024,
    "computer": 4_096,
    "computer_use_preview": 4_096,
}
"""Tools that the client runs, and tokens of their definitions, which OpenAI does not publish: a multiple of Anthropic's."""

_AT_THE_CLIENTS: Mapping[str, tuple[str, str, str]] = {
    "shell": ("environment", "local", "runs in a container at a fee"),
    "tool_search": ("execution", "client", "may search any number of times"),
}
"""Tools that run at the vendor's unless a member says otherwise: the member (or its ``type``), its value, and why."""

_FEES: Mapping[str, tuple[bool, bool]] = {
    "web_search": (True, False),
    "web_search_2025_08_26": (True, False),
    "web_search_preview": (True, False),
    "web_search_preview_2025_03_11": (True, False),
    "file_search": (False, True),
    "mcp": (False, False),
}
"""Tools that the vendor runs and ``max_tool_calls`` bounds: whether a call is a web search, or a file search, with a fee.

Those that are not listed have fees that no usage report counts: containers, generated images.
"""

_GEMINI_CLIENT: Mapping[str, int] = {
    "functionDeclarations": _TOOL_TOKENS,
    "function_declarations": _TOOL_TOKENS,
    "computerUse": 16_384,
    "computer_use": 16_384,
}
"""Members of a tool of Gemini's that the client runs, and the tokens of each of its definitions."""


def hosted_tools(tools: Sequence[tuple[str, Json]], calls: Json, tally: Tally) -> None:
    """All tools of a Responses request with their paths; ``calls``: its ``max_tool_calls``.

    Raises ``UnboundedCost`` naming the tool and the mend.
    """
    limit = calls if isinstance(calls, int) and not isinstance(calls, bool) and calls >= 0 else None
    first, web, files = None, False, False
    for path, tool in _all(tools):
        tally.framing += _definition(tool, path)
        kind = tool.get("type") if isinstance(tool, dict) else None
        fees = _FEES.get(kind) if isinstance(kind, str) else None
        if fees is not None:
            first = first or path
            web, files = web or fees[0], files or fees[1]
            if limit is None:
                raise _refusal(path, kind, "may be used any number of times, each at a cost. Give max_tool_calls")
    if first is not None and limit:
        # One attempt more than there are calls is answered with no, which is a round as well.
        tally.tool(ToolBound(0, limit + 1, limit if web else 0, limit if files else 0), first)


def _all(tools: Sequence[tuple[str, Json]]) -> Iterator[tuple[str, Json]]:
    """These tools and those in namespaces, at any depth."""
    waiting = list(reversed(tools))
    while waiting:
        path, tool = waiting.pop()
        yield path, tool
        inner = tool.get("tools") if isinstance(tool, dict) and tool.get("type") == "namespace" else None
        if isinstance(inner, list):
            waiting += reversed([(f"{path}.tools[{at}]", one) for at, one in enumerate(inner)])


def _definition(tool: Json, path: str) -> int:
    """Tokens of the definition of a tool beyond its own JSON."""
    if not isinstance(tool, dict):
        return _TOOL_TOKENS  # the vendor refuses it
    kind = tool.get("type")
    if not isinstance(kind, str) or kind in _FEES:
        return _TOOL_TOKENS
    tokens = _DEFINITIONS.get(kind)
    if tokens is None:
        raise _refusal(path, kind, "has fees that are not counted. Leave it out")
    if kind in _AT_THE_CLIENTS:
        member, wanted, why = _AT_THE_CLIENTS[kind]
        said = tool.get(member)
        if (said.get("type") if isinstance(said, dict) else said) != wanted:
            raise _refusal(path, kind, f"{why}, unless its {member} is {wanted}. Leave it out")
    return tokens


def gemini_tool(tool: Json, path: str) -> ToolBound:
    """What a tool of Gemini's adds: each of its members is a tool, or a list of functions. Raises ``UnboundedCost``."""
    if not isinstance(tool, dict):
        return ToolBound(0)
    return ToolBound(sum(_gemini_member(tool, name, path) for name in tool if tool[name] is not None))


def _gemini_member(tool: JsonObject, name: str, path: str) -> int:
    tokens, value = _GEMINI_CLIENT.get(name), tool[name]
    if tokens is None:
        raise _refusal(f"{path}.{name}", None, "is run by the provider any number of times, at a cost. Leave it out")
    return tokens * (len(value) if isinstance(value, list) else 1)


def _refusal(path: str, kind: Json, why: str) -> UnboundedCost:
    named = f"{path} ({kind[:64]})" if isinstance(kind, str) else path
    return UnboundedCost(f"Under a budget {named} cannot be used: it {why}.", param=path)
