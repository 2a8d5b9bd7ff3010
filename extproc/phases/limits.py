"""What a client may know of its meters: how much is left, and when it starts anew.

The names are those that OpenAI's API uses, for clients of any dialect: SDKs and agents look for them.
https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
"""

from collections.abc import Sequence

from extproc.domain import names
from extproc.domain.ledger import HoldLine, MeterState
from extproc.domain.meters import Unit
from extproc.domain.money import usd_text
from extproc.state.layout import whole_seconds

_FAMILY: dict[Unit, str] = {
    "requests": "requests",
    "tokens": "tokens",
    "input_tokens": "input-tokens",
    "output_tokens": "output-tokens",
}
"""``concurrent`` has no header anybody knows."""


def limit_headers(
    lines: Sequence[HoldLine], states: Sequence[MeterState], *, output: int | None = None
) -> tuple[tuple[str, str], ...]:
    """Of each unit the meter with the least left. Guards are not told: they are no allowance.

    ``output``: tokens granted to this request, None where nothing was. Its own hold, a bound far above what it will come
    to, does not count as used; but the request itself does.
    """
    tightest: dict[Unit, tuple[int, HoldLine, MeterState]] = {}
    for line, state in zip(lines, states, strict=False):
        own = 0 if output is None or line.meter.unit == "requests" else line.fixed + line.per_output * output
        left = max(0, line.meter.limit - state.settled - max(0, state.held - own))
        known = tightest.get(line.meter.unit)
        if not line.meter.guard and line.group is None and (known is None or left < known[0]):
            tightest[line.meter.unit] = (left, line, state)
    headers: list[tuple[str, str]] = []
    for unit, (left, line, state) in tightest.items():
        if unit == "usd":
            headers.append((names.BUDGET_LEFT_HEADER, usd_text(left)))
            headers.append((names.BUDGET_LIMIT_HEADER, usd_text(line.meter.limit)))
        elif (family := _FAMILY.get(unit)) is not None:
            headers.append((f"x-ratelimit-limit-{family}", str(line.meter.limit)))
            headers.append((f"x-ratelimit-remaining-{family}", str(left)))
            headers.append((f"x-ratelimit-reset-{family}", f"{_reset(line, state, granted=output is not None)}s"))
    return tuple(headers)


def _reset(line: HoldLine, state: MeterState, *, granted: bool) -> int:
    """Seconds. What is under way alone leaves a rolling window a whole one after it has settled, which may be at once."""
    window = line.meter.window
    if state.reset_seconds or window.kind != "rolling" or not (granted or state.held):
        return state.reset_seconds
    return whole_seconds(window)
