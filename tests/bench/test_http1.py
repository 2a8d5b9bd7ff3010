"""The load generator's reader: the same response however it is cut, and nothing taken for one that is none."""

import pytest

from tests.bench.http1 import BadResponse, ResponseReader

_WHOLE = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'
_STREAM = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    b"9\r\ndata: 1\n\n\r\n8\r\ndata: 2\n\r\n1\r\n\n\r\nE\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1000])
@pytest.mark.parametrize(
    ("response", "body", "events", "chunks", "closes"),
    [
        pytest.param(_WHOLE, b'{"ok":true}', 0, 0, False, id="with a length"),
        pytest.param(_STREAM, b"data: 1\n\ndata: 2\n\ndata: [DONE]\n\n", 3, 4, True, id="in chunks"),
    ],
)
def test_any_split_reads_the_same(size, response, body, events, chunks, closes):
    reader = ResponseReader()
    pieces = [response[at : at + size] for at in range(0, len(response), size)]
    assert [reader.feed(piece) for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert (reader.status, bytes(reader.body), reader.closes) == (200, body, closes)
    assert (reader.events, reader.chunks) == (events, chunks)


def test_a_reader_serves_one_response_after_the_other():
    reader = ResponseReader()
    assert reader.feed(_STREAM)
    reader.begin()
    assert reader.feed(_WHOLE.replace(b"200 OK", b"503 No"))
    assert (reader.status, reader.events, reader.closes) == (503, 0, False)


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nserver: x\r\n\r\n", id="neither length nor chunks"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", id="not HTTP"),
        pytest.param(_WHOLE + b"x", id="bytes behind the end"),
        pytest.param(_STREAM.replace(b"9\r\n", b"nine\r\n", 1), id="not a size"),
    ],
)
def test_what_is_no_response_is_an_error(response):
    with pytest.raises(BadResponse):
        ResponseReader().feed(response)
