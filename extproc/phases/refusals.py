"""A ``GatewayError`` becomes a response in one place, in the client's dialect."""

import math
from collections.abc import Iterator, Mapping

import orjson

from extproc.domain.errors import GatewayError, ProviderError, ProviderOverloaded
from extproc.domain.names import ANTHROPIC_REQUEST_ID_HEADER, DETAILS_PREFIX, REQUEST_ID_HEADER
from extproc.phases.endpoints import ANTHROPIC
from extproc.phases.events import Respond
from extproc.translate.pairs import CLIENT_DIALECTS

_OWN_STATUS: Mapping[tuple[str, str], int] = {(ANTHROPIC, ProviderOverloaded("").outcome): 529}
"""Where a client's vendor has a status of its own, for which its SDKs have an exception (``anthropic.OverloadedError``)."""


def shown_status(status: int, outcome: str, dialect: str) -> int:
    """The status of an answer that ends with ``outcome``, as clients of ``dialect`` know it."""
    return status if status < 400 else _OWN_STATUS.get((dialect, outcome), status)


def error_headers(error: GatewayError, request_id: str) -> tuple[tuple[str, str], ...]:
    """The headers that go with an error: content type, request id, when to come back, and a provider's advice on it."""
    headers = [
        ("content-type", "application/json"),
        (REQUEST_ID_HEADER, request_id),
        (ANTHROPIC_REQUEST_ID_HEADER, request_id),
    ]
    if error.retry_after is not None:
        headers.append(("retry-after", str(max(0, math.ceil(error.retry_after)))))
    if isinstance(error, ProviderError):
        headers += _advice(error)
    return tuple(headers)


def _advice(error: ProviderError) -> Iterator[tuple[str, str]]:
    """What the SDKs of OpenAI and Anthropic heed before all else."""
    if error.retry_after is not None and error.retry_after % 1:
        yield "retry-after-ms", str(max(0, math.ceil(error.retry_after * 1000)))
    if error.should_retry is not None:
        yield "x-should-retry", "true" if error.should_retry else "false"


def error_body(error: GatewayError, dialect: str) -> bytes:
    """The error as the client's dialect writes it."""
    return orjson.dumps(CLIENT_DIALECTS[dialect].render_error(error))


def refuse(error: GatewayError, dialect: str, request_id: str, metadata: Mapping[str, str] | None = None) -> Respond:
    """The error as a whole response."""
    return Respond(
        status=shown_status(error.status, error.outcome, dialect),
        body=error_body(error, dialect),
        details=f"{DETAILS_PREFIX}{error.code}",
        set_headers=error_headers(error, request_id),
        metadata=metadata,
    )
