"""A meter has no room: the error that says so, and how to go on."""

from datetime import datetime
from zoneinfo import ZoneInfo

from extproc.domain.errors import BudgetExceeded, GatewayError, RateLimited, Runaway
from extproc.domain.ledger import HoldLine, MeterState
from extproc.domain.meters import Meter, Window
from extproc.domain.money import usd_text

_UNITS = {
    "tokens": "tokens",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "requests": "requests",
}
_NAMES = {60: "minute", 3600: "hour", 86_400: "day", 1: "second"}
_A_MOMENT = 1.0
"""Seconds after which a slot may be free."""


def no_room(line: HoldLine, state: MeterState, *, wanted: int, budget_status: int) -> GatewayError:
    """The refusal for a line of an order. ``wanted``: what the request could have taken of it, in the meter's unit."""
    meter = line.meter
    retry_after = float(state.reset_seconds) if state.reset_seconds else None
    left = max(0, meter.limit - state.settled - state.held)
    if meter.guard:
        return Runaway(_runaway(meter), retry_after=retry_after)
    if meter.unit == "usd":
        message = (
            f"The budget of {whose(meter)} has {usd_text(left)} of {usd_text(meter.limit)} US dollars left"
            f"{_when(meter.window)}, and this request needs {usd_text(wanted)} to be set aside at least.{_renewal(line)}"
            " Lower its output limit or its prompt, or ask the platform team."
        )
        return BudgetExceeded(message, status=budget_status, retry_after=retry_after)
    if meter.unit == "concurrent":
        return RateLimited(
            f"{whose(meter, capital=True)} has {meter.limit} requests under way, which is the limit."
            " Wait until one of them has ended.",
            retry_after=_A_MOMENT,
        )
    never = wanted > meter.limit
    needs = "" if meter.unit == "requests" else f", and this request needs {wanted} to be set aside at least"
    return RateLimited(
        f"The limit of {whose(meter)} is {meter.limit} {_UNITS[meter.unit]}{_when(meter.window)}; {left} are left"
        f"{needs}. " + ("It can never fit: lower its output limit or its prompt." if never else "Send it again later."),
        retry_after=None if never else retry_after,
    )


def stepped_down(line: HoldLine, *, budget_status: int) -> GatewayError:
    """The refusal where a ladder says to refuse."""
    return BudgetExceeded(
        f"The budget of {whose(line.meter)} is used up as far as the platform's rules allow{_when(line.meter.window)}."
        f"{_renewal(line)} Ask the platform team.",
        status=budget_status,
    )


def whose(meter: Meter, *, capital: bool = False) -> str:
    """Whose meter it is, in words: ``team "search" with model "generate"``."""
    words = [
        "this key" if kind == "key" else f'{kind.removeprefix("tag:") if kind.startswith("tag:") else kind} "{value}"'
        for kind, value in meter.scope
        if kind != "prompt"
    ]
    text = " with ".join(words) or "this gateway"
    return text[0].upper() + text[1:] if capital else text


def _runaway(meter: Meter) -> str:
    if any(kind == "prompt" for kind, _ in meter.scope):
        return (
            f"The same request came more than {meter.limit} times{_when(meter.window)}: this looks like a loop."
            " Stop it, or wait."
        )
    return (
        f"{whose(meter, capital=True)} spends more than {usd_text(meter.limit)} US dollars{_when(meter.window)}: this"
        " looks like a runaway. Stop it, wait, or ask the platform team for a higher guard."
    )


def _when(window: Window) -> str:
    match window.kind:
        case "calendar":
            return "" if window.span == "total" else f" this {window.span}"
        case "rolling":
            name = _NAMES.get(window.seconds)
            return f" in any {name}" if name else f" in any {window.seconds} seconds"
        case _:
            return ""


def _renewal(line: HoldLine) -> str:
    if not line.end:
        return ""
    moment = datetime.fromtimestamp(line.end, ZoneInfo(line.meter.window.timezone))
    return f" It starts anew at {moment.isoformat(timespec='minutes')}."
