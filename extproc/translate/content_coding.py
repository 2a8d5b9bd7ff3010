"""``content-encoding`` of a provider's answer: compressed bytes → plain bytes, incrementally and within limits.

The gateway asks providers for plain answers; some proxies compress all the same. Source: RFC 9110, section 8.4.1.
"""

import zlib
from typing import Protocol

from extproc.domain.errors import ProviderBadAnswer, ProviderTruncated

MAX_RATIO = 256
"""Plain to compressed, beyond ``FREE_BYTES``. Streams reach about 100; deflate could reach 1,032, and bombs do."""

FREE_BYTES = 16 * 1024 * 1024
"""Output to which ``MAX_RATIO`` does not apply: a model caught in a loop writes text that nearly vanishes."""

MAX_BYTES = 512 * 1024 * 1024
"""Output of one stream, ten times the longest: 128,000 tokens, each an event of 400 bytes."""

_PIECE_BYTES = 256 * 1024
"""Output per call of zlib, so that the limits are looked at before the memory is taken."""

_GZIP_WBITS = 16 + zlib.MAX_WBITS
_ZLIB_WBITS = zlib.MAX_WBITS
_RAW_WBITS = -zlib.MAX_WBITS


class Decoder(Protocol):
    """Bytes as the provider sent them → plain bytes; any split of the input gives the same output."""

    def feed(self, data: bytes) -> bytes:
        """What these bytes add. Raises ``ProviderBadAnswer``: not of this coding, or too much."""
        ...

    def finish(self) -> None:
        """The provider ended the body. Raises ``ProviderTruncated`` where the coding says that more should follow."""
        ...


def decoder_for(coding: str | None, *, max_bytes: int = MAX_BYTES) -> Decoder:
    """The decoder for a ``content-encoding`` header. Raises ``ProviderBadAnswer`` naming a coding it does not know.

    ``max_bytes`` bounds what a compressed body may expand to: for an answer that is held as a whole, what may be held.
    """
    name = (coding or "identity").strip().lower()
    if name == "identity":
        return _Identity()
    if name in {"gzip", "x-gzip"}:
        return _Inflater("gzip", _GZIP_WBITS, max_bytes)
    if name == "deflate":
        return _Deflate(max_bytes)
    raise ProviderBadAnswer(f"the provider's answer has the content-encoding {name!r}, which was not asked for")


class _Identity:
    __slots__ = ()

    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> None:
        """Nothing says how long a plain body should be."""


class _Inflater:
    """zlib, through one member after another: gzip files may be joined end to end (RFC 1952, section 2.2)."""

    __slots__ = ("_coding", "_inflate", "_max_bytes", "_taken", "_total", "_wbits")

    def __init__(self, coding: str, wbits: int, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._coding = coding
        self._wbits = wbits
        self._inflate = zlib.decompressobj(wbits)
        self._taken = 0
        self._total = 0

    def feed(self, data: bytes) -> bytes:
        self._taken += len(data)
        pieces: list[bytes] = []
        try:
            while data or (pieces and len(pieces[-1]) == _PIECE_BYTES):
                if self._inflate.eof:
                    # Padding behind a member is allowed by all tools, if by no standard.
                    data = data.lstrip(b"\0")
                    if not data:
                        break
                    self._inflate = zlib.decompressobj(self._wbits)
                pieces.append(self._inflate.decompress(data, _PIECE_BYTES))
                data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
                self._check(len(pieces[-1]))
        except zlib.error as error:
            raise ProviderBadAnswer(f"the provider's answer is not valid {self._coding}") from error
        return b"".join(pieces)

    def finish(self) -> None:
        if self._taken and not self._inflate.eof:
            raise ProviderTruncated(f"the provider's {self._coding} answer ends in the middle")

    def _check(self, more: int) -> None:
        self._total += more
        if self._total > self._max_bytes or self._total > FREE_BYTES + MAX_RATIO * self._taken:
            raise ProviderBadAnswer(f"the provider's {self._coding} answer expands beyond the gateway's limit")


class _Deflate:
    """``deflate`` is the zlib format; some servers send the bare deflate data, as browsers have learnt to accept.

    The first two bytes tell: a zlib header says method 8 in its low four bits and is a multiple of 31. Bare data that
    begins so would be a stored block with a padding bit set, which no compressor writes.
    """

    __slots__ = ("_head", "_inflater", "_max_bytes")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._head = b""
        self._inflater: _Inflater | None = None

    def feed(self, data: bytes) -> bytes:
        if self._inflater is None:
            data = self._head + data
            if len(data) < 2:
                self._head = data
                return b""
            is_zlib = data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0
            self._inflater = _Inflater("deflate", _ZLIB_WBITS if is_zlib else _RAW_WBITS, self._max_bytes)
        return self._inflater.feed(data)

    def finish(self) -> None:
        if self._inflater is not None:
            self._inflater.finish()
        elif self._head:
            raise ProviderTruncated("the provider's deflate answer ends in the middle")
