"""The targets, and whether this run met them: computed from its figures, or not at all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tests.bench.matrix import Results, Summary
from tests.bench.pairs import PairCost

RATE_OVER_LITELLM = 10.0
ADDED_OF_LITELLM = 0.25
RATE_OVER_PORTKEY = 1.5
CHUNK_MICROSECONDS = 100.0
REQUEST_MICROSECONDS = 1000.0
METERS_MILLISECONDS = 0.3
METERS_OVER = 1.35
"""CPU of a request that five meters count, over one that is only booked, and over one of a gateway without a ledger."""
_CHATS = ("chat-1", "chat-16", "chat-64")
_LENGTHS = ("stream-busy-100", "stream-busy-300")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target. ``value`` None: this run has no figure for it; ``disturbed``: others had a hand in it."""

    what: str
    value: float | None
    relation: Literal[">=", "<="]
    target: float
    unit: str = "times"
    disturbed: bool = False

    @property
    def met(self) -> bool | None:
        """None where nothing was measured."""
        if self.value is None:
            return None
        return self.value >= self.target if self.relation == ">=" else self.value <= self.target

    def __str__(self) -> str:
        """One line."""
        said = {None: "not measured", True: "met", False: "not met"}[self.met]
        value = "-" if self.value is None else f"{self.value:.2f}"
        note = " (disturbed: run it again on an idle machine)" if self.disturbed and self.value is not None else ""
        return f"{self.what:<62} {value:>8} {self.unit:<5}  target {self.relation} {self.target:g}:  {said}{note}"


def verdicts(results: Results) -> Iterator[Verdict]:
    """All targets, in order."""
    for case, clients in (("chat-1", 1), ("chat-16", 16)):
        rows = results.get(case, {})
        ours, envoy = rows.get("gateway"), rows.get("envoy")
        litellm, portkey = rows.get("litellm"), rows.get("portkey")
        at = f"at concurrency {clients}"
        yield Verdict(
            f"requests/s over LiteLLM's {at}",
            _rates(ours, litellm),
            ">=",
            RATE_OVER_LITELLM,
            disturbed=_disturbed(ours, litellm),
        )
        yield Verdict(
            f"p50 added to Envoy alone, of LiteLLM's {at}",
            _ratio(added(ours, envoy), added(litellm, envoy)),
            "<=",
            ADDED_OF_LITELLM,
            disturbed=_disturbed(ours, litellm, envoy),
        )
        yield Verdict(
            f"requests/s over Portkey's {at}",
            _rates(ours, portkey),
            ">=",
            RATE_OVER_PORTKEY,
            disturbed=_disturbed(ours, portkey),
        )
    for name, title, target in (("litellm", "LiteLLM", RATE_OVER_LITELLM), ("portkey", "Portkey", RATE_OVER_PORTKEY)):
        ours, theirs = _best(results, "gateway"), _best(results, name)
        yield Verdict(
            f"requests/s over {title}'s, each at its best",
            _rates(ours, theirs),
            ">=",
            target,
            disturbed=_disturbed(ours, theirs),
        )
    yield from _of_meters(results.get("chat-16", {}))
    for label, dialects in (("gateway", "same dialect"), ("gateway translating", "OpenAI client, Anthropic provider")):
        yield Verdict(
            f"Python CPU per chunk, {dialects}",
            event_cost(results, label, "workers"),
            "<=",
            CHUNK_MICROSECONDS,
            "µs",
            disturbed=_disturbed(*(results.get(case, {}).get(label) for case in _LENGTHS)),
        )


def pair_verdicts(costs: Sequence[PairCost]) -> Iterator[Verdict]:
    """The targets of translation, for the worst of all pairs."""
    requests = [(cost.request, cost.name) for cost in costs if cost.request is not None]
    chunks = [(cost.chunk, cost.name) for cost in costs]
    for what, known, target in (
        ("CPU per request of 10 turns", requests, REQUEST_MICROSECONDS),
        ("CPU per chunk", chunks, CHUNK_MICROSECONDS),
    ):
        value, name = max(known, default=(None, "any pair"))
        yield Verdict(f"{what}, {name}", value, "<=", target, "µs")


def _of_meters(rows: Mapping[str, Summary]) -> Iterator[Verdict]:
    none, ledger, meters = (rows.get(form) for form in ("gateway", "ledger", "meters"))
    spent, booked = _cpu(meters), _cpu(ledger)
    yield Verdict(
        "CPU per request that 5 meters add to the ledger's",
        spent - booked if spent is not None and booked is not None else None,
        "<=",
        METERS_MILLISECONDS,
        "ms",
        disturbed=_disturbed(meters, ledger),
    )
    for what, base in (("the ledger alone", ledger), ("no ledger", none)):
        yield Verdict(
            f"CPU per request with 5 meters, of that with {what}",
            _ratio(spent, _cpu(base)),
            "<=",
            METERS_OVER,
            disturbed=_disturbed(meters, base),
        )


def added(row: Summary | None, envoy: Summary | None) -> float | None:
    """Milliseconds of p50 over Envoy alone, at the same concurrency."""
    return row.p50 - envoy.p50 if row is not None and envoy is not None else None


def event_cost(results: Results, label: str, part: str) -> float | None:
    """CPU microseconds of a part of a system for one event of a stream, without what a stream costs by being one.

    Two lengths of stream give two sums of the same two prices, that of a stream and that of an event.
    """
    short, long = (results.get(case, {}).get(label) for case in _LENGTHS)
    if short is None or long is None:
        return None
    determinant = short.answers * long.events - long.answers * short.events
    if determinant <= 0:  # the rounds were too short to see both lengths
        return None
    seconds = (short.answers * long.cpu_seconds[part] - long.answers * short.cpu_seconds[part]) / determinant
    return seconds * 1e6


def _best(results: Results, label: str) -> Summary | None:
    """A system's row with the number of clients at which it answers most."""
    rows = [results[case][label] for case in _CHATS if label in results.get(case, {})]
    return max(rows, key=lambda row: row.rate, default=None) if len(rows) == len(_CHATS) else None


def _cpu(row: Summary | None) -> float | None:
    """Milliseconds per answer, of all processes of the system."""
    return sum(row.cpu.values()) if row is not None and row.cpu else None


def _disturbed(*rows: Summary | None) -> bool:
    return any(row is not None and row.disturbed for row in rows)


def _rates(ours: Summary | None, theirs: Summary | None) -> float | None:
    return _ratio(ours.rate, theirs.rate) if ours is not None and theirs is not None else None


def _ratio(value: float | None, of: float | None) -> float | None:
    return value / of if value is not None and of is not None and of > 0 else None
