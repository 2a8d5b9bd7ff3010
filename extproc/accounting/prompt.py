"""A walk over a client's request: which of its bytes are no prompt, and what is there besides text.

It looks only where a dialect may hold something other than text, never copies, and takes a message that is a plain
string in one step. Every token of text stands for at least one byte of it, and JSON is never shorter than its text.

Sources: openai.types.chat.completion_create_params, anthropic.types.message_create_params.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from extproc.accounting.images import WORST_IMAGE
from extproc.accounting.servertools import tool_bound
from extproc.domain.errors import UnboundedCost
from extproc.domain.reading import Json, JsonObject

_MESSAGE_TOKENS = 8
"""Framing of a message, beyond the 25 bytes that its JSON has at least. Published for OpenAI: 3."""

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


@dataclass(slots=True)
class Tally:
    """What a walk has found so far."""

    payload: int = 0
    """Bytes of base64: images, documents, audio."""
    framing: int = 0
    """Tokens that vendors add around what was sent."""
    messages: int = 0
    images: int = 0
    whole_window: str | None = None
    """The path of a part whose tokens its bytes do not bound: the context window has to."""
    cached: bool = False
    cached_1h: bool = False
    uses: int = 0
    searches: int = 0

    def unbounded(self, path: str) -> None:
        """Only the context window bounds this part."""
        self.whole_window = self.whole_window or path

    def mark(self, mark: Json, path: str) -> None:
        """A cache mark: Anthropic's ``cache_control``, or OpenAI's ``prompt_cache_breakpoint``."""
        ttl = mark.get("ttl") if isinstance(mark, dict) else None
        if ttl == "12h":
            raise UnboundedCost(
                f"{path}.ttl 12h has no published price. Take 30m, or leave it out.", param=f"{path}.ttl"
            )
        self.cached = True
        # OpenAI's 30m becomes Anthropic's 1h where a request is translated.
        self.cached_1h = self.cached_1h or ttl in {"1h", "30m"}


def walk(body: JsonObject) -> Tally:
    """The whole request. Raises ``UnboundedCost``. A wrong type is the vendor's to refuse: it costs nothing."""
    tally = Tally()
    messages = body.get("messages")
    if isinstance(messages, list):
        tally.messages = len(messages)
        tally.framing = len(messages) * _MESSAGE_TOKENS
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
    found = tool_bound(tool, path)
    tally.framing += found.tokens
    tally.searches += found.searches
    tally.uses += found.uses
    if found.uses:
        tally.unbounded(path)
    if isinstance(tool, dict):
        function = tool.get("function")
        for holder in (tool, function):
            if isinstance(holder, dict) and holder.get("cache_control") is not None:
                tally.mark(holder["cache_control"], f"{path}.cache_control")


def _parts(parts: list[Json], path: str, tally: Tally) -> None:
    for index, part in enumerate(parts):
        if not isinstance(part, dict):
            continue
        kind = part.get("type")
        if kind == "text" and len(part) == 2 and "text" in part:
            continue
        where = f"{path}[{index}]"
        for name in ("cache_control", "prompt_cache_breakpoint"):
            if part.get(name) is not None:
                tally.mark(part[name], f"{where}.{name}")
        if kind in _TEXT_KINDS:
            continue
        read = _READERS.get(kind) if isinstance(kind, str) else None
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
    tally.payload += _data(part.get("source"), "data")


def _input_audio(part: JsonObject, path: str, tally: Tally) -> None:
    tally.unbounded(path)
    tally.payload += _data(part.get("input_audio"), "data")


def _file(part: JsonObject, path: str, tally: Tally) -> None:
    tally.unbounded(path)
    tally.payload += _data(part.get("file"), "file_data")


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
            tally.payload += _data(source, "data")


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


def _data(holder: Json, name: str) -> int:
    """Base64 is ASCII: a byte for each character."""
    data = holder.get(name) if isinstance(holder, dict) else None
    return len(data) if isinstance(data, str) else 0


def image_bound(tally: Tally) -> int:
    """Tokens of all images, whatever model reads them."""
    return tally.images * WORST_IMAGE
