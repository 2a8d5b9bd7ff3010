"""HTTP/2 and gRPC on the wire: numbers, frames and header blocks. The connection that speaks them is ``http2``.

Our header blocks are made of literals that enter no table (RFC 7541, section 6.2.2), so they are constants.
Sources: RFC 9113, sections 6 and 7; https://grpc.github.io/grpc/core/md_doc_statuscodes.html.
"""

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY_FLAG = 0x1, 0x1, 0x4, 0x8, 0x20

SET_TABLE_SIZE, SET_MAX_STREAMS, SET_INITIAL_WINDOW, SET_MAX_FRAME = 0x1, 0x3, 0x4, 0x5

NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR = 0x0, 0x1, 0x3, 0x6
STREAM_CLOSED, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 0x5, 0x7, 0x8, 0x9, 0xB

GRPC_OK, GRPC_CANCELLED, GRPC_RESOURCE_EXHAUSTED, GRPC_ABORTED, GRPC_UNIMPLEMENTED, GRPC_INTERNAL = 0, 1, 8, 10, 12, 13

FRAME_LIMIT, LARGEST_FRAME_LIMIT = 16_384, 2**24 - 1
"""The protocol's default and what Envoy sends; bodies of many megabytes come as many frames."""
MAX_WINDOW = 2**31 - 1
DEFAULT_WINDOW = 65_535

FRAME_HEAD = struct.Struct(">IBI")
MESSAGE_HEAD = struct.Struct(">IBIBI")
"""The heads of a DATA frame and of the one gRPC message in it."""
GRPC_HEAD = struct.Struct(">BI")
"""Whether a message is compressed, and its length."""
SETTING = struct.Struct(">HI")
U32 = struct.Struct(">I")


class Http2Error(Exception):
    """The peer broke the protocol; the connection ends with this error code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def frame(kind: int, flags: int, stream_id: int, payload: bytes | memoryview) -> bytes:
    """A frame as bytes."""
    return FRAME_HEAD.pack(len(payload) << 8 | kind, flags, stream_id) + payload


def window_fault(increment: int, window: int) -> int:
    """The error code of a window update that may not be (RFC 9113, section 6.9); 0 for a good one."""
    if increment == 0:
        return PROTOCOL_ERROR
    return FLOW_CONTROL_ERROR if window > MAX_WINDOW else NO_ERROR


def unpadded(payload: bytes) -> bytes:
    """The payload of a padded frame. Raises ``Http2Error``."""
    if not payload or payload[0] >= len(payload):
        raise Http2Error(PROTOCOL_ERROR, "the padding is longer than the frame")
    return payload[1 : len(payload) - payload[0]]


def literal(name: bytes, value: bytes) -> bytes:
    """A header field without indexing and without Huffman coding: stateless, so the block can be a constant."""
    assert len(name) < 127
    assert len(value) < 127
    return b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value


STATUS_200 = b"\x88"  # RFC 7541 appendix A, index 8
RESPONSE_HEADERS = STATUS_200 + literal(b"content-type", b"application/grpc")


def message(stream_id: int, payload: bytes) -> bytes:
    """A DATA frame that holds one whole gRPC message."""
    size = len(payload)
    return MESSAGE_HEAD.pack(size + 5 << 8 | DATA, 0, stream_id, 0, size) + payload


def trailers(status: int, message: str) -> bytes:
    """The header block that ends a call with a gRPC status."""
    block = literal(b"grpc-status", str(status).encode())
    if message:
        text = "".join(c if " " <= c <= "~" and c != "%" else "?" for c in message)[:120]
        block += literal(b"grpc-message", text.encode())
    return block


OK_TRAILERS = trailers(GRPC_OK, "")


def client_call(path: str, message: bytes) -> bytes:
    """The frames of a client's first call on a connection, behind the preface: settings, head, one message, the end."""
    block = b"\x83\x86" + b"".join(  # RFC 7541 appendix A: 3 = ":method: POST", 6 = ":scheme: http"
        literal(name, value)
        for name, value in (
            (b":path", path.encode()),
            (b":authority", b"localhost"),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
        )
    )
    payload = b"\0" + U32.pack(len(message)) + message
    head = frame(SETTINGS, 0, 0, b"") + frame(HEADERS, END_HEADERS, 1, block)
    return head + frame(DATA, END_STREAM, 1, payload)


def answer_message(data: bytes) -> bytes | None:
    """The first whole gRPC message in a server's frames, so far as they came; None while there is none."""
    at = 0
    while len(data) - at >= 9:
        word, _, _ = FRAME_HEAD.unpack_from(data, at)
        length = word >> 8
        if len(data) - at - 9 < length:
            return None
        if word & 0xFF == DATA and length >= 5:
            return data[at + 14 : at + 9 + length]
        at += 9 + length
    return None
