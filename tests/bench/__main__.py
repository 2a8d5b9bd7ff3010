"""The bench: ``python -m tests.bench`` (``make bench``). One run measures all systems, in turns, and prints ratios last.

::

    driver ──jobs──► load ══HTTP══► Envoy alone | this gateway, 3 forms | LiteLLM | Portkey ══HTTP══► simulator
       └─ CPU and memory of everybody from /proc, at the same two moments

``workload``  what is asked         ``systems``  who is asked, and in which settings   ``probe``   do they serve it?
``matrix``    in which order         ``driver``  one measurement                        ``micro``   parts, in process
``verdicts``  the targets            ``report``  tables                                 ``pairs``   each pair of dialects
``transport``  our gRPC, grpc.aio
"""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import orjson

from tests.bench import matrix, micro, probe, report, transport, verdicts
from tests.bench.cost import Measure
from tests.bench.driver import Bench
from tests.bench.matrix import Results, Timing
from tests.bench.pairs import PairCost
from tests.bench.processes import Children, StartError
from tests.bench.systems import envoy_alone, gateway, litellm, portkey, provider
from tests.bench.systems.base import Lab, System, Unavailable

_SYSTEMS = {
    "envoy": envoy_alone.start,
    **gateway.FORMS,
    "litellm": litellm.start,
    "portkey": portkey.start,
}
_PARTS = ("direct", *_SYSTEMS, "transport", "micro")
_WARM_UP = 2.0
_QUICK = Timing(rounds=1, seconds=1.0, warmup=0.4, patience=5.0)


def main() -> None:
    """Run, and exit with 1 where an answer was wrong or a system broke."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="llmgw-bench-"))
    children = Children(folder)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        good = _Run(options, children).everything()
    except KeyboardInterrupt:
        sys.exit("interrupted: no ratios")
    except (StartError, RuntimeError) as error:
        sys.exit(f"bench: {error}")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        children.stop_all()
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if good else 1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure this gateway and its peers.")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that it works")
    parser.add_argument("--rounds", type=int, default=3, help="how often each measurement is made (default 3)")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a measurement (default 4)")
    parser.add_argument(
        "--patience", type=float, default=120.0, help="seconds for repeating what others disturb (default 120)"
    )
    parser.add_argument("--only", type=_parts, default=_PARTS, help=f"some of {','.join(_PARTS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    parser.add_argument("--no-install", action="store_true", help="leave out peers that are not installed in .bench/")
    return parser.parse_args()


def _parts(text: str) -> Sequence[str]:
    names = tuple(name.strip() for name in text.split(","))
    unknown = [name for name in names if name not in _PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is not one of {', '.join(_PARTS)}")
    return names


class _Run:
    """One run."""

    def __init__(self, options: argparse.Namespace, children: Children) -> None:
        self._options = options
        self._children = children
        self._timing = _QUICK if options.quick else Timing(options.rounds, options.seconds, 1.0, options.patience)
        self._unavailable: dict[str, str] = {}

    def everything(self) -> bool:
        """Measure and print; whether all answers were right."""
        head: dict[str, object] = {"machine": report.machine(), "timing": asdict(self._timing)}
        only: Sequence[str] = self._options.only
        source = provider.start(self._children)
        lab = Lab(self._children, self._children.folder, source.port, install=not self._options.no_install)
        systems = [source] if "direct" in only else []
        systems += [started for name in _SYSTEMS if name in only and (started := self._start(name, lab)) is not None]
        bench = Bench(self._children, source)
        head["systems"] = {system.name: f"{system.title} {system.version}".strip() for system in systems}
        results = self._compare(bench, systems)
        for system in systems:
            if system is not source:
                self._children.stop(system.process)
        parts: list[Measure] = []
        costs: list[PairCost] = []
        if "transport" in only:
            parts += transport.compare(lab, bench, self._timing)
        if "micro" in only:
            _tell("micro: parts in process")
            parts += micro.measure(quick=self._options.quick)
            costs = micro.measure_pairs(quick=self._options.quick)
        self._print(head, results, parts, costs)
        return not any(row.errors for rows in results.values() for row in rows.values())

    def _start(self, name: str, lab: Lab) -> System | None:
        _tell(f"starting {name}")
        try:
            system = _SYSTEMS[name](lab)
            probe.check(system)
        except (Unavailable, StartError, probe.NotServed) as error:
            if name in gateway.FORMS:
                raise RuntimeError(f"{name}: {error}") from error
            self._unavailable[name] = str(error)
            _tell(f"{name}: {error}")
            return None
        return system

    def _compare(self, bench: Bench, systems: Sequence[System]) -> Results:
        if not systems:
            return {}
        _tell("warming up")
        matrix.warm_up(bench, systems, _WARM_UP / 2 if self._options.quick else _WARM_UP)
        listed = matrix.cases(systems)
        return matrix.run(bench, listed, self._timing, _tell)

    def _print(
        self,
        head: dict[str, object],
        results: Results,
        parts: Sequence[Measure],
        costs: Sequence[PairCost],
    ) -> None:
        targets = [*verdicts.verdicts(results), *verdicts.pair_verdicts(costs)]
        print("machine: " + ", ".join(f"{name} {value}" for name, value in report.machine().items()))
        print(
            f"figures: medians of {self._timing.rounds} rounds of {self._timing.seconds:g} s, disturbed ones left out"
        )
        lines = (*report.text(results, self._unavailable), *report.parts_table(parts), *report.pairs_table(costs))
        for line in lines:
            print(line)
        print("\nTargets")
        for target in targets:
            print(f"  {target}")
        if self._options.json is not None:
            figures = report.document(head, results, self._unavailable, parts, costs, targets)
            self._options.json.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
