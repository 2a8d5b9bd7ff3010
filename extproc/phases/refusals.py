"""A ``GatewayError`` becomes a response in one place, in the client's dialect."""

import math
from collections.abc import Mapping

import orjson

from extproc.domain.errors import GatewayError
from extproc.domain.names import DETAILS_PREFIX, REQUEST_ID_HEADER
from extproc.phases.events import Respond
from extproc.translate.pairs import CLIENT_DIALECTS


def error_headers(error: GatewayError, request_id: str) -> tuple[tuple[str, str], ...]:
    """The headers that go with an error: content type, request id, and when to come back."""
    headers = [("content-type", "application/json"), (REQUEST_ID_HEADER, request_id), ("request-id", request_id)]
    if error.retry_after is not None:
        headers.append(("retry-after", str(max(0, math.ceil(error.retry_after)))))
    return tuple(headers)


def error_body(error: GatewayError, dialect: str) -> bytes:
    """The error as the client's dialect writes it."""
    return orjson.dumps(CLIENT_DIALECTS[dialect].render_error(error))


def refuse(error: GatewayError, dialect: str, request_id: str, metadata: Mapping[str, str] | None = None) -> Respond:
    """The error as a whole response."""
    return Respond(
        status=error.status,
        body=error_body(error, dialect),
        details=f"{DETAILS_PREFIX}{error.code}",
        set_headers=error_headers(error, request_id),
        metadata=metadata,
    )
