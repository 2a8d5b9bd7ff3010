"""What the attempts of a request tell each other, admission and the access log, through Envoy's dynamic metadata.

Key ``a1``, ``a2``... (``names.ATTEMPT_KEY``) holds one mark. Writer: ``extproc.phases.attempt``; readers: later attempts
of the same request, ``extproc.phases.admission``, and whoever reads Envoy's access log.
"""

from collections.abc import Mapping, Sequence

from extproc.domain import names
from extproc.domain.errors import NoAnswer, ProviderTimeout, ProviderUnreachable
from extproc.domain.valueclass import valueclass
from extproc.phases.handoff import Step
from extproc.telemetry.records import AttemptSummary

SENT = "sent"
"""The reason of an attempt that has not ended yet."""

CLOCKS_DIFFER = 0.05
"""Seconds by which Envoy's timer may ring early, as seen from here."""


@valueclass
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


def summaries(marks: tuple[AttemptMark, ...], now_ns: int, *, limit: float) -> tuple[AttemptSummary, ...]:
    """The attempts as the request's row lists them; one that never reported its end is taken to end when the next began.

    ``limit``: seconds after which Envoy ends an attempt that has not answered.
    """
    ends = [*(mark.started_ns for mark in marks[1:]), now_ns][: len(marks)]
    return tuple(
        AttemptSummary(
            provider=mark.provider,
            model=mark.model,
            reason=unexplained(duration / 1000, limit) if mark.reason == SENT else mark.reason,
            duration_ms=duration,
        )
        for mark, end in zip(marks, ends, strict=True)
        for duration in (_duration(mark, end),)
    )


def unexplained(seconds: float, limit: float) -> str:
    """The outcome of an attempt that just ended: Envoy's timeout is known by its length, the rest looks alike."""
    return ProviderTimeout("").outcome if seconds >= limit - CLOCKS_DIFFER else NoAnswer("").outcome


def _duration(mark: AttemptMark, end_ns: int) -> float:
    """Milliseconds; 0 where it is not known."""
    end = mark.ended_ns or end_ns
    return (end - mark.started_ns) / 1e6 if mark.started_ns and end else 0.0


def read_marks(metadata: Mapping[str, str], chain: Sequence[Step], count: int) -> tuple[AttemptMark, ...]:
    """The marks of the first ``count`` attempts, in order.

    An attempt that never got a connection opens no stream here, so nobody marked it: it gets a mark that says so.
    """
    return tuple(_mark(metadata, chain, number) for number in range(1, count + 1))


def is_unmarked(mark: AttemptMark) -> bool:
    """Whether nobody wrote this mark: the attempt never got a connection."""
    return mark.started_ns == 0


def answered(metadata: Mapping[str, str]) -> AttemptMark | None:
    """The mark of the attempt whose answer, or whose error, goes to the client; None where there is none."""
    marks = (decode_mark(text) for key, text in metadata.items() if key != names.HANDOFF_KEY)
    return next((mark for mark in marks if mark.final), None)


def marked(metadata: Mapping[str, str]) -> tuple[int, ...]:
    """The numbers of the attempts that have marked themselves: they were sent to a provider."""
    return tuple(int(key[len(names.ATTEMPT_KEY) :]) for key in metadata if key != names.HANDOFF_KEY)


def _mark(metadata: Mapping[str, str], chain: Sequence[Step], number: int) -> AttemptMark:
    text = metadata.get(f"{names.ATTEMPT_KEY}{number}")
    if text is not None:
        return decode_mark(text)
    step = chain[min(number, len(chain)) - 1]
    return AttemptMark(step.provider, step.model, ProviderUnreachable("").outcome, 0)
