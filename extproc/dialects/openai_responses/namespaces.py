"""Namespaces, which group tools: to others each tool is one of its own, named after both.

Codex sends those of an MCP server so. The neutral name joins the two with a character that no name of a tool can have, so
``extproc.translate.tool_names`` makes a fit name of it for the provider, and the neutral one of what comes back.
Source: openai.types.responses.NamespaceToolParam, ResponseFunctionToolCall.
"""

_SEPARATOR = "\x1f"

_DEFAULT = "functions"
"""OpenAI's name of the namespace of all tools that are in none: calls of them name none."""


def joined(namespace: str | None, name: str) -> str:
    """The neutral name."""
    return f"{namespace}{_SEPARATOR}{name}" if namespace and namespace != _DEFAULT else name


def named(name: str) -> dict[str, str]:
    """The members of a call that name its tool."""
    namespace, separator, own = name.partition(_SEPARATOR)
    return {"namespace": namespace, "name": own} if separator else {"name": name}
