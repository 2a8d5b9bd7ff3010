"""Requests as Google's JSON reader takes them: names in camelCase or snake_case, a single object where a list is meant.

Source: https://protobuf.dev/programming-guides/json/ (names), and the vendor's own examples (``"parts": {"text": ...}``).
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Fields, Json


class Message(Fields):
    """A ``Fields`` of one protobuf message: all its own names are read in camelCase.

    What is inside of it keeps its names: a message is read by another ``Message``, free-form JSON as it is. Raises
    ``InvalidRequest`` where a name is there in both spellings, for two readers could take different ones.
    """

    __slots__ = ()

    def __init__(self, data: Json, path: str = "") -> None:
        super().__init__(_camel_case(data, path), path)

    def message(self, name: str) -> "Message | None":
        """A nested message, or None where absent."""
        value = self.raw(name)
        return None if value is None else Message(value, self.path(name))

    def messages(self, name: str) -> "Iterator[tuple[Message, Json]]":
        """Each member of a list of messages, also as it came; a single object counts as a list of one."""
        value = self.raw(name)
        if isinstance(value, Mapping):
            yield Message(value, self.path(name)), value
            return
        path = self.path(name)
        for index, item in enumerate(self.items(name) or ()):
            yield Message(item, f"{path}[{index}]"), item

    def word(self, name: str) -> str | None:
        """The word of an enum, in upper case; None where absent or unspecified."""
        value = self.optional_text(name)
        if value is None:
            return None
        word = value.upper()
        return None if word.endswith("_UNSPECIFIED") else word


def _camel_case(data: Json, path: str) -> Json:
    if not isinstance(data, dict) and not isinstance(data, Mapping):  # the first test is the quick one
        return data
    for name in data:
        if "_" in name:
            break
    else:
        return data
    renamed: dict[str, Json] = {}
    for name, value in data.items():
        camel = _renamed(name)
        if camel in renamed:
            at = f"{path}.{camel}" if path else camel
            raise InvalidRequest(f"{at} is there in two spellings", param=at)
        renamed[camel] = value
    return renamed


@lru_cache(maxsize=512)
def _renamed(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others) if first else name
