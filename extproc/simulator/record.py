"""What the simulator received and what it really sent: the truth that tests of routing and billing compare with."""

import hashlib
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Literal

from extproc.domain.reading import JsonObject
from extproc.simulator.wire import Request

Outcome = Literal["in_progress", "complete", "fault", "client_closed"]

CAPACITY = 2_000
BRIEF_CAPACITY = 100_000
"""Older ones, of which only what was billed is kept: about a kilobyte each."""
BODY_CAP = 64 * 1024
"""Stored bytes of a body. With CAPACITY records this bounds the memory at 128 MB; length and hash are always whole."""


@dataclass(slots=True)
class RecordedRequest:
    """One request and the fate of its answer. Times are Unix seconds, of the clock that other processes see too."""

    number: int
    received_at: float
    method: str
    path: str
    label: str
    headers: list[tuple[str, str]]
    body: bytes
    """At most ``BODY_CAP`` bytes of it."""
    body_length: int
    body_sha256: str
    model: str = ""
    stream: bool = False
    status: int = 0
    fault: str = "none"
    """The fault that was scripted."""
    outcome: Outcome = "in_progress"
    """``fault``: the scripted fault has happened, whatever the client did then. ``client_closed``: the client left
    before the answer was complete."""
    client_closed: bool = False
    closed_at: float | None = None
    """When the answer ended, or the client was seen to leave."""
    events_sent: int = 0
    output_tokens_sent: int = 0
    """Tokens in what was handed to the socket, thinking included: what a vendor would bill for an aborted answer."""
    input_tokens: int = 0
    """The whole prompt, cached parts included."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    """Of the whole answer, sent or not."""

    def header(self, name: str) -> str | None:
        """The last value of a header, whatever its case."""
        return next((value for known, value in reversed(self.headers) if known.lower() == name.lower()), None)

    def finish(self, outcome: Outcome) -> None:
        """The answer has ended; a fault that has happened stays the outcome."""
        if self.closed_at is None:
            self.closed_at = now()
        if self.outcome == "in_progress":
            self.outcome = outcome

    def lost(self) -> None:
        """The client has gone while its answer was due."""
        self.client_closed = True
        self.closed_at = now()
        self.finish("client_closed")

    def shorten(self) -> None:
        """Keep what was billed, and the id by which it is known."""
        self.body = b""
        self.headers = [pair for pair in self.headers if pair[0].lower() == "x-request-id"]

    def bill(self) -> JsonObject:
        """What the vendor would bill for, and what came of it."""
        return {
            "number": self.number,
            "request_id": self.header("x-request-id"),
            "label": self.label,
            "model": self.model,
            "stream": self.stream,
            "status": self.status,
            "outcome": self.outcome,
            "output_tokens_sent": self.output_tokens_sent,
            "input_tokens": self.input_tokens,
            "cache_read_tokens": self.cache_read_tokens,
            "cache_write_tokens": self.cache_write_tokens,
            "output_tokens": self.output_tokens,
        }

    def export(self) -> JsonObject:
        """As the control API shows it; the body as text."""
        return {
            "number": self.number,
            "received_at": self.received_at,
            "method": self.method,
            "path": self.path,
            "label": self.label,
            "headers": [[name, value] for name, value in self.headers],
            "body": self.body.decode("utf-8", "replace"),
            "body_length": self.body_length,
            "body_sha256": self.body_sha256,
            "model": self.model,
            "stream": self.stream,
            "status": self.status,
            "fault": self.fault,
            "outcome": self.outcome,
            "client_closed": self.client_closed,
            "closed_at": self.closed_at,
            "events_sent": self.events_sent,
            "output_tokens_sent": self.output_tokens_sent,
            "input_tokens": self.input_tokens,
            "cache_read_tokens": self.cache_read_tokens,
            "cache_write_tokens": self.cache_write_tokens,
            "output_tokens": self.output_tokens,
        }


@dataclass(slots=True)
class Recorder:
    """The last requests, and counts of all of them."""

    requests: deque[RecordedRequest] = field(default_factory=deque[RecordedRequest])
    """The last ``CAPACITY``, whole."""
    older: deque[RecordedRequest] = field(default_factory=lambda: deque(maxlen=BRIEF_CAPACITY))
    """Those before them, shortened."""
    counts: Counter[tuple[str, str, int]] = field(default_factory=Counter[tuple[str, str, int]])
    """By label, model and status. Statuses count when decided, not when sent."""
    total: int = 0
    open_connections: int = 0

    def received(self, request: Request, label: str) -> RecordedRequest:
        """Make the record of a request that has arrived whole."""
        self.total += 1
        body = request.body
        record = RecordedRequest(
            number=self.total,
            received_at=now(),
            method=request.method,
            path=request.path,
            label=label,
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers],
            body=body if len(body) <= BODY_CAP else body[:BODY_CAP],
            body_length=len(body),
            body_sha256=hashlib.sha256(body).hexdigest(),
        )
        if len(self.requests) >= CAPACITY:
            oldest = self.requests.popleft()
            oldest.shorten()
            self.older.append(oldest)
        self.requests.append(record)
        return record

    def decided(self, record: RecordedRequest, status: int) -> None:
        """Count the answer that was decided on."""
        record.status = status
        self.counts[record.label, record.model, status] += 1

    def clear(self) -> None:
        """Forget all requests and counts; connections stay open."""
        self.requests.clear()
        self.older.clear()
        self.counts.clear()
        self.total = 0

    def bills(self) -> list[JsonObject]:
        """What was billed for every request, oldest first."""
        return [record.bill() for record in (*self.older, *self.requests)]

    def stats(self) -> JsonObject:
        """Counts by label, model and status; and each answer whose client left, with how far it had come."""
        return {
            "total": self.total,
            "open_connections": self.open_connections,
            "in_progress": sum(1 for record in (*self.older, *self.requests) if record.outcome == "in_progress"),
            "counts": [
                {"label": label, "model": model, "status": status, "count": count}
                for (label, model, status), count in self.counts.items()
            ],
            "aborted": [
                {
                    "number": record.number,
                    "label": record.label,
                    "model": record.model,
                    "events_sent": record.events_sent,
                    "output_tokens_sent": record.output_tokens_sent,
                    "closed_at": record.closed_at,
                    "seconds": (record.closed_at or record.received_at) - record.received_at,
                }
                for record in self.requests
                if record.client_closed
            ],
        }


def now() -> float:
    """Unix seconds."""
    return time.time_ns() / 1e9
