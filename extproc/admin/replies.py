"""Answers of the admin port: always JSON, errors always of one shape."""

from collections.abc import Mapping

import orjson
from starlette.responses import Response

from extproc.admin.errors import AdminError
from extproc.domain.reading import JsonObject

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "invalid_request_error",
    503: "service_unavailable",
}


def json_reply(body: JsonObject, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer. Nothing here may be kept by a cache: all of it is the state of this moment."""
    return Response(
        orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE),
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        media_type="application/json",
    )


def error_reply(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """``{"error": {"message": ..., "type": ..., "code": ..., "param": null}}``."""
    return _error(status, {"message": message, "type": _TYPES.get(status, "internal_error"), "code": code}, headers)


def refusal_reply(error: AdminError) -> Response:
    """The same of an error of the directory; ``param`` is the field at fault."""
    said = {"message": error.message, "type": error.type, "code": error.code, "param": error.param}
    return _error(error.status, said, {"Retry-After": "1"} if error.status == 503 else None)


def _error(status: int, said: Mapping[str, str | None], headers: Mapping[str, str] | None) -> Response:
    return json_reply({"error": {"param": None, **said}}, status, headers)
