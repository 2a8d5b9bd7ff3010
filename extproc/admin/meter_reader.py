"""Where meters stand now, with the time until their windows end: the ``MeterReader`` of the service."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from extproc.domain.ledger import MeterState
from extproc.domain.meters import Meter
from extproc.policy.windows import Windows


class Reads(Protocol):
    """The part of ``extproc.state.reports.Reports`` that is used."""

    def states(self, meters: Sequence[tuple[Meter, int]]) -> Awaitable[list[MeterState]]:
        """Where meters stand, each with the start of its window. Raises ``StoreAway``."""
        ...


class MeterStates:
    """Asks the ledger. Call it with meters; a ``*`` in a scope stands for no value here, so such a meter is at zero."""

    def __init__(self, ledger: Reads, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._ledger = ledger
        self._now_ns = now_ns
        self._windows = Windows()

    async def __call__(self, meters: Sequence[Meter]) -> Sequence[MeterState]:
        """The states in order. Raises ``StoreAway``."""
        if not meters:
            return ()
        now = self._now_ns()
        spans = [self._windows.around(meter.window, now) for meter in meters]
        pairs = [(meter, start) for meter, (start, _) in zip(meters, spans, strict=True)]
        states = await self._ledger.states(pairs)
        return [replace(state, reset_seconds=_left(end, now)) for state, (_, end) in zip(states, spans, strict=True)]


def _left(end: int, now_ns: int) -> int:
    return max(0, end - now_ns // 1_000_000_000) if end else 0
