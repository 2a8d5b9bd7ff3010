"""Header blocks of a connection's client: of all that they hold, the path is what is wanted."""

import hpack

from extproc.transport.frames import COMPRESSION_ERROR, Http2Error

_LIST_LIMIT = 64 * 1024
"""Bytes of the headers of one call, decompressed; Envoy's are a few hundred."""
_CACHED_BLOCKS = 256


class PathReader:
    """Reads the blocks of one connection, in order, for each may change the table that the next refers to."""

    def __init__(self) -> None:
        self._decoder = hpack.Decoder(max_header_list_size=_LIST_LIMIT)
        self._decoded: dict[bytes, str] = {}

    def path_of(self, block: bytes) -> str:
        """The ``:path`` of a header block.

        Envoy's blocks are soon the same bytes again and again: references into the compression table and literals that
        are not to be indexed. Such a block changes no state, so its meaning holds until a block that does change it;
        every other block goes through the decoder.
        """
        known = self._decoded.get(block)
        if known is not None:
            return known
        before = self._table_state()
        try:
            headers = self._decoder.decode(block, raw=True)
        except (hpack.HPACKError, UnicodeDecodeError) as error:
            raise Http2Error(COMPRESSION_ERROR, "a header block cannot be decoded") from error
        path = next((bytes(value).decode("latin-1") for name, value in headers if bytes(name) == b":path"), "")
        after = self._table_state()
        if after[0] is not before[0] or after[1:] != before[1:] or len(self._decoded) >= _CACHED_BLOCKS:
            self._decoded.clear()
        else:
            self._decoded[block] = path
        return path

    def _table_state(self) -> tuple[object, int, int]:
        """What differs after any change of the compression table: a new entry is a new object at its head.

        The head itself is in it, not its address: while it is held, nothing else can get that address.
        """
        table = self._decoder.header_table
        entries = table.dynamic_entries
        return entries[0] if entries else None, len(entries), table.maxsize
