"""Header blocks: the path is read right whatever the compression table holds, and no table that is gone is remembered."""

import hpack
import pytest
from h2.events import ResponseReceived, TrailersReceived
from h2.settings import SettingCodes

from extproc.transport import frames, headers, http2
from extproc.transport.calls import StreamOpened
from extproc.transport.frames import Http2Error

NEWEST, SECOND, THIRD = b"\xbe", b"\xbf", b"\xc0"
"""Indexed fields 62 to 64: the newest entries of the dynamic table (RFC 7541, sections 2.3.3 and 6.1)."""

FILLER = b"\x40\x01x\x7f\xa2\x1e" + bytes(4001)
"""Enters the table with 4,034 of its 4,096 bytes: beside it there is room for one short path."""


def inserted(path: bytes) -> bytes:
    """``:path`` as a literal that enters the table (name: index 4 of the static table)."""
    return b"\x44" + bytes([len(path)]) + path


def paths(raw, *blocks: bytes) -> list[str]:
    """What each block says."""
    raw.stream_id = getattr(raw, "stream_id", -1)
    found = []
    for block in blocks:
        raw.stream_id += 2
        (event,) = raw.open(raw.stream_id, block)
        assert isinstance(event, StreamOpened)
        found.append(event.path)
    return found


def test_equal_blocks_mean_the_same_while_the_table_stands(raw):
    assert paths(raw, inserted(b"/a"), NEWEST, NEWEST, NEWEST) == ["/a"] * 4
    assert raw.server._paths._decoded == {NEWEST: "/a"}


def test_an_insertion_between_equal_blocks(raw):
    assert paths(raw, inserted(b"/a"), NEWEST, inserted(b"/b"), NEWEST, SECOND, NEWEST) == [
        *("/a", "/a", "/b", "/b", "/a", "/b")
    ]


def test_an_insertion_that_is_not_of_the_path_moves_it_too(raw):
    other = b"\x40\x01x\x01y"
    assert paths(raw, inserted(b"/a"), NEWEST, other, NEWEST, SECOND) == ["/a", "/a", "", "", "/a"]


def test_an_eviction_between_equal_blocks(raw):
    assert paths(raw, inserted(b"/a"), FILLER, SECOND, inserted(b"/b"), SECOND) == ["/a", "", "/a", "/b", ""]
    with pytest.raises(Http2Error) as caught:
        raw.open(11, THIRD)  # where "/a" would be, had it not been evicted
    assert caught.value.code == frames.COMPRESSION_ERROR


def test_a_table_size_update_between_equal_blocks(raw):
    """The table is emptied: the block that was known a moment ago now means nothing."""
    raw.open(1, inserted(b"/a"))
    assert paths(type(raw)(), inserted(b"/a"), NEWEST) == ["/a", "/a"]
    raw.open(3, NEWEST)
    raw.open(5, b"\x20\x84")  # size 0, then ":path: /" of the static table
    with pytest.raises(Http2Error) as caught:
        raw.open(7, NEWEST)
    assert caught.value.code == frames.COMPRESSION_ERROR


def test_a_table_that_is_emptied_and_filled_anew(raw):
    assert paths(raw, inserted(b"/a"), NEWEST, b"\x20\x3f\xe1\x1f" + inserted(b"/b"), NEWEST) == [
        "/a",
        "/a",
        "/b",
        "/b",
    ]


def test_trailers_change_the_table_too(raw):
    raw.open(1, inserted(b"/a"))
    raw.open(3, NEWEST)
    raw.send("HEADERS", 0x5, 3, b"\x40\x01x\x01y")
    assert raw.open(5, NEWEST) == [StreamOpened(5, "")]
    assert raw.open(7, SECOND) == [StreamOpened(7, "/a")]


def test_headers_of_a_call_that_is_over_change_the_table_too(raw):
    raw.open(1, inserted(b"/a"))
    raw.server.reset(1)
    raw.send("HEADERS", 0x5, 1, b"\x40\x01x\x01y")
    assert raw.open(3, SECOND) == [StreamOpened(3, "/a")]


def test_headers_of_a_refused_call_change_the_table_too(raw, monkeypatch):
    monkeypatch.setattr(http2, "_MAX_STREAMS", 1)
    raw.open(1, inserted(b"/a"))
    raw.open(3, inserted(b"/b"))
    raw.server.reset(1)
    assert raw.open(5, SECOND) == [StreamOpened(5, "/a")]


