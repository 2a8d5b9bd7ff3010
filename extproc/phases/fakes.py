"""Doubles for tests.

``FakeClock``, ``FixedDice``  what the phases need of the world: doubles of ``extproc.phases.ports``
``ScriptedPhase``             a phase for tests of whoever runs phases

The recorder's double is ``extproc.telemetry.fakes.RecordingFake``.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

from extproc.phases.events import Event, Replies, ResponseBody, ResponseBodyReply


class FakeClock:
    """A ``Clock`` that stands until it is moved. Both of its times move together."""

    def __init__(self, *, now_ns: int = 1_700_000_000_000_000_000, monotonic: float = 1000.0) -> None:
        self._now_ns = now_ns
        self._monotonic = monotonic

    def now_ns(self) -> int:
        """Unix nanoseconds."""
        return self._now_ns

    def monotonic(self) -> float:
        """Seconds."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move on."""
        self._now_ns += round(seconds * 1_000_000_000)
        self._monotonic += seconds


class FixedDice:
    """``Dice`` that fall as told: ``picks`` in turn, then the first that may be drawn; ids count from ``id-1``."""

    def __init__(self, picks: Sequence[int] = ()) -> None:
        self._picks = deque(picks)
        self._ids = 0
        self.seen: list[list[int]] = []
        """The weights of every throw."""

    def pick(self, weights: Sequence[int]) -> int:
        """The next of ``picks``. Raises ``AssertionError`` where it is no index of a positive weight."""
        self.seen.append(list(weights))
        index = self._picks.popleft() if self._picks else next(i for i, weight in enumerate(weights) if weight)
        assert weights[index] > 0, f"index {index} of {weights} cannot be drawn"
        return index

    def new_id(self) -> str:
        """The next id."""
        self._ids += 1
        return f"id-{self._ids}"


class ScriptedPhase:
    """A ``Phase`` that echoes body pieces, unless its script says otherwise.

    ``script``: what to do instead, by the data of the piece (``b""`` for every other event); under ``b"wake"`` and
    ``b"close"`` what to do then. A test sets ``deadline`` itself; waking clears it.
    """

    def __init__(self, script: Mapping[bytes, Callable[[], Replies | Awaitable[Replies]]]) -> None:
        self.deadline: float | None = None
        self.events: list[Event] = []
        self.woken = 0
        self.closed = 0
        self.crashed = False
        self._script = script

    def handle(self, event: Event) -> Replies | Awaitable[Replies]:
        """Do as the script says."""
        self.events.append(event)
        data = event.data if isinstance(event, ResponseBody) else b""
        step = self._script.get(data)
        return step() if step is not None else (ResponseBodyReply(b"echo " + data),)

    def wake(self) -> Replies:
        """Say so."""
        self.woken += 1
        self.deadline = None
        if b"wake" in self._script:
            self._script[b"wake"]()
        return (ResponseBodyReply(b"woken"),)

    def close(self, *, crashed: bool = False) -> None:
        """Count it."""
        self.closed += 1
        self.crashed = crashed
        if b"close" in self._script:
            self._script[b"close"]()
