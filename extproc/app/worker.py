"""One worker process: ``python -m extproc.app.worker INDEX``, with run directory and configuration in its environment.

The supervisor (``extproc.app.gateway``) starts it and puts ``PROMETHEUS_MULTIPROC_DIR`` into its environment, which must
be there before the interpreter imports anything. SIGTERM drains: streams under way end, new ones go to other workers.
"""

import asyncio
import contextlib
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

import uvloop

from extproc.app.ledger_watch import LedgerWatch
from extproc.app.rundir import RUN_DIR_VARIABLE, RunDir
from extproc.app.services import Services
from extproc.app.signals import told_to_stop
from extproc.config.loaded import unpack
from extproc.config.snapshot import Snapshot
from extproc.envoyconf.listener import BUFFER
from extproc.phases.admission import Admission
from extproc.phases.attempt import Attempt
from extproc.phases.events import Phase
from extproc.phases.ports import SystemClock, SystemDice
from extproc.telemetry.events import EventLog, bridge_logging
from extproc.telemetry.log import RowLog, open_sink
from extproc.telemetry.metrics import Metrics
from extproc.telemetry.recorder import LiveRecorder, Recorder
from extproc.telemetry.traces import Tracer, make_tracer
from extproc.transport.server import GrpcServer
from extproc.version import VERSION

CONFIG_VARIABLE = "LLMGW_CONFIG_FD"
"""The descriptor of the packed configuration: a worker that is restarted must not see a newer one."""
ROWS_VARIABLE = "LLMGW_ROWS"
"""The file of the log rows; absent: standard output."""

_GC_THRESHOLDS = (20_000, 20, 100)
"""A request leaves next to no cycles behind; with the defaults (700, 10, 10) looking for them takes 6 % of its CPU."""
_FLUSH_SECONDS = 0.1
"""What a killed worker may take of its counts with it."""
_FRAMING = 1024 * 1024
"""What a message adds to a body: headers, metadata, lengths."""


class Crashes:
    """The transport's observer: says what should not have happened, without a request's content."""

    def __init__(self, events: EventLog) -> None:
        self._events = events

    def crashed(self, where: str, error: BaseException) -> None:
        """See ``Observer``. Of the traceback only places are logged: messages of exceptions may quote a request."""
        place = ""
        traceback = error.__traceback__
        while traceback is not None:
            code = traceback.tb_frame.f_code
            place = f"{Path(code.co_filename).name}:{traceback.tb_lineno} {code.co_name}"
            traceback = traceback.tb_next
        self._events.event("error", "a request crashed", where=where, error=type(error).__name__, at=place)


def load_snapshot(descriptor: int) -> Snapshot:
    """The configuration of this run. Read from its beginning, for all workers share the descriptor's position."""
    return unpack(os.pread(descriptor, os.fstat(descriptor).st_size, 0))


def phase_factory(services: Services, recorder: Recorder, tracer: Tracer) -> Callable[[bool], Phase]:
    """What makes the phase of each new stream."""
    clock, dice = SystemClock(), SystemDice()
    admission = services.admission(clock, dice, recorder, tracer)
    attempt = services.attempt(clock, recorder, tracer)

    def new_phase(is_attempt: bool) -> Phase:  # noqa: FBT001  the transport's signature
        return Attempt(attempt) if is_attempt else Admission(admission)

    return new_phase


async def _flush(recorder: LiveRecorder, metrics: Metrics, services: Services) -> None:
    while True:
        await asyncio.sleep(_FLUSH_SECONDS)
        if services.stored:
            metrics.directory_age(services.staleness)
        recorder.flush()


async def _serve(run_dir: RunDir, index: int) -> None:
    stop = told_to_stop()
    events = EventLog(sys.stderr)
    bridge_logging(events)
    snapshot = load_snapshot(int(os.environ[CONFIG_VARIABLE]))
    metrics = Metrics(version=VERSION, multiprocess=True)
    metrics.config_loaded(snapshot.version)
    rows_path = os.environ.get(ROWS_VARIABLE)
    rows = RowLog(open_sink(Path(rows_path) if rows_path else None), events, on_drop=metrics.rows_dropped)
    recorder = LiveRecorder(rows, metrics, events)
    tracer = make_tracer(snapshot.telemetry.otlp_endpoint, version=VERSION)
    services = Services(snapshot, os.environ, events, LedgerWatch(metrics, events), index=index)
    if services.stored:
        metrics.store_up(up=True)
    await services.start()
    server = GrpcServer(
        phase_factory(services, recorder, tracer),
        Crashes(events),
        SystemClock(),
        max_message=max(snapshot.max_request_bytes, BUFFER) + _FRAMING,
    )
    await server.start(run_dir.socket(index))
    # What is alive now lives for ever: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    flushing = asyncio.create_task(_flush(recorder, metrics, services), name="flush metrics")
    await stop.wait()
    await server.drain(snapshot.drain)
    await services.stop()
    flushing.cancel()
    recorder.flush()
    tracer.close()
    rows.close()


def main() -> None:
    """Run until SIGTERM."""
    run_dir = RunDir(Path(os.environ[RUN_DIR_VARIABLE]))
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(run_dir, int(sys.argv[1])))


if __name__ == "__main__":
    main()
