"""Asks a worker's socket whether it serves: the client side of ``grpc.health.v1.Health/Check``, and no more.

One call on a fresh connection, so its frames are constants but for the request's head (RFC 9113, gRPC over HTTP/2).
"""

import asyncio
import contextlib
from pathlib import Path

from google.protobuf.message import DecodeError

from extproc.transport.frames import PREFACE, answer_message, client_call
from extproc.transport.pb.health_pb2 import HealthCheckResponse

_ANSWER_LIMIT = 4096
"""A healthy worker's answer is under a hundred bytes."""


async def is_serving(socket: Path, *, timeout: float = 1.0) -> bool:  # noqa: ASYNC109  the caller's budget
    """Whether the worker at this socket answers SERVING within ``timeout`` seconds."""
    with contextlib.suppress(OSError, TimeoutError, DecodeError):
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_unix_connection(str(socket))
            try:
                writer.write(PREFACE + client_call("/grpc.health.v1.Health/Check", b""))
                answer = b""
                while len(answer) < _ANSWER_LIMIT and (data := await reader.read(_ANSWER_LIMIT)):
                    answer += data
                    if (message := answer_message(answer)) is not None:
                        return HealthCheckResponse.FromString(message).status == HealthCheckResponse.SERVING
            finally:
                writer.close()
    return False
