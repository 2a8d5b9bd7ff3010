"""Answers in LiteLLM's shapes; its lists stand alone, without an object around them."""

import orjson
from starlette.responses import Response

from extproc.admin.litellm.reading import header_text
from extproc.admin.litellm.terms import IGNORED_HEADER
from extproc.domain.reading import Json


def reply(body: Json, ignored: tuple[str, ...] = ()) -> Response:
    """A JSON answer, with the names of the fields that were ignored."""
    names = header_text(ignored)
    return Response(
        orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE),
        headers={"Cache-Control": "no-store", **({IGNORED_HEADER: names} if names else {})},
        media_type="application/json",
    )
