"""A stream of Google's without ``alt=sse``: one JSON array, an item at a time, over many lines."""

from collections.abc import Iterator
from dataclasses import replace

import orjson

from extproc.simulator.wire import Event, Stream


def as_array(stream: Stream, *, fails_at_once: bool) -> Stream:
    """The same events as items of an array. The bracket that ends it comes with the last item.

    ``fails_at_once``: the failure comes before all events, and so with the bracket that begins the array.
    """
    before = b"[" if fails_at_once else b",\r\n"
    return replace(
        stream,
        events=lambda: _items(stream.events()),
        failure=before + _item(stream.failure) + b"]" if stream.failure else b"",
        malformed=b",\r\n" + stream.malformed.removeprefix(b"data: ").rstrip() + b"\n",
        content_type=b"application/json; charset=UTF-8",
    )


def _items(events: Iterator[Event]) -> Iterator[Event]:
    before = b"["
    held: Event | None = None
    for event in events:
        if held is not None:
            yield held
        held = event._replace(data=before + _item(event.data))
        before = b",\r\n"
    if held is not None:
        yield held._replace(data=held.data + b"\n]")


def _item(data: bytes) -> bytes:
    return orjson.dumps(orjson.loads(data.removeprefix(b"data: ")), option=orjson.OPT_INDENT_2)
