"""Gemini's rules for a conversation: roles, parts, pairs of calls and responses, thought signatures.

Source: https://ai.google.dev/gemini-api/docs/function-calling and .../thought-signatures; the words of the refusals are
those that clients report. Bodies here are normal (see ``schema``).
"""

import re
from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.gemini import signature
from extproc.simulator.gemini.errors import invalid
from extproc.simulator.gemini.schema import signature_bytes

_DATA = (
    "text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult",
    "toolCall", "toolResponse", "audioTranscription",
)  # fmt: skip
_REQUEST = "* GenerateContentRequest"


def objects(value: Json) -> list[JsonObject]:
    """The objects of a list; none where it is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def member(value: JsonObject, name: str) -> JsonObject | None:
    """A member where it is an object."""
    found = value.get(name)
    return found if isinstance(found, Mapping) else None


def parts_of(content: JsonObject) -> list[JsonObject]:
    """The parts of a content."""
    return objects(content.get("parts"))


def generation(model: str) -> int:
    """Which generation of Gemini a model is: 2 of ``gemini-2.5-pro``; a name without a number is of the latest."""
    found = re.search(r"gemini-(\d+)", model)
    return int(found[1]) if found else 3 if "gemini" in model else 0


def check_contents(body: JsonObject, model: str, *, vertex: bool) -> None:
    """Raises ``Refused`` where Google would."""
    contents = objects(body.get("contents"))
    if not contents:
        raise invalid(f"{_REQUEST}.contents: contents is not specified\n")
    for index, content in enumerate(contents):
        _check_content(content, index, vertex=vertex)
    instruction = member(body, "systemInstruction")
    if instruction is not None and any("text" not in part for part in parts_of(instruction)):
        raise invalid("System instruction: only text parts are supported.")
    if len(contents) == 1 and contents[0].get("role") == "model":
        raise invalid("Please ensure that single turn requests end with a user role or the role field is empty.")
    _check_pairs(contents)
    _check_signatures(contents, model)


def _check_content(content: JsonObject, index: int, *, vertex: bool) -> None:
    role, parts = content.get("role"), parts_of(content)
    path = f"{_REQUEST}.contents[{index}]"
    allowed = ("user", "model") if vertex else ("user", "model", "function", None, "")
    if role not in allowed:
        raise invalid("Please use a valid role: user, model.")
    if not parts:
        raise invalid(f"{path}.parts: contents.parts must not be empty.\n")
    for at, part in enumerate(parts):
        data = [name for name in _DATA if name in part]
        where = f"{path}.parts[{at}]"
        if len(data) > 1:
            raise invalid(f"{where}.data: oneof field 'data' is already set. Cannot set '{data[1]}'")
        # A signature may stand alone, as the last part of a stream has it.
        if not data and "thoughtSignature" not in part:
            raise invalid(f"{where}.data: required oneof field 'data' must have one initialized field\n")
        _check_part(part, where)
        if vertex:
            _check_no_ids(part, f"contents[{index}].parts[{at}]")


def _check_part(part: JsonObject, path: str) -> None:
    blob, file = member(part, "inlineData"), member(part, "fileData")
    call, response = member(part, "functionCall"), member(part, "functionResponse")
    if blob is not None and not blob.get("mimeType"):
        raise invalid(f"{path}.inline_data.mime_type: mime_type is required\n")
    if blob is not None and not blob.get("data"):
        raise invalid(f"{path}.inline_data.data: data is required\n")
    if file is not None and not file.get("fileUri"):
        raise invalid(f"{path}.file_data.file_uri: file_uri is required\n")
    if call is not None and not call.get("name"):
        raise invalid(f"{path}.function_call.name: Name cannot be empty.\n")
    if call is not None and not isinstance(call.get("args", {}), Mapping):
        raise invalid(f"Invalid value at '{path}.function_call.args' (type.googleapis.com/google.protobuf.Struct)")
    if response is not None and not response.get("name"):
        raise invalid(f"{path}.function_response.name: Name cannot be empty.\n")
    if response is not None and not isinstance(response.get("response"), Mapping):
        raise invalid(
            f"Invalid value at '{path}.function_response.response' (type.googleapis.com/google.protobuf.Struct)"
        )


def _check_no_ids(part: JsonObject, path: str) -> None:
    for name, spelled in (("functionCall", "function_call"), ("functionResponse", "function_response")):
        if "id" in (member(part, name) or {}):
            raise invalid(
                f"Invalid JSON payload received. Unknown name \"id\" at '{path}.{spelled}': Cannot find field."
            )


def _check_pairs(contents: list[JsonObject]) -> None:
    called: list[JsonObject] = []
    for index, content in enumerate(contents):
        calls, responses = _members(content, "functionCall"), _members(content, "functionResponse")
        if responses and not called:
            raise invalid("Please ensure that function response turn comes immediately after a function call turn.")
        if called and len(responses) != len(called):
            raise invalid(
                "Please ensure that the number of function response parts is equal to the number of function call parts "
                "of the function call turn."
            )
        if called and not _answers(called, responses):
            raise invalid(
                "Please ensure that function response parts have the ids and names of the function call parts."
            )
        if calls and content.get("role") != "model":
            raise invalid("Please ensure that function call turn comes from the model.")
        if calls and index == 0:
            raise invalid(
                "Please ensure that function call turn comes immediately after a user turn or after a function response "
                "turn."
            )
        called = calls


def _answers(calls: list[JsonObject], responses: list[JsonObject]) -> bool:
    """By their ids where both sides have them, by their names in any case."""
    if all("id" in one for one in (*calls, *responses)):
        return _sorted(calls, "id") == _sorted(responses, "id") and _sorted(calls, "name") == _sorted(responses, "name")
    return _sorted(calls, "name") == _sorted(responses, "name")


def _sorted(found: list[JsonObject], name: str) -> list[str]:
    return sorted(str(one.get(name)) for one in found)


def _members(content: JsonObject, name: str) -> list[JsonObject]:
    return [found for part in parts_of(content) if (found := member(part, name)) is not None]


def _check_signatures(contents: list[JsonObject], model: str) -> None:
    for content in contents:
        for part in parts_of(content):
            _check_signature(part)
    if generation(model) < 3:
        return
    for index in range(_turn(contents), len(contents)):
        first = next((part for part in parts_of(contents[index]) if "functionCall" in part), None)
        if first is not None and not first.get("thoughtSignature"):
            name = (member(first, "functionCall") or {}).get("name")
            raise invalid(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
                "correctly, and missing thought_signature may lead to degraded model performance. Additional data, "
                f"function call `default_api:{name}` , position {index + 1}. Please refer to "
                "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
            )


def _check_signature(part: JsonObject) -> None:
    text = part.get("thoughtSignature")
    if not isinstance(text, str) or not text:
        return
    data = signature_bytes(text)
    if signature.is_dummy(text, data):
        return
    call = member(part, "functionCall")
    if call is None:
        good = signature.is_text(data)
    else:
        good = signature.is_call(data, str(call.get("name")), call.get("args", {}))
    if not good:
        raise invalid("Corrupted thought signature.")


def _turn(contents: list[JsonObject]) -> int:
    """Where the current turn begins: the last content of the user's that is more than responses of functions."""
    for index in range(len(contents) - 1, -1, -1):
        content = contents[index]
        if content.get("role") != "model" and any("functionResponse" not in part for part in parts_of(content)):
            return index
    return 0
