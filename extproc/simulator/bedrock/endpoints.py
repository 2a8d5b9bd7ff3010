"""What Bedrock's paths do: Converse, InvokeModel by the vendor of its model, CountTokens.

The routes are raw: AWS refuses what is no JSON in its own way, and ``call.body`` is filled in here.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.bedrock import check, claude
from extproc.simulator.bedrock import dialect as converse_dialect
from extproc.simulator.bedrock.errors import invalid, refuse
from extproc.simulator.bedrock.eventstream import CONTENT_TYPE
from extproc.simulator.bedrock.model import is_claude
from extproc.simulator.bedrock.vectors import cohere_embed, cohere_rerank, titan_embed
from extproc.simulator.call import Call
from extproc.simulator.handlers import generate
from extproc.simulator.wire import Reply, Stream, Whole

_speak = generate(converse_dialect)
_speak_claude = generate(claude)


def converse(call: Call) -> Reply:
    """``/model/{modelId}/converse`` and ``/converse-stream``."""
    return _framed(_speak(replace(call, body=check.decode(call.request.body))))


def invoke(call: Call) -> Reply:
    """``/model/{modelId}/invoke``: the body is that of the model's vendor."""
    body, model = check.decode(call.request.body), call.record.model
    check.check_model(model)
    if is_claude(model) or "anthropic_version" in body:
        reply = _speak_claude(replace(call, body=body, manners=claude))
        return _counted(call, reply) if isinstance(reply, Whole) else _framed(reply)
    for name, answer in (
        ("amazon.titan-embed-text-v2", titan_embed),
        ("cohere.embed", cohere_embed),
        ("cohere.rerank", cohere_rerank),
    ):
        if name in model:
            document, call.record.input_tokens = answer(body, call.token)
            reply = Whole(200, converse_dialect.headers(call.token), orjson.dumps(document))
            return _counted(call, reply)
    raise invalid("The provided model identifier is invalid.")


def invoke_stream(call: Call) -> Reply:
    """``/model/{modelId}/invoke-with-response-stream``: none but Claude has it here."""
    body, model = check.decode(call.request.body), call.record.model
    if not is_claude(model) and "anthropic_version" not in body:
        raise invalid("The model is unsupported for streaming.")
    reply = _framed(_speak_claude(replace(call, body=body, manners=claude)))
    return replace(reply, headers=reply.headers + b"x-amzn-bedrock-content-type: application/json\r\n")


def count_tokens(call: Call) -> Reply:
    """``/model/{modelId}/count-tokens``: of a Converse request, or of an InvokeModel body in base64."""
    body = check.decode(call.request.body)
    given = body.get("input")
    if not isinstance(given, Mapping) or set(body) != {"input"} or len(given) != 1:
        raise invalid("Exactly one of 'invokeModel' and 'converse' must be set in input.")
    model = call.record.model
    match given:
        case {"converse": dict() as request}:
            ask = check.count(request, model)
        case {"invokeModel": {"body": str(text)}}:
            ask = claude.understand(_unpacked(text), model, counting=True)
        case _:
            raise invalid("Exactly one of 'invokeModel' and 'converse' must be set in input.")
    document = {"inputTokens": ask.input_tokens}
    return Whole(200, converse_dialect.headers(call.token), orjson.dumps(document))


def unknown(call: Call) -> Reply:
    """An operation that the runtime does not have."""
    raise refuse("UnknownOperationException", f"Unknown operation: {call.request.method} {call.request.path}")


def _unpacked(text: str) -> JsonObject:
    try:
        return check.decode(base64.b64decode(text, validate=True))
    except binascii.Error as error:
        raise invalid("The body of invokeModel must be base64.") from error


def _framed(reply: Reply) -> Reply:
    return replace(reply, content_type=CONTENT_TYPE) if isinstance(reply, Stream) else reply


def _counted(call: Call, reply: Whole) -> Whole:
    """The reply with InvokeModel's headers, which tell what was counted."""
    record = call.record
    counts: dict[str, Json] = {
        "invocation-latency": 417,
        "input-token-count": record.input_tokens - record.cache_read_tokens - record.cache_write_tokens,
        "output-token-count": record.output_tokens,
        "cache-read-input-token-count": record.cache_read_tokens,
        "cache-write-input-token-count": record.cache_write_tokens,
    }
    lines = "".join(f"x-amzn-bedrock-{name}: {value}\r\n" for name, value in counts.items())
    return replace(reply, headers=reply.headers + lines.encode())
