"""A walk over a client's request: which of its bytes are no prompt, and what is there besides text.

It looks only where a dialect may hold something other than text, never copies, and takes a message that is a plain
string in one step. Every token of text stands for at least one byte of it, and JSON is never shorter than its text.
Chat Completions and Messages share a walk; ``prompt_items``, ``prompt_contents`` and ``prompt_texts`` have the others.

Sources: openai.types.chat.completion_create_params, anthropic.types.message_create_params.
"""

from collections.abc import Callable, Mapping

from extproc.accounting.prompt_contents import walk_contents
from extproc.accounting.prompt_items import walk_items
from extproc.accounting.prompt_texts import walk_prompts
from extproc.accounting.servertools import tool_bound
from extproc.accounting.tally import Tally, data_bytes, kind_of
from extproc.domain.reading import Json, JsonObject

_TEXT_KINDS = frozenset(
    {
        "text",
        "refusal",
        "thinking",
        "redacted_thinking",
        "tool_use",
        "server_tool_use",
        "search_result",
        "web_search_tool_result",
        "code_execution_tool_result",
        "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result",
    }
)
"""Parts whose tokens are all in their bytes."""


def walk(body: JsonObject, dialect: str) -> Tally:
    """The whole request. Raises ``UnboundedCost``. A wrong type is the vendor's to refuse: it costs nothing."""
    return _WALKS[dialect](body)


def walk_messages(body: JsonObject) -> Tally:
    """A request of Chat Completions or Messages."""
    tally = Tally()
    messages = body.get("messages")
    if isinstance(messages, list):
        tally.turns(len(messages))
        for index, message in enumerate(messages):
            # A role and a string: nothing else can be in it.
            if isinstance(message, dict) and (len(message) != 2 or not isinstance(message.get("content"), str)):
                _message(message, index, tally)
    system = body.get("system")
    if isinstance(system, list):
        _parts(system, "system", tally)
    for name in ("cache_control", "prompt_cache_options"):
        if body.get(name) is not None:
            tally.mark(body[name], name)
    for name in ("tools", "functions"):
        tools = body.get(name)
        for index, tool in enumerate(tools if isinstance(tools, list) else ()):
            _tool(tool, f"{name}[{index}]", tally)
    return tally


def _message(message: JsonObject, index: int, tally: Tally) -> None:
    content = message.get("content")
    if isinstance(content, list):
        _parts(content, f"messages[{index}].content", tally)
    if "cache_control" in message:
        tally.mark(message["cache_control"], f"messages[{index}].cache_control")
    if message.get("audio") is not None:  # an earlier answer's, by its id
        tally.unbounded(f"messages[{index}].audio")


def _tool(tool: Json, path: str, tally: Tally) -> None:
    tally.tool(tool_bound(tool, path), path)
    if isinstance(tool, dict):
        function = tool.get("function")
        for holder in (tool, function):
            if isinstance(holder, dict) and holder.get("cache_control") is not None:
                tally.mark(holder["cache_control"], f"{path}.cache_control")


def _parts(parts: list[Json], path: str, tally: Tally) -> None:
    for index, part in enumerate(parts):
        if not isinstance(part, dict):
            continue
        kind = kind_of(part)
        if kind == "text" and len(part) == 2 and "text" in part:
            continue
        where = f"{path}[{index}]"
        for name in ("cache_control", "prompt_cache_breakpoint"):
            if part.get(name) is not None:
                tally.mark(part[name], f"{where}.{name}")
        if kind in _TEXT_KINDS:
            continue
        read = _READERS.get(kind)
        if read is None:
            tally.unbounded(where)
        else:
            read(part, where, tally)


def _image_url(part: JsonObject, _path: str, tally: Tally) -> None:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    tally.images += 1
    if isinstance(url, str) and url.startswith("data:"):
        tally.payload += len(url)


def _image(part: JsonObject, _path: str, tally: Tally) -> None:
    tally.images += 1
    tally.payload += data_bytes(part.get("source"), "data")


def _input_audio(part: JsonObject, path: str, tally: Tally) -> None:
    tally.unbounded(path)
    tally.payload += data_bytes(part.get("input_audio"), "data")


def _file(part: JsonObject, path: str, tally: Tally) -> None:
    tally.unbounded(path)
    tally.payload += data_bytes(part.get("file"), "file_data")


def _document(part: JsonObject, path: str, tally: Tally) -> None:
    source = part.get("source")
    match source.get("type") if isinstance(source, dict) else None:
        case "text":
            return
        case "content":
            content = source.get("content") if isinstance(source, dict) else None
            if isinstance(content, list):
                _parts(content, f"{path}.source.content", tally)
        case _:  # a PDF, whose pages are compressed and read as images too; or a URL, or a file's id
            tally.unbounded(path)
            tally.payload += data_bytes(source, "data")


def _tool_result(part: JsonObject, path: str, tally: Tally) -> None:
    content = part.get("content")
    if isinstance(content, list):
        _parts(content, f"{path}.content", tally)


_READERS: Mapping[str, Callable[[JsonObject, str, Tally], None]] = {
    "image_url": _image_url,
    "image": _image,
    "input_audio": _input_audio,
    "file": _file,
    "document": _document,
    "tool_result": _tool_result,
}
"""Parts that are not text. Whatever is not listed anywhere is taken to have no bound in its bytes."""

_WALKS: Mapping[str, Callable[[JsonObject], Tally]] = {
    "openai-chat": walk_messages,
    "anthropic-messages": walk_messages,
    "openai-responses": walk_items,
    "openai-completions": walk_prompts,
    "gemini": walk_contents,
}
"""By client dialect."""
