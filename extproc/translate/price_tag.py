"""What an answer cost, written into its ``usage`` as ``cost`` (US dollars), where other gateways have it, too.

Both client dialects have ``usage`` at the top level, of a whole answer and of the event of a stream that ends it.
"""

from collections.abc import Mapping

import orjson

from extproc.domain.money import NANOS
from extproc.domain.reading import Json
from extproc.translate.edit import edit_members

_DATA = b"data:"


def tag_answer(body: bytes, cost: int) -> bytes:
    """A whole answer; ``cost`` in nano-dollars. As it is where it has no usage."""
    parsed: Json = orjson.loads(body)
    if not isinstance(parsed, Mapping):
        return body
    usage = parsed.get("usage")
    if not isinstance(usage, Mapping):
        return body
    return edit_members(body, {"usage": {**usage, "cost": cost / NANOS}}, parsed=parsed)


def tag_events(data: bytes, cost: int) -> bytes:
    """Whole events of a stream; those that tell no usage stay as they are."""
    if b'"usage"' not in data:
        return data
    return b"\n".join(_line(line, cost) for line in data.split(b"\n"))


def _line(line: bytes, cost: int) -> bytes:
    if not line.startswith(_DATA) or b'"usage"' not in line:
        return line
    body = line[len(_DATA) :].strip()
    try:
        tagged = tag_answer(body, cost)
    except orjson.JSONDecodeError:  # an event of several lines: no vendor writes them
        return line
    return line.replace(body, tagged, 1)
