"""Converse's request rules: a body is refused as Bedrock would refuse it, or understood as an ``Ask``.

In this order: the service model, the conversation, the model behind it.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.bedrock.errors import invalid, refuse
from extproc.simulator.bedrock.model import understand
from extproc.simulator.bedrock.shapes import check_shape
from extproc.simulator.bedrock.turns import check_turns
from extproc.simulator.mind import Ask

_MODEL_ID = re.compile(
    r"[a-zA-Z0-9-:._]{1,256}"
    r"|arn:aws(-[^:]+)?:(bedrock|sagemaker):[a-z0-9-]{1,20}:([0-9]{12})?:[a-z-]+/[a-zA-Z0-9-:._/]+"
)


def read(body: JsonObject, model: str, *, stream: bool) -> Ask:
    """Check a request and understand it. Raises ``Refused``."""
    check_model(model)
    check_shape(body, "Request")
    check_turns(body)
    guardrail = body.get("guardrailConfig")
    if not stream and isinstance(guardrail, Mapping) and "streamProcessingMode" in guardrail:
        raise invalid(
            "Malformed input request: #/guardrailConfig: extraneous key [streamProcessingMode] is not permitted, "
            "please reformat your input and try again."
        )
    return replace(understand(body, model), stream=stream)


def count(body: JsonObject, model: str) -> Ask:
    """The same for the Converse form of CountTokens."""
    check_model(model)
    check_shape(body, "Counted")
    check_turns(body)
    return understand(body, model)


def check_model(model: str) -> None:
    """Raises ``Refused`` where this can be no model's id, inference profile's id or ARN."""
    if not _MODEL_ID.fullmatch(model):
        raise invalid("The provided model identifier is invalid.")


def decode(data: bytes) -> JsonObject:
    """A request's body. Raises ``Refused``."""
    try:
        body: Json = orjson.loads(data or b"{}")
    except orjson.JSONDecodeError as error:
        raise refuse(
            "SerializationException", "Malformed input request, please reformat your input and try again."
        ) from error
    if not isinstance(body, Mapping):
        raise refuse("SerializationException", "Unexpected field type at the top of the body")
    return body
