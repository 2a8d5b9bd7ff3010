"""What the attempts of a request tell each other, admission and the access log, through Envoy's dynamic metadata.

Key ``a1``, ``a2``... (``names.ATTEMPT_KEY``) holds one mark. Writer: ``extproc.phases.attempt``; readers: later attempts
of the same request, ``extproc.phases.admission``, and whoever reads Envoy's access log.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from extproc.domain import names
from extproc.domain.errors import NoAnswer
from extproc.telemetry.records import AttemptSummary

SENT = "sent"
"""The reason of an attempt that has not ended yet."""


@dataclass(frozen=True, slots=True)
class AttemptMark:
    """What an attempt tells the later ones, admission and the access log of itself.

    ``reason``: ``sent`` when the request goes out, later the outcome; a ``sent`` that was never replaced belongs to an
    attempt that no response headers ever reached. ``final``: its answer went to the client.
    """

    provider: str
    model: str
    reason: str
    started_ns: int
    ended_ns: int = 0
    final: bool = False

    def encode(self) -> str:
        """As text, of which the access log shows the first words."""
        return " ".join(
            (
                self.provider,
                self.reason,
                str(self.started_ns),
                str(self.ended_ns),
                "1" if self.final else "0",
                self.model,
            )
        )


def decode_mark(text: str) -> AttemptMark:
    """Counterpart of ``AttemptMark.encode``; the model comes last, for it may hold spaces."""
    provider, reason, started, ended, final, model = text.split(" ", 5)
    return AttemptMark(provider, model, reason, int(started), int(ended), final == "1")


def summaries(marks: tuple[AttemptMark, ...], now_ns: int) -> tuple[AttemptSummary, ...]:
    """The attempts as the request's row lists them; one that never reported its end is taken to end when the next began."""
    ends = [*(mark.started_ns for mark in marks[1:]), now_ns][: len(marks)]
    return tuple(
        AttemptSummary(
            provider=mark.provider,
            model=mark.model,
            reason=NoAnswer("").outcome if mark.reason == SENT else mark.reason,
            duration_ms=((mark.ended_ns or end) - mark.started_ns) / 1e6,
        )
        for mark, end in zip(marks, ends, strict=True)
    )


def read_marks(metadata: Mapping[str, str]) -> tuple[AttemptMark, ...]:
    """The attempts' marks, in order."""
    found: list[AttemptMark] = []
    while mark := metadata.get(f"{names.ATTEMPT_KEY}{len(found) + 1}"):
        found.append(decode_mark(mark))
    return tuple(found)
