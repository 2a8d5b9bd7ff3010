"""Anthropic's Messages through rawPredict: their bodies, events and errors, with Google's credentials and quotas.

Entered like a dialect. Source: https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
"""

from collections.abc import Mapping
from dataclasses import replace

from extproc.domain.reading import JsonObject
from extproc.simulator.anthropic import check
from extproc.simulator.anthropic import errors as anthropic_errors
from extproc.simulator.anthropic.dialect import malformed_event
from extproc.simulator.anthropic.errors import extra, failure_event, missing, request_id
from extproc.simulator.anthropic.render import events, whole
from extproc.simulator.anthropic.version import LATEST, check_latest
from extproc.simulator.gemini import errors as google_errors
from extproc.simulator.mind import Ask
from extproc.simulator.vertex.dialect import authenticate
from extproc.simulator.wire import Refused, Request

__all__ = [
    "authenticate", "events", "failure_event", "headers", "malformed_event", "read", "refusal", "scripted", "whole"
]  # fmt: skip

VERSION = "vertex-2023-10-16"
STREAM = ":streamRawPredict"

_GOOGLES: Mapping[int, str] = {
    401: "Request had invalid authentication credentials.",
    403: "Permission 'aiplatform.endpoints.predict' denied on resource (or it may not exist).",
    404: "Publisher Model was not found or your project does not have access to it.",
    429: "Quota exceeded for aiplatform.googleapis.com/online_prediction_input_tokens_per_minute_per_base_model.",
    503: "The service is currently unavailable.",
}
"""Statuses that Vertex answers with before Anthropic's code sees the request."""
_GOOGLES_NAMES = frozenset({"invalid_api_key", "model_not_found", "rate_limit_exceeded", "insufficient_quota"})


def read(body: JsonObject, request: Request, model: str) -> Ask:
    """See ``Dialect.read``. ``model`` is said by the path, and refused in the body; ``stream`` must agree with it."""
    if "model" in body:
        raise extra("model")
    stream = request.path.endswith(STREAM)
    if (body.get("stream") is True) != stream:
        raise Refused("stream: must be true for streamRawPredict, and only there")
    return replace(understand(body, request, model), stream=stream)


def understand(body: JsonObject, request: Request, model: str, *, counting: bool = False) -> Ask:
    """Check a rawPredict body and understand it. Raises ``Refused``."""
    version = body.get("anthropic_version")
    if version is None:
        raise missing("anthropic_version")
    if "cache_control" in body:
        raise extra("cache_control")
    if version not in (VERSION, LATEST):
        raise Refused(f"anthropic_version: Input should be '{VERSION}' or '{LATEST}'")
    fields = {name: value for name, value in body.items() if name not in ("anthropic_version", "anthropic_beta")}
    if version == LATEST:
        check_latest(fields)
    beta = request.header(b"anthropic-beta") is not None or bool(body.get("anthropic_beta"))
    return check.read({"model": model, **fields}, beta=beta, counting=counting)


def headers(token: str) -> bytes:
    """Anthropic's request id passes through; its limits are Google's, and are not told."""
    return b"x-vertex-ai-internal-prediction-backend: harpoon\r\nrequest-id: " + request_id(token).encode() + b"\r\n"


def scripted(status: int, name: str) -> Refused:
    """See ``Dialect.scripted``: Google's own errors, or Anthropic's."""
    if name in _GOOGLES_NAMES:
        status = {"invalid_api_key": 401, "model_not_found": 404}.get(name, 429) if status == 200 else status
    if status in _GOOGLES and (not name or name in _GOOGLES_NAMES):
        return google_errors.GoogleRefused(_GOOGLES[status], status=status)
    return anthropic_errors.scripted(status, name)


def refusal(refused: Refused, token: str) -> bytes:
    """See ``Dialect.refusal``."""
    if isinstance(refused, google_errors.GoogleRefused):
        return google_errors.refusal(refused, token)
    return anthropic_errors.refusal(refused, token)
