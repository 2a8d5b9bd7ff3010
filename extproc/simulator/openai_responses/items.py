"""The rules for ``input``: which items and parts there are, what is in them, and which belong together.

Source: https://platform.openai.com/docs/api-reference/responses/create and the types of the official SDK; the words of
refusals are those that clients report.
"""

from collections.abc import Callable, Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.openai.errors import missing, wrong_type, wrong_value
from extproc.simulator.openai.messages import check_image_url
from extproc.simulator.openai.rules import unknown_parameter
from extproc.simulator.tokens import kind_of
from extproc.simulator.wire import Refused, names

_FIELDS: Mapping[str, frozenset[str]] = {
    "message": names("type role content id status phase"),
    "function_call": names("type id call_id name arguments status namespace caller async"),
    "function_call_output": names("type id call_id output status name namespace caller"),
    "reasoning": names("type id summary content encrypted_content status"),
    "item_reference": names("type id"),
    "custom_tool_call": names("type id call_id name input status namespace caller async"),
    "custom_tool_call_output": names("type id call_id output status name namespace caller"),
}
_OPEN = (
    "file_search_call computer_call computer_call_output web_search_call tool_search_call tool_search_output "
    "additional_tools configuration_update compaction compaction_trigger image_generation_call code_interpreter_call "
    "local_shell_call local_shell_call_output shell_call shell_call_output apply_patch_call apply_patch_call_output "
    "mcp_list_tools mcp_approval_request mcp_approval_response mcp_call program program_output"
)
"""Items taken as they come."""
_TYPES = (*_FIELDS, *_OPEN.split())
_PREFIXES: Mapping[str, str] = {
    "message": "msg",
    "function_call": "fc",
    "reasoning": "rs",
    "custom_tool_call": "ctc",
}
_ROLES = ("assistant", "system", "developer", "user")
_SAID = ("output_text", "refusal")
_GIVEN = ("input_text", "input_image", "input_file", "input_audio")
_RETURNED = ("input_text", "input_image", "input_file")
_PART_FIELDS: Mapping[str, frozenset[str]] = {
    "input_text": names("type text prompt_cache_breakpoint"),
    "input_image": names("type image_url file_id detail prompt_cache_breakpoint"),
    "input_file": names("type file_id file_data file_url filename detail prompt_cache_breakpoint"),
    "input_audio": names("type input_audio"),
    "output_text": names("type text annotations logprobs"),
    "refusal": names("type refusal"),
}
_STATUSES = ("in_progress", "completed", "incomplete")
_DETAILS = ("low", "high", "auto", "original")
_CALLS: Mapping[str, str] = {"function_call_output": "function call", "custom_tool_call_output": "custom tool call"}


def normalized(given: Json) -> list[Json]:
    """The input as items: a text is a message of the user's."""
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    return given if isinstance(given, list) else []


def kind_of_item(item: JsonObject) -> Json:
    """An item's type; a message may leave it out."""
    return item.get("type", "message" if "role" in item else None)


def check_items(given: Json) -> None:
    """Each item for itself. Raises ``Refused`` where OpenAI would."""
    if isinstance(given, str):
        return
    if not isinstance(given, list):
        raise wrong_type("input", "one of a string or array of input items", kind_of(given))
    for index, item in enumerate(given):
        _check_item(item, f"input[{index}]")


def check_sequence(items: list[Json]) -> None:
    """What belongs together is together, in checked items. Raises ``Refused``."""
    _check_calls(items)
    _check_reasoning(items)


def _check_item(item: Json, path: str) -> None:
    if not isinstance(item, Mapping):
        raise wrong_type(path, "an input item", kind_of(item))
    kind = kind_of_item(item)
    if kind is None:
        raise missing(f"{path}.type")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise wrong_value(f"{path}.type", kind, _TYPES)
    if kind not in _FIELDS:
        return
    _known(item, _FIELDS[kind], path)
    status, identity = item.get("status"), item.get("id")
    if status is not None and status not in _STATUSES:
        raise wrong_value(f"{path}.status", status, _STATUSES)
    prefix = _PREFIXES.get(kind, "")
    if identity is not None and not (isinstance(identity, str) and identity.startswith(prefix)):
        raise Refused(
            f"Invalid '{path}.id': '{identity}'. Expected an ID that begins with '{prefix}'.",
            param=f"{path}.id",
            code="invalid_value",
        )
    _CHECKS[kind](item, path)


def _check_message(item: JsonObject, path: str) -> None:
    role, content = item.get("role"), item.get("content")
    if role is None:
        raise missing(f"{path}.role")
    if not isinstance(role, str) or role not in _ROLES:
        raise wrong_value(f"{path}.role", role, _ROLES)
    if content is None:
        raise missing(f"{path}.content")
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise wrong_type(f"{path}.content", "one of an array of objects or string", kind_of(content))
    _check_parts(content, _SAID if role == "assistant" else _GIVEN, f"{path}.content")


