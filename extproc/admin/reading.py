"""Requests → checked bodies and filters. A mistake is an ``InvalidField`` that names the field and the mend."""

from collections.abc import Mapping
from typing import TypeVar

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import Request

from extproc.admin.bodies import Body
from extproc.admin.errors import AdminError, InvalidField
from extproc.config.problems import closest, listed, path_text
from extproc.config.scalars import CUSTOM

B = TypeVar("B", bound=Body)

MAX_BODY = 256 * 1024
"""Bytes. The largest body that passes all other checks, a thousand models of long names, is smaller."""


class TooLarge(AdminError):
    """The body is longer than anything that this API takes."""

    status = 413
    type = "invalid_request_error"
    default_code = "body_too_large"


async def read_json(request: Request) -> dict[str, object]:
    """The body, which must be a JSON object; an empty one is ``{}``. Raises ``InvalidField`` and ``TooLarge``."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY:
            raise TooLarge(f"The body is longer than {MAX_BODY // 1024} KiB.")
    try:
        data: object = orjson.loads(content or b"{}")
    except orjson.JSONDecodeError as error:
        raise InvalidField(f"The body is not JSON: {error}.", code="malformed_json") from None
    if not isinstance(data, dict):
        raise InvalidField("The body must be a JSON object: {...}.")
    return {str(name): value for name, value in data.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType, reportUnknownMemberType] -- values are the models' to check


def read_body(model: type[B], data: Mapping[str, object]) -> B:
    """The body as a model. Raises ``InvalidField`` for the first mistake."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _explained(error.errors(include_url=False)[0], model) from None


def _explained(details: ErrorDetails, model: type[Body]) -> InvalidField:
    path = tuple(step for step in details["loc"] if step != "[key]")
    param = path_text(path)
    context: Mapping[str, object] = details.get("ctx", {})
    match details["type"]:
        case "extra_forbidden":
            known = model.model_fields if len(path) == 1 else {}
            near = closest(str(path[-1]), known)
            there = f" Known here: {listed(known)}." if known else ""
            said = f"is unknown; did you mean '{near}'?" if near else f"is unknown.{there}"
        case "missing":
            said = "is missing."
        case kind if kind == CUSTOM:
            mend = str(context["mend"])
            said = f"{context['message']}.{f' {mend}.' if mend else ''}"
        case _:
            said = f"is not valid: {details['msg']}."
    return InvalidField(f"{param or 'the body'}: {said}", param=param or None)
