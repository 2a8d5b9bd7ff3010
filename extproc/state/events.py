"""The usage event as JSON, and the names it is summed up by. Fields at their default are left out.

The reader is ``reports``, for the stream, and ``steps``, for the sums; ``scripts/books.lua`` reads the names of an event
that Redis writes by itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from operator import attrgetter
from typing import cast

import orjson

from extproc.domain.ledger import UsageEvent
from extproc.domain.reading import Json

_NAMES = tuple(each.name for each in fields(UsageEvent))
_VALUES: Callable[[UsageEvent], tuple[object, ...]] = attrgetter(*_NAMES)
_ALWAYS = object()
"""Stands for the default of a field that has none: no value is equal to it."""
_DEFAULTS: tuple[object, ...] = tuple(
    {} if each.name == "tags" else _ALWAYS if each.default is MISSING else each.default for each in fields(UsageEvent)
)
_KNOWN = frozenset(_NAMES)

PARTIES = ("org", "team", "user", "key_id", "model", "provider")
"""What is summed up by, in the order of the text that ``parties`` makes."""


def encode_event(event: UsageEvent) -> bytes:
    """As JSON. Raises ``TypeError`` where a text is not Unicode."""
    # In one turn of a comprehension: this is done twice for every request.
    written = {
        name: value for name, value, default in zip(_NAMES, _VALUES(event), _DEFAULTS, strict=True) if value != default
    }
    return orjson.dumps(written, default=dict)


def decode_event(data: bytes) -> UsageEvent:
    """What ``encode_event`` made; fields of later versions are left out. Raises ``ValueError``."""
    read: Json = orjson.loads(data)
    if not isinstance(read, Mapping):
        raise ValueError("a usage event is a JSON object")  # noqa: TRY004  what is wrong is the text
    known = {name: value for name, value in read.items() if name in _KNOWN}
    try:
        return UsageEvent(**known)  # pyright: ignore[reportArgumentType]  the writer is encode_event
    except TypeError as error:
        raise ValueError(f"not a usage event: {error}") from error


def summary(event: bytes) -> tuple[str, bool]:
    """The parties of an encoded event, and whether it tells a failure of the platform or of a provider.

    Parties are empty where the event names no key: then nothing is summed up.
    """
    try:
        read = orjson.loads(event)
    except ValueError:
        return "", False
    if not isinstance(read, dict):
        return "", False
    written = cast("dict[str, object]", read)
    if not isinstance(written.get("key_id"), str):
        return "", False
    return (
        "|".join([_escaped(written.get(name)) for name in PARTIES]),
        str(written.get("outcome")).startswith(("provider:", "gateway:")),
    )


def parties(text: str) -> dict[str, str]:
    """The names in a text of ``summary``; empty where the event named none."""
    return dict(zip(PARTIES, (_plain(part) for part in text.split("|")), strict=True))


def _escaped(name: object) -> str:
    if not isinstance(name, str):
        return ""
    return name.replace("%", "%25").replace("|", "%7C") if "%" in name or "|" in name else name


def _plain(text: str) -> str:
    return text.replace("%7C", "|").replace("%25", "%")
