"""``prompt`` for OpenAI's Responses: a request of items, some of which stand for what the vendor keeps.

Source: openai.types.responses.ResponseCreateParams, ResponseInputItemParam.
"""

from collections.abc import Callable, Mapping

from extproc.accounting.hostedtools import DEFINING, hosted_tools
from extproc.accounting.tally import Tally, data_bytes, kind_of
from extproc.domain.reading import Json, JsonObject

_TEXT_ITEMS = frozenset(
    {
        *("function_call", "custom_tool_call", "tool_search_call", "computer_call", "configuration_update"),
        *("local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output"),
        *("apply_patch_call", "apply_patch_call_output", "program", "program_output"),
        *("mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "mcp_call"),
    }
)
"""Items whose tokens are all in their bytes. Others of the vendor's tools may stand for what they have found."""

_TEXT_PARTS = frozenset({"input_text", "output_text", "refusal", "summary_text", "reasoning_text", "text"})

_REASONING_IDS = "rs_"
"""How ids of reasoning begin. What has only such an id is left out where the provider is not the one that stored it."""

_KEPT = ("previous_response_id", "conversation")
"""What stands for earlier turns that the vendor keeps."""


def walk_items(body: JsonObject) -> Tally:
    """The whole request. Raises ``UnboundedCost``."""
    tally = Tally()
    given = body.get("input")
    if isinstance(given, list):
        tally.turns(len(given))
        for index, item in enumerate(given):
            # A role and a string: nothing else can be in it.
            if isinstance(item, dict) and not ("role" in item and isinstance(item.get("content"), str)):
                _item(item, f"input[{index}]", tally)
    else:
        tally.turns(1)
    for name in _KEPT:
        if body.get(name) is not None:
            tally.unbounded(name)
    if body.get("prompt_cache_options") is not None:
        tally.mark(body["prompt_cache_options"], "prompt_cache_options")
    hosted_tools(_tools(body), body.get("max_tool_calls"), tally)
    return tally


def _tools(body: JsonObject) -> list[tuple[str, Json]]:
    """All tools of a request with their paths; items may bring some of their own."""
    found: list[tuple[str, Json]] = []
    tools, given = body.get("tools"), body.get("input")
    found += [(f"tools[{at}]", tool) for at, tool in enumerate(tools if isinstance(tools, list) else ())]
    for index, item in enumerate(given if isinstance(given, list) else ()):
        brought = item.get("tools") if isinstance(item, dict) and kind_of(item) in DEFINING else None
        if isinstance(brought, list):
            found += [(f"input[{index}].tools[{at}]", tool) for at, tool in enumerate(brought)]
    return found


def _item(item: JsonObject, path: str, tally: Tally) -> None:
    kind = kind_of(item)
    if not kind:
        kind = "message" if "role" in item else "item_reference"
    if kind in _TEXT_ITEMS or kind in DEFINING:
        return
    read = _ITEMS.get(kind)
    if read is None:
        tally.unbounded(path)
    else:
        read(item, path, tally)


def _message(item: JsonObject, path: str, tally: Tally) -> None:
    _contents(item.get("content"), f"{path}.content", tally)


def _output(item: JsonObject, path: str, tally: Tally) -> None:
    _contents(item.get("output"), f"{path}.output", tally)


def _reasoning(item: JsonObject, path: str, tally: Tally) -> None:
    """Encrypted or shown it is in its bytes; by its id alone it is not."""
    if not isinstance(item.get("encrypted_content"), str):
        tally.kept = tally.kept or path


def _reference(item: JsonObject, path: str, tally: Tally) -> None:
    """It may say no more than an id."""
    stored = item.get("id")
    if isinstance(stored, str) and stored.startswith(_REASONING_IDS):
        tally.kept = tally.kept or path
    else:
        tally.unbounded(path)


def _made_image(item: JsonObject, path: str, tally: Tally) -> None:
    if isinstance(item.get("result"), str):
        tally.images += 1
        tally.payload += data_bytes(item, "result")
    else:
        tally.unbounded(path)


def _contents(content: Json, path: str, tally: Tally) -> None:
    """A text, a list of parts, or one part."""
    if isinstance(content, dict):
        _part(content, path, tally)
    elif isinstance(content, list):
        for index, part in enumerate(content):
            if isinstance(part, dict):
                _part(part, f"{path}[{index}]", tally)


def _part(part: JsonObject, path: str, tally: Tally) -> None:
    if part.get("prompt_cache_breakpoint") is not None:
        tally.mark(part["prompt_cache_breakpoint"], f"{path}.prompt_cache_breakpoint")
    match kind_of(part):
        case kind if kind in _TEXT_PARTS:
            return
        case "input_image" | "computer_screenshot":
            tally.images += 1
            url = part.get("image_url")
            tally.payload += len(url) if isinstance(url, str) and url.startswith("data:") else 0
        case "input_audio":
            tally.unbounded(path)
            tally.payload += data_bytes(part.get("input_audio"), "data")
        case _:  # a file, and what is not known
            tally.unbounded(path)
            tally.payload += data_bytes(part, "file_data")


_ITEMS: Mapping[str, Callable[[JsonObject, str, Tally], None]] = {
    "message": _message,
    "function_call_output": _output,
    "custom_tool_call_output": _output,
    "computer_call_output": _output,
    "reasoning": _reasoning,
    "item_reference": _reference,
    "image_generation_call": _made_image,
}
"""Items that may hold more than text. Whatever is not listed anywhere is taken to have no bound in its bytes."""
