"""OpenAI's rules for ``messages``, and what the prompt costs."""

import base64
import binascii
from collections.abc import Iterator, Mapping

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.openai.errors import missing, wrong_type, wrong_value
from extproc.simulator.promptcache import Block
from extproc.simulator.tokens import TOKENS_PER_MESSAGE, kind_of, prompt_tokens
from extproc.simulator.wire import Refused

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_PARTS: Mapping[str, tuple[str, ...]] = {
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "system": ("text",),
    "developer": ("text",),
    "tool": ("text",),
    "function": ("text",),
}
_IMAGE_TYPES = ("data:image/png;", "data:image/jpeg;", "data:image/jpg;", "data:image/gif;", "data:image/webp;")

IMAGE_TOKENS = 765
LOW_IMAGE_TOKENS = 85
"""Of a 1024 x 1024 image, and of any at low detail: https://platform.openai.com/docs/guides/images-vision"""
FILE_TOKENS = 1500

CACHE_MINIMUM = 1024
CACHE_SECONDS = 300
"""OpenAI caches prompts of 1024 tokens and more by itself: https://platform.openai.com/docs/guides/prompt-caching"""


def check_messages(messages: Json) -> None:
    """Raises ``Refused`` where OpenAI would."""
    if messages is None:
        raise missing("messages")
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array of objects", kind_of(messages))
    if not messages:
        raise Refused(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            param="messages",
            code="empty_array",
        )
    open_calls: list[str] = []
    for index, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise wrong_type(f"messages[{index}]", "an object", kind_of(message))
        role = message.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise wrong_value(f"messages[{index}].role", role, _ROLES)
        open_calls = _check_order(message, index, open_calls)
        _check_content(message, role, index)
    _check_answered(open_calls, len(messages))


def prompt(body: JsonObject) -> tuple[str, int, tuple[Block, ...]]:
    """The last user text, the input tokens, and the prompt as blocks where the cache has to do with it."""
    messages = body.get("messages")
    assert isinstance(messages, list)
    tools = body.get("tools")
    total = prompt_tokens(orjson.dumps(tools).decode()) if tools else 0
    total += sum(_message_tokens(message) for message in messages if isinstance(message, Mapping))
    last = messages[-1]
    text = ""
    if isinstance(last, Mapping) and last.get("role") == "user":
        text = "".join(_texts(last))
    if total < CACHE_MINIMUM and not uses_breakpoints(body):
        return text, total, ()
    return text, total, tuple(_blocks(body, messages))


def uses_breakpoints(body: JsonObject) -> bool:
    """Whether the request steers the prompt cache itself; usage then tells what was written, too."""
    messages = body.get("messages")
    return "prompt_cache_options" in body or any(_marked(message) for message in _list(messages))


def _blocks(body: JsonObject, messages: list[Json]) -> Iterator[Block]:
    tools = body.get("tools")
    if tools:
        yield Block(tools, prompt_tokens(orjson.dumps(tools).decode()))
    options = body.get("prompt_cache_options")
    implicit = not (isinstance(options, Mapping) and options.get("mode") == "explicit")
    for index, message in enumerate(messages):
        last = index == len(messages) - 1
        if isinstance(message, Mapping):
            keep = CACHE_SECONDS if _marked(message) or (last and implicit) else None
            yield Block(message, _message_tokens(message), keep)


def _marked(message: Json) -> bool:
    content = message.get("content") if isinstance(message, Mapping) else None
    return isinstance(content, list) and any(
        isinstance(part, Mapping) and part.get("prompt_cache_breakpoint") for part in content
    )


