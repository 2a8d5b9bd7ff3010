"""The load generator: a process of its own, told what to do line by line.

``python -m tests.bench.load`` reads a ``Job`` per line on standard input (JSON) and writes three lines for each on
standard output: ``{"event": "begin"}`` when the warm-up is over, ``{"event": "end"}`` when the time is, and the result.
Whoever watches the processes under test samples them at the first two. It is a closed loop: every connection sends its
next request when its answer is complete. Counterpart: ``tests.bench.driver``.
"""

import asyncio
import gc
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import cast

import orjson
import uvloop

from tests.bench.http1 import BadResponse, ResponseReader

_CONTENT = re.compile(rb'"content": ?"[^"]')
"""Somewhere in a stream's first event with text; the event with the role has an empty one."""
_STREAM_END = b"data: [DONE]"
_RECONNECT = 0.05
"""Seconds between a connection that failed and the next, so that a system that is down is not hammered."""
_DRAIN = 5.0
"""Seconds for whole answers still under way at the end of the time. Streams under way are cut: they may be long."""


@dataclass(frozen=True, slots=True)
class Job:
    """One measurement.

    ``request`` is a whole HTTP request as Latin-1 text. An answer counts when its status is 200 and its body holds
    ``expect``; a stream must have ``min_events`` events (0: not a stream) and its end marker. The connections of
    streams begin one after the other over the warm-up: begun together, paced streams would send their events at the
    same moments, and everybody's work on them would be done in batches as it never is in life.
    """

    port: int
    request: str
    expect: str
    connections: int
    warmup: float
    seconds: float
    min_events: int = 0


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What happened between ``begin`` and ``end``. Times are milliseconds, over the answers completed in that time.

    ``started`` and ``completed`` differ where answers are long; ``events`` and ``chunks`` are counted as they come.
    ``first_*`` is the time to the first event with text (0 where the answers are no streams).
    """

    seconds: float
    started: int
    completed: int
    errors: int
    error_samples: list[str]
    p50: float
    p99: float
    mean: float
    first_p50: float
    first_p99: float
    events: int
    chunks: int


class _Run:
    """One job under way."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.request = job.request.encode("latin-1")
        self.expect = job.expect.encode()
        self.counting = False
        self.over = False
        self.started = 0
        self.events = 0
        self.chunks = 0
        self.times: list[float] = []
        self.first_times: list[float] = []
        self.errors: Counter[str] = Counter()
        self.busy = 0
        self.idle = asyncio.Event()
        self.connections: set[_Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    def fault(self, reader: ResponseReader) -> str | None:
        """What is wrong with a complete response; None where it is good."""
        if reader.status != 200:
            return f"status {reader.status}: {reader.body[:200].decode('latin-1')}"
        if self.expect not in reader.body:
            return f"the expected text is missing: {reader.body[:200].decode('latin-1')}"
        if self.job.min_events and (reader.events < self.job.min_events or _STREAM_END not in reader.body[-40:]):
            return f"short stream: {reader.events} events, end {reader.body[-40:].decode('latin-1')}"
        return None

    def error(self, message: str) -> None:
        """Errors count in the warm-up, too: nothing shall go unseen."""
        self.errors[message] += 1

    def connect(self, after: float = 0.0) -> None:
        """Open one connection."""
        task = asyncio.create_task(self._connect(after), name="connect")
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _connect(self, after: float) -> None:
        """Again and again while it is refused."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(after)
        while not self.over:
            try:
                await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self.job.port)
            except OSError as error:
                self.error(f"no connection: {error}")
                await asyncio.sleep(_RECONNECT)
            else:
                return

    def result(self, seconds: float) -> LoadResult:
        """The figures."""
        times, first = sorted(self.times), sorted(self.first_times)
        return LoadResult(
            seconds=seconds,
            started=self.started,
            completed=len(times),
            errors=sum(self.errors.values()),
            error_samples=[f"{count}x {text}" for text, count in self.errors.most_common(3)],
            p50=_percentile(times, 0.50),
            p99=_percentile(times, 0.99),
            mean=sum(times) / len(times) * 1000 if times else 0.0,
            first_p50=_percentile(first, 0.50),
            first_p99=_percentile(first, 0.99),
            events=self.events,
            chunks=self.chunks,
        )


class _Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._reader = ResponseReader()
        self._waiting = False
        self._began = 0.0
        self._first = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._run.connections.add(self)
        self._send()

    def _send(self) -> None:
        run = self._run
        self._reader.begin()
        self._first = 0.0
        self._waiting = True
        run.busy += 1
        run.started += run.counting
        self._began = time.perf_counter()
        self._transport.write(run.request)

    def data_received(self, data: bytes) -> None:
        run, reader = self._run, self._reader
        events, chunks = reader.events, reader.chunks
        try:
            whole = reader.feed(data)
        except BadResponse as error:
            run.error(str(error))
            self._transport.abort()
            return
        if run.job.min_events:
            if not self._first and _CONTENT.search(reader.body):
                self._first = time.perf_counter()
            if run.counting:
                run.events += reader.events - events
                run.chunks += reader.chunks - chunks
        if whole:
            self._complete()

    def _complete(self) -> None:
        run, now = self._run, time.perf_counter()
        self._done()
        fault = run.fault(self._reader)
        if fault is not None:
            run.error(fault)
        elif run.counting:
            run.times.append(now - self._began)
            if self._first:
                run.first_times.append(self._first - self._began)
        if run.over or self._reader.closes:
            self._transport.close()
        else:
            self._send()

    def _done(self) -> None:
        self._waiting = False
        self._run.busy -= 1
        if not self._run.busy:
            self._run.idle.set()

    def connection_lost(self, exc: Exception | None) -> None:
        run = self._run
        run.connections.discard(self)
        if self._waiting:
            self._done()
            if not run.over:
                run.error(f"the connection was closed without an answer ({exc})")
        if not run.over:
            run.connect()

    def cut(self) -> None:
        """The time is over."""
        self._transport.abort()


async def perform(job: Job, tell: Callable[[dict[str, object]], None]) -> LoadResult:
    """Do a job; ``tell`` hears of its beginning and end."""
    run = _Run(job)
    spread = job.warmup if job.min_events else 0.0
    for number in range(job.connections):
        run.connect(spread * number / job.connections)
    await asyncio.sleep(job.warmup)
    tell({"event": "begin"})
    began = time.perf_counter()
    run.counting = True
    await asyncio.sleep(job.seconds)
    run.counting, run.over = False, True
    seconds = time.perf_counter() - began
    tell({"event": "end"})
    if run.busy and not job.min_events:
        run.idle.clear()
        try:
            await asyncio.wait_for(run.idle.wait(), _DRAIN)
        except TimeoutError:
            run.error(f"{run.busy} answers had not come {_DRAIN:g} seconds after the end")
    for connection in tuple(run.connections):
        connection.cut()
    await asyncio.gather(*run.tasks)
    return run.result(seconds)


def _percentile(ordered: Sequence[float], part: float) -> float:
    """By the nearest rank, in milliseconds; 0 of nothing."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000 if ordered else 0.0


def _tell(line: dict[str, object]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Do jobs until standard input ends."""
    for line in sys.stdin.buffer:
        gc.collect()
        gc.disable()
        # The loop's end closes the connections that are still open.
        result = uvloop.run(perform(Job(**orjson.loads(line)), _tell))
        gc.enable()
        _tell({"event": "result", **asdict(result)})


if __name__ == "__main__":
    main()
