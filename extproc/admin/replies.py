"""Answers of the admin port: always JSON, errors always of one shape."""

from collections.abc import Mapping

import orjson
from starlette.responses import Response

from extproc.domain.reading import JsonObject


def json_reply(body: JsonObject, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer. Nothing here may be kept by a cache: all of it is the state of this moment."""
    return Response(
        orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE),
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        media_type="application/json",
    )


def error_reply(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """``{"error": {"code": ..., "message": ...}}``."""
    return json_reply({"error": {"code": code, "message": message}}, status, headers)