def _check_order(message: JsonObject, index: int, open_calls: list[str]) -> list[str]:
    """Tool messages answer the calls right before them, all of them. Returns the calls still to be answered."""
    if message["role"] == "tool":
        call = message.get("tool_call_id")
        if not isinstance(call, str):
            raise missing(f"messages[{index}].tool_call_id")
        if call not in open_calls:
            raise Refused(
                "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                "'tool_calls'.",
                param=f"messages.[{index}].role",
            )
        return [one for one in open_calls if one != call]
    _check_answered(open_calls, index)
    calls = message.get("tool_calls") if message["role"] == "assistant" else None
    return [_call_id(call, f"messages[{index}].tool_calls[{at}]") for at, call in enumerate(_list(calls))]


def _check_answered(open_calls: list[str], index: int) -> None:
    if open_calls:
        raise Refused(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_calls)}",
            param=f"messages.[{index}].role",
        )


def _call_id(call: Json, path: str) -> str:
    if not isinstance(call, Mapping):
        raise wrong_type(path, "an object", kind_of(call))
    if call.get("type") not in ("function", "custom"):
        raise wrong_value(f"{path}.type", call.get("type"), ("function", "custom"))
    identity, function = call.get("id"), call.get("function")
    if not isinstance(identity, str):
        raise missing(f"{path}.id")
    if call["type"] == "function":
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise missing(f"{path}.function.name")
        if not isinstance(function.get("arguments"), str):
            raise wrong_type(f"{path}.function.arguments", "a string", kind_of(function.get("arguments")))
    return identity


def _check_content(message: JsonObject, role: str, index: int) -> None:
    content = message.get("content")
    if content is None:
        if role == "assistant" and (message.get("tool_calls") or message.get("function_call") or message.get("audio")):
            return
        raise Refused("Invalid value for 'content': expected a string, got null.", param=f"messages.[{index}].content")
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise wrong_type(f"messages[{index}].content", "one of a string or array of objects", kind_of(content))
    for at, part in enumerate(content):
        _check_part(part, role, f"messages[{index}].content[{at}]")


def _check_part(part: Json, role: str, path: str) -> None:
    if not isinstance(part, Mapping):
        raise wrong_type(path, "an object", kind_of(part))
    kind = part.get("type")
    if kind is None:
        raise missing(f"{path}.type")
    if kind not in _PARTS[role]:
        raise wrong_value(f"{path}.type", kind, _PARTS[role])
    if kind == "text" and not isinstance(part.get("text"), str):
        raise missing(f"{path}.text")
    if kind == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, Mapping) else None
        if not isinstance(url, str):
            raise missing(f"{path}.image_url.url")
        check_image_url(url, f"{path}.image_url.url")


def check_image_url(url: str, path: str) -> None:
    """An image is a data URL, or on the web. Raises ``Refused``."""
    if url.startswith(("https://", "http://")):
        return
    header, comma, data = url.partition(",")
    if not comma or not header.startswith(_IMAGE_TYPES) or not header.endswith(";base64"):
        raise Refused(
            f"Invalid '{path}'. Expected a base64-encoded data URL with an image MIME type (e.g. "
            "'data:image/png;base64,...'), or an http URL.",
            param=path,
            code="invalid_value",
        )
    try:
        base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise Refused("Invalid base64 image_url.", param=path, code="invalid_base64") from error


def _message_tokens(message: JsonObject) -> int:
    total = TOKENS_PER_MESSAGE + sum(prompt_tokens(text) for text in _texts(message))
    calls = message.get("tool_calls")
    if calls:
        total += prompt_tokens(orjson.dumps(calls).decode())
    content = message.get("content")
    if isinstance(content, list):
        total += sum(_media_tokens(part) for part in content if isinstance(part, Mapping))
    return total


def _media_tokens(part: JsonObject) -> int:
    match part:
        case {"type": "image_url", "image_url": {"detail": "low"}}:
            return LOW_IMAGE_TOKENS
        case {"type": "image_url"}:
            return IMAGE_TOKENS
        case {"type": "file" | "input_audio"}:
            return FILE_TOKENS
        case _:
            return 0


def _texts(message: JsonObject) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            text = part.get("text") if isinstance(part, Mapping) else None
            if isinstance(text, str):
                yield text


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
