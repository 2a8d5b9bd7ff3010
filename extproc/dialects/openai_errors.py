"""Errors of OpenAI's APIs, one shape for all: ``GatewayError`` → error body; a vendor's body → ``ProviderError``.

Sources: https://developers.openai.com/api/docs/guides/error-codes, openai.types.shared.ErrorObject,
https://openrouter.ai/docs/api/reference/errors-and-debugging. Compatible servers use OpenAI's shape with types and codes
of their own, so the words are tables, and what no table knows is judged by its status.
"""

import re
from collections.abc import Mapping

import orjson

from extproc.dialects.openai_error_words import (
    KIND_OF_MESSAGE,
    KIND_OF_STATUS,
    KIND_OF_WORD,
    MISSING,
    STATUS_IN_STREAM,
    Kind,
)
from extproc.dialects.redact import without_keys
from extproc.dialects.sse import render_event
from extproc.domain.errors import (
    ContextLength,
    GatewayError,
    ProviderAuth,
    ProviderError,
    ProviderFailed,
    ProviderMissing,
    ProviderRejected,
)
from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass

MAX_MESSAGE_CHARS = 1000
"""A vendor's message is shown up to here: the longest real ones (schema errors) fit, a whole HTML page does not."""

_TYPE_OF_CODE: Mapping[str, str] = {
    "provider_quota_exhausted": "insufficient_quota",
    "model_not_allowed": "permission_error",
}
_TYPE_OF_STATUS: Mapping[int, str] = {
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
    503: "service_unavailable_error",
}
"""Other statuses: OpenAI says ``invalid_request_error`` below 500 (401 and 404 too), ``server_error`` from there on."""
_VENDOR_CODE = re.compile(r"(?=.{1,64}\Z)[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
"""OpenAI's are words joined by underscores. Compatible servers also have numbers and names of exceptions."""


def render_error(error: GatewayError) -> JsonObject:
    """The error body.

    A refusal by the platform's policy has its code as its type (``budget_exceeded``), for clients tell these apart by
    type; all others have the type that OpenAI's API gives this status. ``code`` is the gateway's stable one; where the
    provider has a word of its own for what is wrong with the request, that is beside it as ``vendor_code``.
    """
    told: dict[str, Json] = {
        "message": error.message,
        "type": _type_of(error),
        "param": error.param,
        "code": error.code,
    }
    if isinstance(error, ProviderRejected) and error.vendor_code not in {None, error.code}:
        told["vendor_code"] = error.vendor_code
    return {"error": told}


def render_error_event(error: GatewayError) -> bytes:
    """The error as an event of a stream: a data line without a name, on which OpenAI's SDKs raise ``APIError``."""
    return render_event(orjson.dumps(render_error(error)))


def _type_of(error: GatewayError) -> str:
    if (known := _TYPE_OF_CODE.get(error.code)) is not None:
        return known
    if error.fault == "policy":
        return error.code
    if (known := _TYPE_OF_STATUS.get(error.status)) is not None:
        return known
    return "server_error" if error.status >= 500 else "invalid_request_error"


_AUTH_MESSAGE: Mapping[int, str] = {
    403: "the provider does not allow the gateway's account to make this request",
}


@valueclass
class VendorError:
    """What a vendor's error body says; empty strings where it does not."""

    message: str = ""
    code: str = ""
    type: str = ""
    inner_code: str = ""
    param: str | None = None

    @property
    def status(self) -> int | None:
        """The status in a numeric code (OpenRouter, vLLM), for an error inside a 200."""
        return int(self.code) if self.code in _STATUS_CODES else None


_STATUS_CODES = frozenset(str(status) for status in range(400, 600))


def parse_error(status: int, body: bytes, *, retry_after: float | None) -> ProviderError:
    """The error behind a status of 400 and above. Never raises: the body may be HTML, cut, empty, or not UTF-8."""
    said = _read_body(body)
    kind = _kind_of(said, status)
    return _make(kind, said, status, retry_after)


def stream_error(value: Json) -> ProviderError:
    """The error that an event inside a 200 stream, or a 200 body, holds. ``value`` is its decoded JSON."""
    said = vendor_error(value) or VendorError()
    kind = _kind_of(said, said.status)
    return _make(kind, said, said.status or STATUS_IN_STREAM.get(kind, 500), None)


def vendor_error(value: Json) -> VendorError | None:
    """What the body says, in any of the shapes that OpenAI and compatible servers use; None where it is no error.

    ``{"error": {...}}``; ``{"error": "text"}``; ``[{"error": {...}}]`` (Gemini); ``{"object": "error", ...}`` (vLLM,
    Mistral); ``{"detail": ...}`` (FastAPI); ``{"statusCode": 401, "message": ...}`` (Azure's front door).
    """
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return None
    error = value.get("error")
    if isinstance(error, dict):
        return _from_object(error)
    if isinstance(error, str) and error:
        return VendorError(message=error, code=_word(value.get("code")), type=_word(value.get("type")))
    if value.get("object") == "error" or value.get("type") == "error" or "statusCode" in value:
        return _from_object(value)
    if "detail" in value and "choices" not in value:
        return VendorError(message=_sentence(value["detail"]))
    return None


def _from_object(error: JsonObject) -> VendorError:
    inner = error.get("innererror")
    param = error.get("param")
    metadata = error.get("metadata")
    flagged = isinstance(metadata, dict) and "flagged_input" in metadata  # OpenRouter's moderation, a 403
    return VendorError(
        message=_sentence(error.get("message")),
        code=_word(error.get("code")),
        type=_word(error.get("type")),
        inner_code="content_filter" if flagged else _word(inner.get("code")) if isinstance(inner, dict) else "",
        param=param if isinstance(param, str) else None,
    )


def _word(value: Json) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _sentence(value: Json) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # nested deeper than anything real
        return ""


def _read_body(body: bytes) -> VendorError:
    try:
        value: Json = orjson.loads(body)
    except orjson.JSONDecodeError:
        # A proxy's plain text is worth showing ("upstream connect error ..."), its HTML is not.
        text = body[: MAX_MESSAGE_CHARS * 4].decode("utf-8", "replace").strip()
        return VendorError() if text.startswith("<") else VendorError(message=text)
    said = vendor_error(value)
    if said is None and isinstance(value, dict) and "message" in value:  # proxies and gateways in front of a vendor
        said = _from_object(value)
    return said or VendorError()


def _kind_of(said: VendorError, status: int | None) -> Kind:
    for word in (said.inner_code, said.code, said.type):
        if (kind := KIND_OF_WORD.get(word.lower())) is not None:
            return kind
    if status == 404 and MISSING.match(said.message):
        return ProviderMissing
    if status is not None and (kind := KIND_OF_STATUS.get(status)) is not None:
        return kind
    if status is None or status < 500:
        for pattern, kind in KIND_OF_MESSAGE:
            if pattern.search(said.message):
                return kind
    if said.type == "invalid_request_error" or (status is not None and status < 500):
        return ProviderRejected
    return ProviderFailed


def _make(kind: Kind, said: VendorError, status: int, retry_after: float | None) -> ProviderError:
    if issubclass(kind, ProviderAuth):
        # Never the vendor's words: they hold a part of the key.
        message = _AUTH_MESSAGE.get(status, "the provider does not accept the gateway's credential") + f" ({status})"
    else:
        message = without_keys(said.message)[:MAX_MESSAGE_CHARS]
    return kind(
        message or f"the provider reported an error ({status}) without a message",
        param=said.param,
        retry_after=retry_after,
        retry_status=status,
        vendor_code=_vendor_code(kind, said),
    )


def _vendor_code(kind: Kind, said: VendorError) -> str | None:
    """Only of what the caller can mend. A full window has one code, however servers spell it."""
    if issubclass(kind, ProviderRejected) and kind is not ContextLength and _VENDOR_CODE.fullmatch(said.code):
        return said.code
    return None
