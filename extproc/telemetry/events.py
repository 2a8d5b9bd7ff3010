"""The process's own messages: started, reloaded, a worker died. Rows about requests are ``log``'s.

One JSON line each on stderr, or plain text where a person looks at a terminal::

    {"time": "2026-01-31T12:00:00.123Z", "level": "info", "message": "worker started", "pid": 7, "worker": 0}
    12:00:00 info     worker started  pid=7 worker=0

Libraries that use ``logging`` (uvicorn, grpc, OpenTelemetry, asyncio) come out in the same form through ``Bridge``.
"""

import logging
import time
import traceback
from collections.abc import Callable
from typing import Literal, Protocol

import orjson

from extproc.domain.reading import Json
from extproc.telemetry.timestamps import rfc3339

Level = Literal["debug", "info", "warning", "error"]

_RANK: dict[Level, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class TextSink(Protocol):
    """The part of a text stream that is used; ``sys.stderr`` is one."""

    def write(self, text: str, /) -> object:
        """Take the text."""
        ...

    def flush(self) -> None:
        """Send it on."""
        ...

    def isatty(self) -> bool:
        """Whether a person reads it."""
        ...


class EventLog:
    """Writes messages at or above ``level`` to a text stream, at once. Never raises.

    ``style`` None: ``text`` on a terminal, else ``json``. ``clock`` gives nanoseconds since 1970.
    """

    def __init__(
        self,
        sink: TextSink,
        *,
        level: Level = "info",
        style: Literal["json", "text"] | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._sink = sink
        self._threshold = _RANK[level]
        self._text = style == "text" or (style is None and sink.isatty())
        self._clock = clock

    def event(self, level: Level, message: str, /, **fields: Json) -> None:
        """Write one message. ``fields`` go in as they are: no secret, no prompt, nothing a vendor wrote."""
        if _RANK[level] < self._threshold:
            return
        stamp = rfc3339(self._clock())
        try:
            self._sink.write(
                _as_text(stamp, level, message, fields) if self._text else _as_json(stamp, level, message, fields)
            )
            self._sink.flush()
        except (OSError, ValueError, TypeError):
            # stderr is full, closed or gone, or a field is not JSON: there is nowhere left to say so.
            return


class Bridge(logging.Handler):
    """Passes the records of ``logging`` on to an ``EventLog``.

    Of an exception it keeps the type and the places, not its message, which may quote a body. Nor what the library says
    about it: asyncio shows the task with its exception, or the callback with its arguments.
    """

    def __init__(self, events: EventLog) -> None:
        super().__init__()
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as one event."""
        fields: dict[str, Json] = {"logger": record.name}
        if record.exc_info and record.exc_info[0]:
            fields["exception"] = record.exc_info[0].__name__
            fields["traceback"] = [
                f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(record.exc_info[2])
            ]
            self._events.event(_level(record.levelno), _headline(str(record.msg)), **fields)
            return
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # a library's format string that does not fit its arguments
            message = str(record.msg)
        self._events.event(_level(record.levelno), message, **fields)


def bridge_logging(events: EventLog, level: Level = "warning") -> None:
    """Send everything that libraries log at ``level`` or above to ``events``, and nowhere else."""
    root = logging.getLogger()
    root.handlers[:] = [Bridge(events)]
    root.setLevel(_RANK[level])


def _headline(message: str) -> str:
    """What happened, without what it happened to: ``Exception in callback read(b'...')`` → ``Exception in callback read``."""
    return message.partition("\n")[0].partition("(")[0].strip()


def _level(number: int) -> Level:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"


def _as_json(stamp: str, level: Level, message: str, fields: dict[str, Json]) -> str:
    row: dict[str, Json] = {"time": stamp, "level": level, "message": message}
    row.update({name: value for name, value in fields.items() if name not in row})
    return orjson.dumps(row, default=str).decode() + "\n"


def _as_text(stamp: str, level: Level, message: str, fields: dict[str, Json]) -> str:
    rest = " ".join(f"{name}={_plain(value)}" for name, value in fields.items())
    return f"{stamp[11:19]} {level:<8} {message}{'  ' if rest else ''}{rest}\n"


def _plain(value: Json) -> str:
    """A value as a person reads it: a string bare where it is one printable word, all else as JSON."""
    if isinstance(value, str) and value.isprintable() and value and " " not in value:
        return value
    return orjson.dumps(value, default=str).decode()
