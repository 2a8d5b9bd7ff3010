"""``/v1/batches``: the requests of a file are answered at once, and the batch shows it little by little.

A batch is ``validating`` when it is made, ``in_progress`` at the first look at it, and ``completed`` at the next ones.
Source: https://platform.openai.com/docs/api-reference/batch
"""

from collections.abc import Mapping
from dataclasses import replace

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.behaviour import Behaviour
from extproc.simulator.call import Call, Handler
from extproc.simulator.dialect import Manners
from extproc.simulator.handlers import generate
from extproc.simulator.kept import KeptBatch
from extproc.simulator.openai import dialect as chat_dialect
from extproc.simulator.openai import endpoints, moderations
from extproc.simulator.openai.errors import wrong_value
from extproc.simulator.openai.files import add_file, find_file, page
from extproc.simulator.openai.rules import required_text, unknown_parameter
from extproc.simulator.openai_completions import dialect as completions_dialect
from extproc.simulator.openai_responses import dialect as responses_dialect
from extproc.simulator.openai_responses import endpoints as responses
from extproc.simulator.record import RecordedRequest
from extproc.simulator.replies import document
from extproc.simulator.wire import Refused, Reply, Whole, names

KNOWN = names("completion_window endpoint input_file_id metadata output_expires_after")

_ENDPOINTS: Mapping[str, tuple[Manners, Handler]] = {
    "/v1/responses": (responses_dialect, responses.create),
    "/v1/chat/completions": (chat_dialect, generate(chat_dialect)),
    "/v1/embeddings": (chat_dialect, endpoints.embeddings),
    "/v1/completions": (completions_dialect, generate(completions_dialect)),
    "/v1/moderations": (chat_dialect, moderations.moderations),
}
_MOST_LISTED = 100
_DAY = 86_400


def create(call: Call) -> Reply:
    """``POST /v1/batches``. Raises ``Refused``; a file that is no good makes a batch that has failed."""
    body = call.body
    for name in body:
        if name not in KNOWN:
            raise unknown_parameter(name)
    endpoint, window = required_text(body, "endpoint"), required_text(body, "completion_window")
    if endpoint not in _ENDPOINTS:
        raise wrong_value("endpoint", endpoint, tuple(_ENDPOINTS))
    if window != "24h":
        raise wrong_value("completion_window", window, ("24h",))
    file = find_file(call, required_text(body, "input_file_id"))
    if file.document["purpose"] != "batch":
        raise Refused(
            f"Invalid file purpose '{file.document['purpose']}' for Batch API. Must be 'batch'.",
            param="input_file_id",
            code="invalid_file_purpose",
        )
    lines = [line for line in file.content.split(b"\n") if line.strip()]
    errors = _errors(lines, endpoint)
    states = [_failed(call, errors)] if errors else _states(call, lines, endpoint)
    call.world.shelf.batches.put(call.account, str(states[0]["id"]), KeptBatch(states))
    return document(call, states[0])


def listing(call: Call) -> Reply:
    """``GET /v1/batches``, newest first. Raises ``Refused``."""
    batches = [batch.states[0] for batch in call.world.shelf.batches.of(call.account)]
    return document(call, page(call, batches[::-1], _MOST_LISTED))


def retrieve(call: Call) -> Reply:
    """``GET /v1/batches/{id}``: each look finds it further on. Raises ``Refused``."""
    batch = _find(call)
    if len(batch.states) > 1:
        batch.states.pop(0)
    return document(call, batch.states[0])


def cancel(call: Call) -> Reply:
    """``POST /v1/batches/{id}/cancel``. Raises ``Refused``."""
    batch = _find(call)
    now = batch.states[0]
    if len(batch.states) == 1:
        raise Refused(f"Cannot cancel a batch with status '{now['status']}'.", status=409)
    at = int(call.record.received_at)
    cancelling: JsonObject = {**now, "status": "cancelling", "cancelling_at": at}
    batch.states[:] = [cancelling, {**cancelling, "status": "cancelled", "cancelled_at": at}]
    return document(call, cancelling)


def _find(call: Call) -> KeptBatch:
    identity = call.params["batch"]
    batch = call.world.shelf.batches.get(call.account, identity)
    if batch is None:
        raise Refused(f"No batch found with id '{identity}'.", status=404)
    return batch


def _errors(lines: list[bytes], endpoint: str) -> list[Json]:
    """What is wrong with the file, line by line."""
    if not lines:
        return [{"code": "empty_file", "message": "The input file is empty.", "line": None, "param": None}]
    seen: set[str] = set()
    errors: list[Json] = []
    for number, line in enumerate(lines, start=1):
        fault = _fault(line, endpoint, seen)
        if fault:
            code, message = fault
            errors.append({"code": code, "message": message, "line": number, "param": None})
    return errors


