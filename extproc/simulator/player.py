"""Carry a plan out: wait, write, pace, misbehave. Its counterpart is ``app``, which only decides."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from extproc.simulator.behaviour import Behaviour
from extproc.simulator.encoder import Encoder
from extproc.simulator.head import HTML, JSON, PAGE, UNKNOWN, head
from extproc.simulator.record import RecordedRequest
from extproc.simulator.wire import Event, Plan, Stream, Whole


class Outlet(Protocol):
    """The connection, as the player sees it."""

    def write(self, data: bytes) -> None:
        """Hand bytes to the socket."""
        ...

    async def drain(self) -> None:
        """Wait for a slow reader, and let the loop write what it has."""
        ...

    async def reset(self) -> None:
        """Deliver what was written, then reset the connection (RST)."""
        ...

    async def never(self) -> None:
        """Wait until the client has gone."""
        ...

    def finish(self) -> None:
        """The reply is complete."""
        ...


def immediate(reply: Whole, behaviour: Behaviour) -> bytes:
    """The bytes of a reply that needs no pacing."""
    return head(reply.status, reply.content_type, reply.headers, behaviour, len(reply.body)) + reply.body


async def perform(outlet: Outlet, plan: Plan, record: RecordedRequest, *, http11: bool) -> None:
    """Send the reply as its behaviour says, keeping the record true at every write."""
    behaviour = plan.behaviour
    if behaviour.hang:
        record.outcome = "fault"
        await outlet.never()
    elif behaviour.drop_connection:
        await _pause(behaviour.latency)
        record.outcome = "fault"
        await outlet.reset()
    elif isinstance(plan.reply, Whole):
        await _Player(outlet, behaviour, record).whole(plan.reply)
    else:
        await _Player(outlet, behaviour, record).stream(plan.reply, http11=http11)


async def _pause(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)


class _Player:
    """One reply on its way."""

    def __init__(self, outlet: Outlet, behaviour: Behaviour, record: RecordedRequest) -> None:
        self._outlet = outlet
        self._behaviour = behaviour
        self._record = record
        self._crlf = False

    async def whole(self, reply: Whole) -> None:
        """A reply with a length."""
        behaviour = self._behaviour
        pace = behaviour.tokens_per_second
        await _pause(behaviour.latency + behaviour.first_token_delay + (reply.tokens / pace if pace else 0.0))
        status, content_type, body = _disguise(reply, behaviour)
        encoder = Encoder(behaviour, framed=False)
        pieces = [*encoder.feed(body), *encoder.finish()]
        length = sum(len(piece) for piece in pieces)
        opening = head(status, content_type, reply.headers, behaviour, length)
        if behaviour.fault in {"cut", "stall"}:
            self._outlet.write(opening + b"".join(pieces)[: length // 2])
            await self._outlet.drain()
            await self._break_off()
            return
        if behaviour.split or behaviour.seed is not None:
            await self._write([opening, *pieces])
        else:
            await self._write([opening + b"".join(pieces)])
        self._record.output_tokens_sent = reply.tokens
        if behaviour.fault != "none":
            self._record.outcome = "fault"
        self._outlet.finish()

    async def stream(self, reply: Stream, *, http11: bool) -> None:
        """A reply of events."""
        behaviour = self._behaviour
        if behaviour.fault in {"html", "empty"}:
            await self.whole(Whole(200, reply.headers, b"", content_type=reply.content_type))
            return
        await _pause(behaviour.latency)
        kind = UNKNOWN if behaviour.fault == "wrong_content_type" else reply.content_type
        # Only text has lines: in a binary framing the same bytes are lengths and checksums.
        self._crlf = behaviour.crlf and reply.content_type.startswith(b"text/")
        encoder = Encoder(behaviour, framed=http11)
        self._outlet.write(head(200, kind, reply.headers, behaviour, None if http11 else -1))
        if behaviour.fault == "wrong_content_type":
            self._record.outcome = "fault"
        ended = await self._events(reply, encoder)
        if not ended:
            await self._write(encoder.finish())
            self._outlet.finish()

    async def _events(self, reply: Stream, encoder: Encoder) -> bool:
        """Send the events; whether the reply has ended before its time."""
        fault_at = self._fault_at(reply)
        pacer = _Pacer(self._behaviour)
        for index, event in enumerate(reply.events()):
            if index == fault_at and await self._misbehave(reply, encoder, event):
                return self._behaviour.fault in {"cut", "stall"}
            pause = pacer.pause(event)
            if pause > 0:
                await self._write(encoder.flush())
                await asyncio.sleep(pause)
            await self._write(encoder.feed(self._lines(event.data)))
            self._record.events_sent += 1
            self._record.output_tokens_sent += event.tokens
        return False

    def _fault_at(self, reply: Stream) -> int:
        """The index of the event that the fault comes before; -1 where none is due inside the stream."""
        behaviour = self._behaviour
        if behaviour.fault in {"none", "wrong_content_type"}:
            return -1
        count = sum(1 for _ in reply.events())
        wanted = behaviour.fault_at if behaviour.fault_at >= 0 else count + behaviour.fault_at
        return max(0, min(wanted, count - 1))

    async def _misbehave(self, reply: Stream, encoder: Encoder, event: Event) -> bool:
        """Do the fault before ``event``; whether no further event follows."""
        self._record.outcome = "fault"
        match self._behaviour.fault:
            case "error_event":
                await self._write(encoder.feed(self._lines(reply.failure)))
                return True
            case "malformed":
                await self._write(encoder.feed(self._lines(reply.malformed)))
                return False
            case "cut":
                await self._write([*encoder.flush(), encoder.cut(self._lines(event.data))])
                await self._break_off()
                return True
            case "stall":
                await self._write(encoder.flush())
                await self._break_off()
                return True
            case _:
                return True

    async def _break_off(self) -> None:
        self._record.outcome = "fault"
        if self._behaviour.fault == "cut":
            await self._outlet.reset()
        else:
            await self._outlet.never()

    async def _write(self, pieces: Iterable[bytes]) -> None:
        """One write for each piece. The loop runs between them, or it would join them into one."""
        for piece in pieces:
            self._outlet.write(piece)
            await self._outlet.drain()

    def _lines(self, data: bytes) -> bytes:
        return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if self._crlf else data


class _Pacer:
    """When each event is due. Against a schedule, so that late timers do not add up."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._delay = behaviour.first_token_delay
        self._rate = behaviour.tokens_per_second
        self._start: float | None = None
        self._tokens = 0

    def pause(self, event: Event) -> float:
        """Seconds to wait before this event."""
        if not event.content or not (self._delay or self._rate):
            return 0.0
        clock = asyncio.get_running_loop().time()
        if self._start is None:
            self._start = clock + self._delay
        due = self._start + (self._tokens / self._rate if self._rate else 0.0)
        self._tokens += event.tokens
        return due - clock


def _disguise(reply: Whole, behaviour: Behaviour) -> tuple[int, bytes, bytes]:
    """Status, content type and body under the fault."""
    match behaviour.fault:
        case "html":
            return 200, HTML, PAGE
        case "empty":
            return 200, reply.content_type, b""
        case "wrong_content_type":
            return reply.status, UNKNOWN, reply.body
        case "error_event":
            return 200, JSON, reply.failure
        case "malformed" | "early_end":
            return reply.status, reply.content_type, reply.body[: len(reply.body) // 2]
        case _:
            return reply.status, reply.content_type, reply.body
