"""Response heads: status line and headers as bytes."""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from extproc.simulator.behaviour import Behaviour

JSON = b"application/json"
HTML = b"text/html; charset=UTF-8"
UNKNOWN = b"application/octet-stream"

PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n"
    b"<body><center><h1>502 Bad Gateway</h1></center><hr><center>cloudflare</center></body></html>\n"
)
"""What a vendor's front end sends in place of an answer."""


def head(status: int, content_type: bytes, headers: bytes, behaviour: Behaviour, length: int | None) -> bytes:
    """Everything before the body. ``length`` None: the body is chunked; negative: it ends with the connection."""
    if length is None:
        framing = b"transfer-encoding: chunked\r\n"
    else:
        framing = b"content-length: %d\r\n" % length if length >= 0 else b"connection: close\r\n"
    extra = _extra(behaviour.headers) if behaviour.headers else b""
    if behaviour.gzip:
        framing += b"content-encoding: gzip\r\nvary: accept-encoding\r\n"
    kind = b"content-type: " + content_type + b"\r\n"
    return _status_line(status) + _date(time.time_ns() // 1_000_000_000) + kind + framing + headers + extra + b"\r\n"


@lru_cache(maxsize=64)
def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Overloaded" if status == 529 else "Unknown"
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


@lru_cache(maxsize=2)
def _date(second: int) -> bytes:
    return f"date: {formatdate(second, usegmt=True)}\r\n".encode()


@lru_cache(maxsize=64)
def _extra(headers: tuple[tuple[str, str], ...]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")