def _fault(line: bytes, endpoint: str, seen: set[str]) -> tuple[str, str] | None:
    try:
        request: Json = orjson.loads(line)
    except orjson.JSONDecodeError:
        return "invalid_json_line", "This line is not parseable as valid JSON."
    match request:
        case {"custom_id": str(identity), "method": "POST", "url": str(url), "body": Mapping()}:
            if url != endpoint:
                return "mismatched_endpoint", f"The URL '{url}' does not match the batch's endpoint '{endpoint}'."
            if identity in seen:
                return "duplicate_custom_id", f"The custom_id '{identity}' stands more than once in this file."
            seen.add(identity)
            return None
        case _:
            return "invalid_request", "A line needs custom_id, method 'POST', url, and body."


def _failed(call: Call, errors: list[Json]) -> JsonObject:
    at = int(call.record.received_at)
    return {**_opened(call, 0), "status": "failed", "failed_at": at, "errors": {"object": "list", "data": errors}}


def _states(call: Call, lines: list[bytes], endpoint: str) -> list[JsonObject]:
    at = int(call.record.received_at)
    good, bad = _answers(call, lines, endpoint)
    validating = _opened(call, len(lines))
    running: JsonObject = {**validating, "status": "in_progress", "in_progress_at": at}
    files: dict[str, Json] = {}
    for name, answers in (("output", good), ("error", bad)):
        identity = f"file-{call.token}{name}"
        if answers:
            add_file(call, identity, f"batch_{call.token}_{name}.jsonl", "batch_output", b"\n".join(answers) + b"\n")
            files[f"{name}_file_id"] = identity
    done: JsonObject = {
        **running,
        **files,
        "status": "completed",
        "finalizing_at": at,
        "completed_at": at,
        "request_counts": {"total": len(lines), "completed": len(good), "failed": len(bad)},
        "usage": {
            "input_tokens": call.record.input_tokens,
            "input_tokens_details": {"cached_tokens": call.record.cache_read_tokens},
            "output_tokens": call.record.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": call.record.input_tokens + call.record.output_tokens,
        },
    }
    return [validating, running, done]


def _opened(call: Call, count: int) -> dict[str, Json]:
    at = int(call.record.received_at)
    nothing_yet: JsonObject = dict.fromkeys(
        (
            "errors", "output_file_id", "error_file_id", "in_progress_at", "finalizing_at", "completed_at", "failed_at",
            "expired_at", "cancelling_at", "cancelled_at",
        )
    )  # fmt: skip
    return {
        "id": f"batch_{call.token}",
        "object": "batch",
        "endpoint": call.body["endpoint"],
        "input_file_id": call.body["input_file_id"],
        "completion_window": "24h",
        "status": "validating",
        "created_at": at,
        "expires_at": at + _DAY,
        **nothing_yet,
        "request_counts": {"total": count, "completed": 0, "failed": 0},
        "metadata": call.body.get("metadata"),
    }


def _answers(call: Call, lines: list[bytes], endpoint: str) -> tuple[list[bytes], list[bytes]]:
    """Lines of the output file and of the error file; the record of the call is told what they cost."""
    good: list[bytes] = []
    bad: list[bytes] = []
    for number, line in enumerate(lines):
        request: JsonObject = orjson.loads(line)
        body = request["body"]
        assert isinstance(body, Mapping)
        status, answer = _answer(call, f"{call.token}{number:04x}", body, endpoint)
        written = {
            "id": f"batch_req_{call.token}{number:04x}",
            "custom_id": request["custom_id"],
            "response": {"status_code": status, "request_id": f"req_{call.token}{number:04x}", "body": answer},
            "error": None,
        }
        (good if status == 200 else bad).append(orjson.dumps(written))
    return good, bad


def _answer(call: Call, token: str, body: JsonObject, endpoint: str) -> tuple[int, Json]:
    manners, handler = _ENDPOINTS[endpoint]
    model = body.get("model")
    record = replace(call.record, path=endpoint, model=model if isinstance(model, str) else "")
    # Its own faults are the batch's, not those of each request in it.
    calm = Behaviour(tokens=call.behaviour.tokens, most=call.behaviour.most)
    one = replace(call, manners=manners, record=record, body=body, token=token, behaviour=calm)
    if body.get("stream") is True:
        refused = Refused("Streaming is not supported in the Batch API.", param="stream")
        return 400, orjson.loads(manners.refusal(refused, token))
    try:
        reply = handler(one)
    except Refused as refused:
        return refused.status, orjson.loads(manners.refusal(refused, token))
    assert isinstance(reply, Whole)
    _add(call.record, record)
    return 200, orjson.loads(reply.body)


def _add(total: RecordedRequest, part: RecordedRequest) -> None:
    total.input_tokens += part.input_tokens
    total.output_tokens += part.output_tokens
    total.cache_read_tokens += part.cache_read_tokens
    total.cache_write_tokens += part.cache_write_tokens
