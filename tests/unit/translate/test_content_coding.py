"""Compressed answers: any split gives the same bytes, bombs are stopped, cuts are seen."""

import gzip
import tracemalloc
import zlib

import pytest

from extproc.domain.errors import ProviderBadAnswer, ProviderTruncated
from extproc.translate import content_coding
from extproc.translate.content_coding import decoder_for

PLAIN = b"data: {}\n\n" * 500 + bytes(range(256))


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


CODED = {
    "identity": PLAIN,
    "gzip": gzip.compress(PLAIN),
    "x-gzip": gzip.compress(PLAIN),
    "deflate": zlib.compress(PLAIN),
}


def decode(coding: str | None, data: bytes, size: int) -> bytes:
    decoder = decoder_for(coding)
    pieces = [decoder.feed(data[at : at + size]) for at in range(0, len(data), size)]
    decoder.finish()
    return b"".join(pieces)


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize("coding", CODED)
def test_any_split_gives_the_plain_bytes(coding, size):
    assert decode(coding, CODED[coding], size) == PLAIN


@pytest.mark.parametrize("size", [1, 10_000])
def test_deflate_without_its_zlib_header_is_read_too(size):
    assert decode("deflate", raw_deflate(PLAIN), size) == PLAIN


@pytest.mark.parametrize("coding", [None, "", "identity", " Identity "])
def test_no_coding_is_plain(coding):
    assert decode(coding, PLAIN, 100) == PLAIN


def test_names_are_case_insensitive():
    assert decode("GZIP", CODED["gzip"], 100) == PLAIN


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress"])
def test_an_unknown_coding_is_named(coding):
    with pytest.raises(ProviderBadAnswer, match=coding):
        decoder_for(coding)


@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_gzip_members_and_padding_follow_each_other(size):
    data = gzip.compress(b"one") + gzip.compress(b"") + b"\0\0\0" + gzip.compress(b"two") + b"\0" * 10
    assert decode("gzip", data, size) == b"onetwo"


def test_each_flushed_event_comes_out_at_once():
    """A provider flushes behind each event; waiting for more would delay tokens."""
    compressor = zlib.compressobj(wbits=31)
    decoder = decoder_for("gzip")
    for number in range(5):
        event = b"data: %d\n\n" % number
        assert decoder.feed(compressor.compress(event) + compressor.flush(zlib.Z_SYNC_FLUSH)) == event


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("kept", [0.01, 0.5, 0.99])
def test_a_cut_is_seen_at_the_end(coding, kept):
    data = CODED[coding][: max(1, int(len(CODED[coding]) * kept))]
    with pytest.raises(ProviderTruncated, match=coding):
        decode(coding, data, 100)


def test_a_cut_behind_the_first_byte_is_seen_too():
    """Two bytes are needed to tell the kinds of deflate apart."""
    with pytest.raises(ProviderTruncated, match="deflate"):
        decode("deflate", CODED["deflate"][:1], 1)


@pytest.mark.parametrize("coding", CODED)
def test_an_empty_body_is_empty(coding):
    assert decode(coding, b"", 1) == b""


@pytest.mark.parametrize("data", [b"{}", b"<html>", gzip.compress(b"one") + b"junk that is no member"])
def test_what_is_not_gzip_is_a_bad_answer(data):
    with pytest.raises(ProviderBadAnswer, match="gzip"):
        decode("gzip", data, 100)


def test_a_corrupted_body_is_a_bad_answer():
    data = bytearray(CODED["gzip"])
    data[-8] ^= 1  # of the checksum
    with pytest.raises(ProviderBadAnswer):
        decode("gzip", bytes(data), 100)


def test_a_bomb_is_stopped_before_its_memory_is_taken():
    """1 GiB of zeros in one chunk of a megabyte: not much more than the limit ever exists."""
    bomb = gzip.compress(bytes(2**24)) * 64
    tracemalloc.start()
    with pytest.raises(ProviderBadAnswer, match="limit"):
        decoder_for("gzip", max_bytes=2**24).feed(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 2**24


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_the_limit_is_the_callers(coding):
    assert decoder_for(coding, max_bytes=len(PLAIN)).feed(CODED[coding]) == PLAIN
    with pytest.raises(ProviderBadAnswer, match="limit"):
        decoder_for(coding, max_bytes=len(PLAIN) - 1).feed(CODED[coding])


def test_the_ratio_is_limited_beyond_what_is_free(monkeypatch):
    monkeypatch.setattr(content_coding, "FREE_BYTES", 2**20)
    data = gzip.compress(bytes(2**23))
    with pytest.raises(ProviderBadAnswer, match="limit"):
        decode("gzip", data, 100)


def test_a_small_answer_may_shrink_to_nothing():
    """A model caught in a loop writes a megabyte of the same letter."""
    assert decode("gzip", gzip.compress(b"a" * 2**20), 100) == b"a" * 2**20


def test_output_larger_than_a_piece_is_whole():
    plain = bytes(range(256)) * 4096
    for size in (len(plain), 1000):
        assert decode("gzip", gzip.compress(plain), size) == plain
