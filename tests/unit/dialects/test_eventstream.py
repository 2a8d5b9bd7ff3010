"""AWS event streams: botocore reads the same messages from the same bytes, however they are split."""

import struct
from itertools import pairwise
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.eventstream import (
    MAX_HEADERS_BYTES,
    MAX_MESSAGE_BYTES,
    ChecksumError,
    EventStreamDecoder,
    MalformedMessageError,
    MessageTooLargeError,
)
from tests.judges.eventstream import encode, framed, message

TEXT = encode('messageStart {"role":"assistant"}\ncontentBlockDelta {"delta":{"text":"Grüß Gott"}}\n!x {"message":"m"}')


def sized(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data


VALUES = st.one_of(
    st.just((0, b"")),
    st.just((1, b"")),
    st.tuples(st.just(2), st.binary(min_size=1, max_size=1)),
    st.tuples(st.just(3), st.binary(min_size=2, max_size=2)),
    st.tuples(st.just(4), st.binary(min_size=4, max_size=4)),
    st.tuples(st.just(5), st.binary(min_size=8, max_size=8)),
    st.tuples(st.just(6), st.binary(max_size=40).map(sized)),
    st.tuples(st.just(7), st.text(max_size=20).map(lambda text: sized(text.encode()))),
    st.tuples(st.just(8), st.binary(min_size=8, max_size=8)),
    st.tuples(st.just(9), st.binary(min_size=16, max_size=16)),
)
NAMES = st.text(min_size=1, max_size=20)


def header(name: str, value: tuple[int, bytes]) -> bytes:
    return struct.pack("!B", len(name.encode())) + name.encode() + bytes([value[0]]) + value[1]


HEADERS = st.dictionaries(NAMES, VALUES, max_size=5).map(lambda all_: b"".join(header(n, v) for n, v in all_.items()))
MESSAGES = st.lists(st.builds(framed, HEADERS, st.binary(max_size=200)), max_size=4).map(b"".join)


def read(data: bytes, cuts=()):
    decoder = EventStreamDecoder()
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    messages = [m for start, end in pairwise(edges) for m in decoder.feed(data[start:end])]
    return messages, decoder


def by_botocore(data: bytes):
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(one.headers, one.payload) for one in buffer]


@given(MESSAGES, st.lists(st.integers(0, 10_000), max_size=6))
def test_botocore_reads_the_same(data, cuts):
    messages, decoder = read(data, cuts)
    assert [(one.headers, one.payload) for one in messages] == by_botocore(data)
    assert b"".join(one.raw for one in messages) == data
    assert (decoder.failure, decoder.pending) == (None, 0)


@given(MESSAGES.filter(bool), st.data(), st.lists(st.integers(0, 10_000), max_size=6))
def test_a_changed_byte_never_passes_and_splits_change_nothing(data, draw, cuts):
    at = draw.draw(st.integers(0, len(data) - 1))
    bad = data[:at] + bytes([data[at] ^ draw.draw(st.integers(1, 255))]) + data[at + 1 :]
    messages, decoder = read(bad, cuts)
    assert decoder.failure is not None
    whole, other = read(bad)
    assert messages == whole
    assert type(decoder.failure) is type(other.failure)
    assert all(data.startswith(b"".join(one.raw for one in messages[: n + 1])) for n in range(len(messages)))


@given(st.binary(max_size=300), st.lists(st.integers(0, 10_000), max_size=6))
def test_any_bytes_are_read_without_a_crash_and_alike_in_any_split(data, cuts):
    messages, decoder = read(data, cuts)
    whole, other = read(data)
    assert (messages, decoder.pending, str(decoder.failure)) == (whole, other.pending, str(other.failure))


def test_byte_by_byte():
    messages, _ = read(TEXT, range(len(TEXT)))
    assert [one.text(":event-type") or one.text(":exception-type") for one in messages] == [
        "messageStart",
        "contentBlockDelta",
        "x",
    ]
    assert messages[1].payload == '{"delta":{"text":"Grüß Gott"}}'.encode()


def test_all_kinds_of_header():
    data = b"".join(
        header(name, value)
        for name, value in {
            "yes": (0, b""),
            "no": (1, b""),
            "byte": (2, b"\xff"),
            "short": (3, b"\xff\xfe"),
            "int": (4, b"\x00\x00\x01\x00"),
            "long": (5, b"\x00" * 7 + b"\x07"),
            "bytes": (6, b"\x00\x02ab"),
            "text": (7, b"\x00\x03\xe2\x82\xac"),
            "time": (8, b"\x00" * 6 + b"\x01\x00"),
            "uuid": (9, bytes(range(16))),
        }.items()
    )
    (one,), _ = read(framed(data, b""))
    assert one.headers == {
        "yes": True,
        "no": False,
        "byte": -1,
        "short": -2,
        "int": 256,
        "long": 7,
        "bytes": b"ab",
        "text": "€",
        "time": 256,
        "uuid": bytes(range(16)),
    }
    assert (one.text("text"), one.text("int"), one.text("none")) == ("€", "", "")


def test_a_cut_message_is_pending():
    messages, decoder = read(TEXT[:-1])
    assert (len(messages), decoder.failure) == (2, None)
    assert decoder.pending > 0


def prelude(total: int, headers: int) -> bytes:
    lengths = struct.pack("!II", total, headers)
    return lengths + struct.pack("!I", crc32(lengths))


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (prelude(MAX_MESSAGE_BYTES + 1, 0), MessageTooLargeError),
        (prelude(MAX_MESSAGE_BYTES, MAX_HEADERS_BYTES + 1), MessageTooLargeError),
        (b"<html><body>502</body></html>", MessageTooLargeError),
        (prelude(15, 0), MalformedMessageError),
        (prelude(20, 5), MalformedMessageError),
        (prelude(20, 0)[:-1] + b"x", ChecksumError),
        (framed(header("a", (0, b"")) + header("a", (1, b"")), b""), MalformedMessageError),
        (framed(b"\x00", b""), MalformedMessageError),
        (framed(b"\x05ab", b""), MalformedMessageError),
        (framed(header("a", (7, b"\x00")), b""), MalformedMessageError),
        (framed(header("a", (7, b"\x00\x05a")), b""), MalformedMessageError),
        (framed(header("a", (7, b"\x00\x01\xff")), b""), MalformedMessageError),
        (framed(b"\x01\xff\x00", b""), MalformedMessageError),
        (framed(header("a", (5, b"\x00")), b""), MalformedMessageError),
        (framed(header("a", (10, b"")), b""), MalformedMessageError),
    ],
)
def test_what_is_no_message_fails_once_and_for_all(data, error):
    messages, decoder = read(TEXT + data)
    assert len(messages) == 3, "what came before is given out"
    assert type(decoder.failure) is error
    assert (decoder.feed(TEXT), decoder.pending) == ([], 0)


def test_a_message_as_large_as_may_be_in_small_pieces():
    data = message({"a": True}, b"x" * 3_000_000)
    decoder = EventStreamDecoder()
    messages = [m for at in range(0, len(data), 16_384) for m in decoder.feed(data[at : at + 16_384])]
    assert [len(one.payload) for one in messages] == [3_000_000]