def _check_call(item: JsonObject, path: str) -> None:
    arguments = "input" if item["type"] == "custom_tool_call" else "arguments"
    _texts(item, path, "call_id", "name", arguments)


def _check_output(item: JsonObject, path: str) -> None:
    _texts(item, path, "call_id")
    output = item.get("output")
    if output is None:
        raise missing(f"{path}.output")
    if isinstance(output, str):
        return
    if not isinstance(output, list):
        raise wrong_type(f"{path}.output", "one of an array of objects or string", kind_of(output))
    _check_parts(output, _RETURNED, f"{path}.output")


def _check_thought(item: JsonObject, path: str) -> None:
    _texts(item, path, "id")
    summary, sealed = item.get("summary"), item.get("encrypted_content")
    if summary is None:
        raise missing(f"{path}.summary")
    if not isinstance(summary, list):
        raise wrong_type(f"{path}.summary", "an array of objects", kind_of(summary))
    for at, part in enumerate(summary):
        if not isinstance(part, Mapping) or part.get("type") != "summary_text":
            raise wrong_value(f"{path}.summary[{at}].type", None, ("summary_text",))
        _texts(part, f"{path}.summary[{at}]", "text")
    if sealed is not None and not isinstance(sealed, str):
        raise wrong_type(f"{path}.encrypted_content", "a string", kind_of(sealed))


def _check_reference(item: JsonObject, path: str) -> None:
    _texts(item, path, "id")


_CHECKS: Mapping[str, Callable[[JsonObject, str], None]] = {
    "message": _check_message,
    "function_call": _check_call,
    "function_call_output": _check_output,
    "reasoning": _check_thought,
    "item_reference": _check_reference,
    "custom_tool_call": _check_call,
    "custom_tool_call_output": _check_output,
}


def _check_parts(parts: list[Json], allowed: tuple[str, ...], path: str) -> None:
    for at, part in enumerate(parts):
        where = f"{path}[{at}]"
        if not isinstance(part, Mapping):
            raise wrong_type(where, "an object", kind_of(part))
        kind = part.get("type")
        if kind is None:
            raise missing(f"{where}.type")
        if not isinstance(kind, str) or kind not in allowed:
            raise wrong_value(f"{where}.type", kind, allowed)
        _known(part, _PART_FIELDS[kind], where)
        if kind in {"input_text", "output_text"}:
            _texts(part, where, "text")
        elif kind == "refusal":
            _texts(part, where, "refusal")
        elif kind == "input_image":
            _check_image(part, where)
        elif kind == "input_file" and not any(part.get(name) for name in ("file_id", "file_data", "file_url")):
            raise missing(f"{where}.file_id")


def _check_image(part: JsonObject, path: str) -> None:
    url, file, detail = part.get("image_url"), part.get("file_id"), part.get("detail")
    if detail is not None and detail not in _DETAILS:
        raise wrong_value(f"{path}.detail", detail, _DETAILS)
    if url is None:
        if not isinstance(file, str):
            raise missing(f"{path}.image_url")
        return
    if not isinstance(url, str):
        raise wrong_type(f"{path}.image_url", "an image URL", kind_of(url))
    check_image_url(url, f"{path}.image_url")


def _known(thing: JsonObject, fields: frozenset[str], path: str) -> None:
    for name in thing:
        if name not in fields:
            raise unknown_parameter(f"{path}.{name}")


def _texts(thing: JsonObject, path: str, *fields: str) -> None:
    for name in fields:
        value = thing.get(name)
        if value is None:
            raise missing(f"{path}.{name}")
        if not isinstance(value, str):
            raise wrong_type(f"{path}.{name}", "a string", kind_of(value))


def _check_calls(items: list[Json]) -> None:
    """Each call has its output behind it, each output its call before it."""
    waiting: dict[Json, str] = {}
    for item in items:
        assert isinstance(item, Mapping)
        kind, call = item.get("type"), item.get("call_id")
        if kind in {"function_call", "custom_tool_call"}:
            waiting[call] = "function call" if kind == "function_call" else "custom tool call"
        elif isinstance(kind, str) and kind in _CALLS and waiting.pop(call, None) != _CALLS[kind]:
            raise Refused(f"No tool call found for {_CALLS[kind]} output with call_id {call}.", param="input")
    for call, what in waiting.items():
        raise Refused(f"No tool output found for {what} {call}.", param="input")


def _check_reasoning(items: list[Json]) -> None:
    """Reasoning comes right before what it led to."""
    for index, item in enumerate(items):
        assert isinstance(item, Mapping)
        if item.get("type") != "reasoning":
            continue
        if not _is_produced(items[index + 1] if index + 1 < len(items) else None):
            raise Refused(
                f"Item '{item['id']}' of type 'reasoning' was provided without its required following item.",
                param="input",
            )


def _is_produced(item: Json) -> bool:
    """Whether an item is the model's own."""
    if not isinstance(item, Mapping):
        return False
    if kind_of_item(item) == "message":
        return item.get("role") == "assistant"
    return not str(item.get("type")).endswith("_output")
