"""A stream whose events are packed once more: what unpacks them, before the dialect's own reader."""

from typing import Protocol

from extproc.dialects.base import Frame, StreamReader
from extproc.domain.answer import Failed
from extproc.domain.errors import ProviderError


class Unpacker(Protocol):
    """Packed bytes → the dialect's bytes. Any split of the input gives the same output."""

    def feed(self, data: bytes) -> bytes:
        """What these bytes add. Raises ``ProviderError`` where they are not packed as they should be."""
        ...

    def finish(self) -> bytes:
        """The provider ended the body. Raises ``ProviderError`` where more should follow."""
        ...


class Framed:
    """A ``StreamReader`` behind an unpacker."""

    __slots__ = ("_failed", "_reader", "_unpacker")

    def __init__(self, unpacker: Unpacker, reader: StreamReader) -> None:
        self._unpacker = unpacker
        self._reader = reader
        self._failed = False

    def feed(self, data: bytes) -> list[Frame]:
        """See ``StreamReader``."""
        if self._failed:
            return []
        try:
            return self._reader.feed(self._unpacker.feed(data))
        except ProviderError as error:
            return self._fail(error)

    def finish(self) -> list[Frame]:
        """See ``StreamReader``."""
        if self._failed:
            return []
        try:
            last = self._unpacker.finish()
        except ProviderError as error:
            return self._fail(error)
        return [*self._reader.feed(last), *self._reader.finish()]

    def _fail(self, error: ProviderError) -> list[Frame]:
        self._failed = True
        return [Frame(b"", (Failed(error),))]
