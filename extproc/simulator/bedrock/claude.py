"""Anthropic's Messages through InvokeModel: their bodies and events, in AWS's errors and framing.

Entered like a dialect. Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
"""

import base64
from collections.abc import Iterator
from dataclasses import replace

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.anthropic import check, render
from extproc.simulator.anthropic.version import LATEST, check_latest, model_version
from extproc.simulator.bedrock.check import check_model
from extproc.simulator.bedrock.dialect import authenticate, headers, malformed_event
from extproc.simulator.bedrock.errors import failure_event, invalid, refusal, scripted
from extproc.simulator.bedrock.eventstream import event
from extproc.simulator.dialect import Exchange, Spent
from extproc.simulator.mind import Ask
from extproc.simulator.wire import Event, Refused, Request

__all__ = [
    "authenticate", "events", "failure_event", "headers", "malformed_event", "read", "refusal", "scripted", "whole"
]  # fmt: skip

VERSION = "bedrock-2023-05-31"
_LATEST_SINCE = (4, 7)
"""The first models that take Anthropic's latest version as well."""
STREAM = "-with-response-stream"
_PADDING = "abcdefghijklmnopqrstuvwxyz"


def read(body: JsonObject, request: Request, model: str) -> Ask:
    """See ``Dialect.read``. ``model`` and ``stream`` are said by the path, and refused in the body."""
    check_model(model)
    return replace(understand(body, model), stream=request.path.endswith(STREAM))


def understand(body: JsonObject, model: str, *, counting: bool = False) -> Ask:
    """Check an InvokeModel body and understand it. Raises ``Refused``."""
    version = body.get("anthropic_version")
    if version is None:
        raise invalid("anthropic_version: Field required")
    known = model_version(model)
    if version != VERSION and not (version == LATEST and (known is None or known >= _LATEST_SINCE)):
        raise invalid(f"Invalid API version: {version}")
    for name in ("model", "stream", "cache_control"):
        if name in body:
            raise invalid(f"{name}: Extra inputs are not permitted")
    beta = body.get("anthropic_beta")
    if beta is not None and (not isinstance(beta, list) or not all(isinstance(one, str) for one in beta)):
        raise invalid("anthropic_beta: Input should be a valid list")
    fields = {name: value for name, value in body.items() if name not in ("anthropic_version", "anthropic_beta")}
    try:
        if version == LATEST:
            check_latest(fields)
        return check.read({"model": model, **fields}, beta=bool(beta), counting=counting)
    except Refused as refused:
        raise invalid(refused.message) from refused


def whole(exchange: Exchange) -> bytes:
    """See ``Dialect.whole``."""
    return render.whole(_ids(exchange))


def events(exchange: Exchange) -> Iterator[Event]:
    """Anthropic's events, each the payload of a chunk; the last one tells what was counted."""
    for one in render.events(_ids(exchange)):
        _, _, text = one.data.partition(b"data: ")
        data = text.rstrip()
        if data == b'{"type": "ping"}':
            continue
        if data == b'{"type":"message_stop"}':
            data = orjson.dumps({"type": "message_stop", "amazon-bedrock-invocationMetrics": _metrics(exchange.spent)})
        payload = {"bytes": base64.b64encode(data).decode(), "p": _PADDING[: 3 + len(data) % 20]}
        yield Event(event("chunk", orjson.dumps(payload)), one.tokens, content=one.content)


def _ids(exchange: Exchange) -> Exchange:
    """Bedrock's messages name the model by Anthropic's name, without the vendor, the region and the version."""
    _, _, name = exchange.model.rpartition("anthropic.")
    return replace(exchange, model=name.partition("-v1:")[0])


def _metrics(spent: Spent) -> dict[str, Json]:
    return {
        "inputTokenCount": spent.input - spent.cache_read - spent.cache_written,
        "outputTokenCount": spent.output,
        "invocationLatency": 417,
        "firstByteLatency": 203,
        "cacheReadInputTokenCount": spent.cache_read,
        "cacheWriteInputTokenCount": spent.cache_written,
    }
