"""Provider bytes → frames; its counterpart is ``stream_writer``, and what an event means is in ``events``.

The framing is that of OpenAI's other streams (``extproc.dialects.openai_stream``), but for the end: no ``[DONE]``, the
last event is one of ``response.completed``, ``response.incomplete``, ``response.failed`` and ``error``.
"""

from extproc.dialects.openai_responses.events import EventReader
from extproc.dialects.openai_stream import ChunkStreamReader


class OpenAIResponsesStreamReader(ChunkStreamReader):
    """Reads one stream (see ``extproc.dialects.base.StreamReader``)."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(EventReader())
