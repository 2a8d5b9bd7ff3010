"""What a request asks, read from its body: the model, the body itself, decoded, and whether it is a stream."""

import orjson

from extproc.accounting.spelling import check_case
from extproc.domain.errors import InvalidRequest, MalformedJson
from extproc.domain.reading import Fields, Json, JsonObject
from extproc.domain.valueclass import valueclass
from extproc.phases.endpoints import Endpoint
from extproc.translate.edit import check_once
from extproc.translate.multipart import read_form

_STREAMED = frozenset({"chat", "images", "images-edits", "speech", "transcriptions"})
"""Operations whose answers can be events."""


@valueclass
class Asked:
    """``parsed``: the JSON object, or of a form the fields that matter; empty where the body is nobody's business."""

    model: str
    parsed: JsonObject


def read_asked(endpoint: Endpoint, content_type: str, body: bytes) -> Asked:
    """Raises ``InvalidRequest`` or ``MalformedJson``. ``model`` is empty for what belongs to no model."""
    match endpoint.body:
        case "json":
            parsed = parse_object(body)
            check_case(parsed)
        case "form":
            parsed = read_form(content_type, body)
        case "none" | "any":
            return Asked("", {})
    if endpoint.model is not None:
        return Asked(endpoint.model, parsed)
    fields = Fields(parsed)
    model = fields.text("model") if endpoint.default_model is None else fields.optional_text("model")
    if endpoint.body == "json" and "model" in parsed:
        check_once(body, "model", parsed)  # who reads the other one would serve what nobody allowed
    return Asked(endpoint.default_model or "" if model is None else model, parsed)


def is_stream(endpoint: Endpoint, parsed: JsonObject) -> bool:
    """Whether the answer shall come as events. Raises ``InvalidRequest`` where the body says neither yes nor no.

    What has no events comes whole, whatever the body says.
    """
    if endpoint.stream is not None:
        return endpoint.stream
    return bool(Fields(parsed).boolean("stream")) and endpoint.operation in _STREAMED


def parse_object(body: bytes) -> JsonObject:
    """The body as a JSON object. Raises ``MalformedJson``, or ``InvalidRequest`` where it is another value."""
    try:
        parsed: Json = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedJson(
            f"The body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    if not isinstance(parsed, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return parsed
