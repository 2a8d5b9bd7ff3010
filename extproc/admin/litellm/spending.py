"""How much somebody has spent: since the budget began anew, as LiteLLM counts it, or all in all where there is no budget."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from extproc.admin.asking import store_answers
from extproc.admin.litellm.allowances import allowance_of
from extproc.admin.service import DirectoryService
from extproc.domain.meters import Meter
from extproc.policy.windows import Windows
from extproc.state.reports import Reports

_KEPT = 400 * 86_400
"""Seconds: of what is older there are no sums."""

Kind = Literal["key_id", "team", "user"]


@dataclass(frozen=True, slots=True)
class Spender:
    """Whose spend is asked for. ``since``: when it was made, None: not known."""

    name: str
    meters: tuple[Meter, ...]
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Spend:
    """Nano-dollars, and when they are counted anew."""

    usd: int
    reset_at: datetime | None = None


class Spends:
    """From the meter where there is one, which is exact, else from the sums, which go back 400 days."""

    def __init__(
        self, service: DirectoryService, reports: Reports, *, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._service = service
        self._reports = reports
        self._now_ns = now_ns
        self._windows = Windows()

    async def of(self, kind: Kind, spenders: Sequence[Spender]) -> list[Spend]:
        """In order. Raises ``Unavailable``."""
        meters = [allowance_of(spender.meters, {}).meter for spender in spenders]
        counted = [meter for meter in meters if meter is not None]
        states = await self._service.meter_states(counted) if counted else ()
        settled = {} if states is None else {m.id: s.settled for m, s in zip(counted, states, strict=True)}
        without = [one for one, meter in zip(spenders, meters, strict=True) if meter is None or meter.id not in settled]
        sums = await self._sums(kind, without)
        return [
            Spend(sums.get(one.name, 0))
            if meter is None or meter.id not in settled
            else Spend(settled[meter.id], self._end(meter))
            for one, meter in zip(spenders, meters, strict=True)
        ]

    async def _sums(self, kind: Kind, spenders: Sequence[Spender]) -> dict[str, int]:
        if not spenders:
            return {}
        now = self._now_ns() // 1_000_000_000
        oldest = min((int(one.since.timestamp()) if one.since else 0) for one in spenders)
        start = max(oldest - 3600, now - _KEPT)  # the hour in which it was made is kept as a whole
        with store_answers():
            found = await self._reports.sums(start, now + 1, "all", (kind,), zone=UTC)
        return {each.names[0]: each.usd for each in found}

    def _end(self, meter: Meter) -> datetime | None:
        _, end = self._windows.around(meter.window, self._now_ns())
        return datetime.fromtimestamp(end, UTC) if end else None