REMEMBERED = {
    "indexed": (b"\x82\xbe", True),
    "indexed, in two bytes": (b"\xff\x00", True),
    "literals that enter no table": (b"\x04\x02\xbe\xbe" + b"\x10\x01\xbe\x01\xbe", True),
    "the size that the table has": (b"\x3f\xe1\x1f\xbe", True),
    "nothing": (b"", True),
    "a literal that enters it": (inserted(b"/x"), False),
    "an equal literal again": (inserted(b"/last"), False),
    "the table emptied": (b"\x20\x84", False),
    "the table emptied, and its size restored": (b"\x20\x3f\xe1\x1f\x84", False),
    "the oldest dropped, and the size restored": (b"\x3f\xe1\x09\x3f\xe1\x1f\xbe", False),
    "the size changed, all kept": (b"\x3f\xe0\x1f\xbe", False),
}


@pytest.mark.parametrize("case", REMEMBERED)
def test_only_blocks_that_leave_the_table_alone_are_remembered(raw, case):
    block, remembered = REMEMBERED[case]
    for number in range(70):
        raw.open(1 + 2 * number, inserted(b"/%d" % number))
    raw.open(201, inserted(b"/last"))
    raw.open(203, NEWEST)
    raw.open(205, block)
    assert (block in raw.server._paths._decoded) == remembered
    assert (NEWEST in raw.server._paths._decoded) == remembered, "where one is forgotten, all are"


def test_a_size_that_has_changed_is_set_again(raw):
    """The same bytes, first without effect and remembered, later with one."""
    restore = b"\x3f\xe1\x1f\x84"
    assert paths(raw, restore, b"\x20\x84", restore, inserted(b"/a"), NEWEST) == ["/", "/", "/", "/a", "/a"]


def test_the_memory_is_bounded(raw):
    raw.open(1, inserted(b"/a"))
    blocks = [bytes([first, second]) for first in range(0x82, 0xBC) for second in range(0x82, 0x8A)]
    for number, block in enumerate(blocks):
        raw.open(3 + 2 * number, block)
        assert len(raw.server._paths._decoded) <= headers._CACHED_BLOCKS
    assert raw.open(5001, NEWEST) == [StreamOpened(5001, "/a")]


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",  # index 0
        b"\xbe",  # a table with nothing in it
        b"\x44\x7f",  # a length without an end
        b"\x44\x82\xff\xff",  # Huffman: padding too long
        b"\x3f\xe2\x1f",  # a table larger than allowed
        b"\x82\x20",  # a size update that is not at the beginning
        b"\x40",
    ],
)
def test_blocks_that_cannot_be_read(raw, block):
    with pytest.raises(Http2Error) as caught:
        raw.open(1, block)
    assert caught.value.code == frames.COMPRESSION_ERROR


def test_a_header_list_has_a_limit(raw):
    raw.open(1, FILLER)
    with pytest.raises(Http2Error) as caught:
        raw.open(3, NEWEST * 17)  # seventeen bytes for 69 kB
    assert caught.value.code == frames.COMPRESSION_ERROR


def test_a_path_in_huffman_coding(raw):
    block = hpack.Encoder().encode([(":path", "/svc/Call")], huffman=True)
    assert paths(raw, block) == ["/svc/Call"]


def test_a_path_of_any_bytes(raw):
    assert paths(raw, b"\x04\x03/\xff\xfe") == ["/\xff\xfe"]


@pytest.mark.parametrize("size", [0, 100, 4095])
def test_a_client_with_a_smaller_table_is_told_that_ours_is_small_enough(make_pair, size):
    """RFC 7541, section 4.2: the first block behind the change begins with a table size update."""
    pair = make_pair(settings={SettingCodes.HEADER_TABLE_SIZE: size})
    for stream_id in (1, 3):
        pair.open(stream_id)
        pair.server.send(stream_id, b"answer")
        pair.server.end(stream_id)
        pair.carry()
    pair.client.update_settings({SettingCodes.HEADER_TABLE_SIZE: size // 2})
    pair.open(5)
    pair.server.end(5)
    pair.carry()
    assert [e.stream_id for e in pair.of(ResponseReceived)] == [1, 3, 5]
    assert [e.stream_id for e in pair.of(TrailersReceived)] == [1, 3]
    assert pair.client.decoder.header_table_size == 0
