"""What an answer cost, written into its ``usage`` as ``cost`` (US dollars), where other gateways have it, too.

Chat Completions, Completions, Messages and embeddings have ``usage`` at the top level, of a whole answer and of the
event of a stream that ends it; Responses have it in the ``response`` that the last event of a stream holds. Gemini's is
``usageMetadata``, of a whole answer and of every event: each tells what it has come to so far.
"""

from collections.abc import Mapping

import orjson

from extproc.domain.errors import InvalidRequest
from extproc.domain.jsontext import read_json
from extproc.domain.money import NANOS
from extproc.domain.reading import Json
from extproc.translate.edit import edit_members

_DATA = b"data:"
_USAGES = ("usage", "usageMetadata")
_SIGN = b'"usage'
"""What every event with a usage has somewhere."""


def tag_answer(body: bytes, cost: int) -> bytes:
    """A whole answer; ``cost`` in nano-dollars. As it is where it has no usage, or one that cannot be written anew."""
    parsed = read_json(body)
    try:
        return _tagged(body, parsed, cost)
    except (InvalidRequest, orjson.JSONEncodeError, RecursionError):  # twice there, or nested too deeply
        return body


def _tagged(body: bytes, parsed: Json, cost: int) -> bytes:
    if not isinstance(parsed, Mapping):
        return body
    for name in _USAGES:
        usage = parsed.get(name)
        if isinstance(usage, Mapping):
            return edit_members(body, {name: {**usage, "cost": cost / NANOS}}, parsed=parsed)
    response = parsed.get("response")
    usage = response.get("usage") if isinstance(response, Mapping) else None
    if isinstance(response, Mapping) and isinstance(usage, Mapping):
        told = {**response, "usage": {**usage, "cost": cost / NANOS}}
        return edit_members(body, {"response": told}, parsed=parsed)
    return body


def tag_events(data: bytes, cost: int) -> bytes:
    """Whole events of a stream; those that tell no usage stay as they are."""
    if _SIGN not in data:
        return data
    return b"\n".join(_line(line, cost) for line in data.split(b"\n"))


def _line(line: bytes, cost: int) -> bytes:
    if not line.startswith(_DATA) or _SIGN not in line:
        return line
    body = line[len(_DATA) :].strip()
    try:
        tagged = tag_answer(body, cost)
    except orjson.JSONDecodeError:  # an event of several lines: no vendor writes them
        return line
    return line.replace(body, tagged, 1)
