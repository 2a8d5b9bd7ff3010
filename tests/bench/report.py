"""The tables that the bench prints, and the same figures as JSON."""

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.bench.cost import Measure
from tests.bench.matrix import BUSY, DISTURBED, LIGHT, Results, Summary
from tests.bench.pairs import PairCost
from tests.bench.verdicts import Verdict, event_cost
from tests.bench.workload import LONG, PACE, SHORT

_CHAT = {
    "chat-1": "Whole answers, 1 client at a time",
    "chat-16": "Whole answers, 16 clients",
    "chat-64": "Whole answers, 64 clients",
}
_STREAMS = {
    "stream-paced": f"Streams of {SHORT} events at {PACE} a second, {LIGHT} at a time",
    "stream-busy-100": f"Streams of {SHORT} events at {PACE} a second, {BUSY} at a time",
    "stream-busy-300": f"Streams of {LONG} events at {PACE} a second, {BUSY} at a time",
    "stream-burst": f"Streams of {SHORT} events as fast as they come, {LIGHT} at a time",
}


def machine() -> dict[str, object]:
    """What it ran on."""
    model = next((line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")), "unknown")
    return {
        "cpu": model,
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return []


def text(results: Results, unavailable: Mapping[str, str]) -> Iterator[str]:
    """All tables, line by line."""
    for case, title in _CHAT.items():
        if results.get(case):
            yield from ("", title, *_chat_table(results[case]))
    for case, title in _STREAMS.items():
        if results.get(case):
            yield from ("", title, *_stream_table(results[case]))
    costs = list(_event_costs(results))
    if costs:
        yield from ("", "CPU per event of a busy stream, from the difference of the two lengths (µs)", *costs)
    yield from ("", *(f"not measured: {name}: {reason}" for name, reason in unavailable.items()))
    yield from _warnings(results)


def parts_table(parts: Sequence[Measure]) -> Iterator[str]:
    """The figures of ``micro`` and ``transport``."""
    if parts:
        yield from ("", "Parts")
    for part in parts:
        yield f"  {part.what:<72} {part.value:>10.1f} {part.unit}"


_WORST = 5


def pairs_table(costs: Sequence[PairCost]) -> Iterator[str]:
    """Clients by formats for requests, answers and chunks of streams, and which pairs are the worst."""
    if not costs:
        return
    kinds: Sequence[tuple[str, Callable[[PairCost], float | None]]] = (
        ("Request of 10 turns with tools, by client and provider's format", lambda cost: cost.request),
        ("Whole answer with reasoning, text and two calls", lambda cost: cost.answer),
        ("Stream, for each chunk", lambda cost: cost.chunk),
    )
    formats = list(dict.fromkeys(cost.format for cost in costs))
    for title, figure in kinds:
        yield from ("", f"{title} (µs of CPU)", f"  {'':<20}" + "".join(f"{name:>20}" for name in formats))
        for client in dict.fromkeys(cost.client for cost in costs):
            row = [figure(cost) for cost in costs if cost.client == client]
            yield f"  {client:<20}" + "".join(f"{'-' if value is None else f'{value:.1f}':>20}" for value in row)
        known = sorted(((value, cost.name) for cost in costs if (value := figure(cost)) is not None), reverse=True)
        yield "  worst: " + ", ".join(f"{name} {value:.0f}" for value, name in known[:_WORST])


def _chat_table(rows: Mapping[str, Summary]) -> Iterator[str]:
    yield (
        f"  {'':<20} {'req/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'+p50 ms':>8} {'+p99 ms':>8}"
        f" {'CPU ms/req':>10} {'RSS MB':>7} {'errors':>6}"
    )
    for label, row in rows.items():
        envoy = _base(label, rows)
        over = _over(row.p50, envoy and envoy.p50)
        over99 = _over(row.p99, envoy and envoy.p99)
        yield (
            f"{_mark(row)} {label:<20} {row.rate:>8.1f} {_shown(row.p50):>8} {_shown(row.p99):>8} {over:>8} {over99:>8}"
            f" {sum(row.cpu.values()):>10.3f} {row.rss / 1e6:>7.0f} {row.errors:>6}{_parts(row)}"
        )


def _stream_table(rows: Mapping[str, Summary]) -> Iterator[str]:
    yield (
        f"  {'':<20} {'events/s':>9} {'first ms':>8} {'+first':>8} {'total ms':>9} {'+total':>8}"
        f" {'CPU ms/stream':>13} {'ev/chunk':>8} {'errors':>6}"
    )
    for label, row in rows.items():
        envoy = _base(label, rows)
        first = _over(row.first_p50, envoy and envoy.first_p50)
        total = _over(row.p50, envoy and envoy.p50)
        yield (
            f"{_mark(row)} {label:<20} {row.event_rate:>9.0f} {_shown(row.first_p50):>8} {first:>8} {_shown(row.p50):>9}"
            f" {total:>8} {sum(row.cpu.values()):>13.2f} {row.events_per_chunk:>8.2f} {row.errors:>6}{_parts(row)}"
        )


def _base(label: str, rows: Mapping[str, Summary]) -> Summary | None:
    """What a row's latencies are compared with: Envoy alone, but not itself, nor what has no proxy in it."""
    return None if label in {"direct", "envoy"} else rows.get("envoy")


def _event_costs(results: Results) -> Iterator[str]:
    for label, row in results.get("stream-busy-300", {}).items():
        costs = {part: event_cost(results, label, part) for part in row.cpu_seconds}
        if all(cost is not None for cost in costs.values()):
            yield f"  {label:<20} " + "  ".join(f"{part} {cost:.0f}" for part, cost in costs.items())


def _over(value: float, base: float | None) -> str:
    """What is added to Envoy alone; nothing where there is no figure for one of them."""
    return f"{value - base:+.2f}" if value and base else "-"


def _shown(value: float) -> str:
    """A latency; 0 stands for none."""
    return f"{value:.2f}" if value else "-"


def _parts(row: Summary) -> str:
    return "  (" + ", ".join(f"{part} {cost:.3f}" for part, cost in row.cpu.items()) + ")" if len(row.cpu) > 1 else ""


def _mark(row: Summary) -> str:
    return "~" if row.disturbed else " "


def _warnings(results: Results) -> Iterator[str]:
    rows = [(case, label, row) for case, found in results.items() for label, row in found.items()]
    if any(row.disturbed for _, _, row in rows):
        yield f"~ disturbed: other processes took more than {DISTURBED:.0%} of the machine in every round of this row"
    for case, label, row in rows:
        if row.errors:
            yield f"ERRORS in {case}, {label}: {'; '.join(row.error_samples)}"


def document(
    head: Mapping[str, object],
    results: Results,
    unavailable: Mapping[str, str],
    parts: Sequence[Measure],
    pairs: Sequence[PairCost],
    verdicts: Sequence[Verdict],
) -> dict[str, object]:
    """Everything, for a file."""
    return {
        **head,
        "results": {case: {label: asdict(row) for label, row in rows.items()} for case, rows in results.items()},
        "unavailable": dict(unavailable),
        "parts": [asdict(part) for part in parts],
        "pairs": [asdict(cost) for cost in pairs],
        "targets": [{**asdict(verdict), "met": verdict.met} for verdict in verdicts],
    }
