"""What a provider answers with a 200, as it comes in: collected as a whole, or translated piece by piece.

Counterpart: ``extproc.phases.rejection``, for error statuses.
"""

from dataclasses import replace

from extproc.domain.errors import ProviderBadAnswer, ProviderError
from extproc.translate.content_coding import decoder_for
from extproc.translate.response import AnswerStream, Progress

_ANSWER_LIMIT = 64 * 1024 * 1024
"""A whole answer that is not streamed: images in base64 are the largest."""


class WholeAnswer:
    """An answer that is not streamed. ``coding``: its content-encoding; raises ``ProviderBadAnswer`` for unknown ones."""

    def __init__(self, coding: str | None) -> None:
        self._decoder = decoder_for(coding, max_bytes=_ANSWER_LIMIT)
        self._held = bytearray()

    @property
    def size(self) -> int:
        """Bytes so far, as they came."""
        return len(self._held)

    def feed(self, data: bytes) -> None:
        """A piece of it. Raises ``ProviderBadAnswer`` where it becomes too long."""
        self._held += data
        if len(self._held) > _ANSWER_LIMIT:
            raise ProviderBadAnswer(f"The provider's answer exceeds {_ANSWER_LIMIT} bytes.")

    def finish(self) -> bytes:
        """All of it is here: what it says, decoded. Raises ``ProviderBadAnswer`` or ``ProviderTruncated``."""
        body = self._decoder.feed(bytes(self._held))
        self._decoder.finish()
        return body


class StreamedAnswer:
    """An answer that is passed on as it comes. ``coding`` as above."""

    def __init__(self, coding: str | None, translated: AnswerStream) -> None:
        self._decoder = decoder_for(coding)
        self.translated = translated

    def feed(self, data: bytes, *, end: bool) -> Progress:
        """What a piece of it comes to, a failure included."""
        translated, progress = self.translated, Progress()
        try:
            progress = translated.feed(self._decoder.feed(data))
            if end and not translated.terminal:
                self._decoder.finish()
                progress = _joined(progress, translated.finish())
        except ProviderError as error:
            progress = replace(progress, failed=error)
        return progress


def _joined(first: Progress, last: Progress) -> Progress:
    """Two pieces as one; ``first`` neither failed nor ended."""
    return Progress(first.data + last.data, first.content + last.content, last.failed, last.ended)
