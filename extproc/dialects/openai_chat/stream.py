"""Provider bytes → frames; its counterpart is ``stream_writer``. What one chunk means is in ``deltas``."""

from extproc.dialects.openai_chat.deltas import ChunkReader
from extproc.dialects.openai_stream import ChunkStreamReader


class OpenAIStreamReader(ChunkStreamReader):
    """Reads one stream (see ``extproc.dialects.base.StreamReader``)."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(ChunkReader())
