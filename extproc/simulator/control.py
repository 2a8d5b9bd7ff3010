"""The HTTP API under ``/sim/``: scripts in, records out.

::

    PUT    /sim/script             {"gpt-4o": {"status": 429}, "backup:gpt-4o": ["fault=cut,fault_at=3", {}]}
    GET    /sim/requests?limit=20  {"requests": [...]}, the newest last
    DELETE /sim/requests           forget records and counts
    GET    /sim/usage              {"usage": [...]}: what was billed for each request, oldest first, many more of them
    GET    /sim/stats              counts, open connections, answers whose client left

State is that of one process: with several processes behind one port, ask one that runs alone.
"""

from collections.abc import Mapping
from urllib.parse import parse_qs

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.behaviour import BadSetting
from extproc.simulator.record import Recorder
from extproc.simulator.script import Script
from extproc.simulator.wire import Request, Whole

PREFIX = "/sim/"


def answer(script: Script, recorder: Recorder, request: Request) -> Whole:
    """Carry out a control request. Always answers JSON; 400 names what is wrong."""
    match request.method, request.path.removeprefix(PREFIX):
        case "PUT", "script":
            return _set(script, request.body)
        case "GET", "requests":
            return _requests(recorder, request.query)
        case "DELETE", "requests":
            recorder.clear()
        case "GET", "usage":
            return _json({"usage": list[Json](recorder.bills())})
        case "GET", "stats":
            return _json(recorder.stats())
        case _:
            return _json({"error": f"no {request.method} {request.path}"}, 404)
    return _json({})


def _set(script: Script, body: bytes) -> Whole:
    try:
        programmes: Json = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return _json({"error": f"not JSON: {error}"}, 400)
    if not isinstance(programmes, Mapping):
        return _json({"error": "expected an object of key to behaviour"}, 400)
    try:
        script.replace(programmes)
    except BadSetting as error:
        return _json({"error": str(error)}, 400)
    return _json({"keys": list[Json](script.keys())})


def _requests(recorder: Recorder, query: str) -> Whole:
    text = parse_qs(query).get("limit", [""])[0]
    requests = list(recorder.requests)
    if text:
        if not text.isdecimal():
            return _json({"error": "limit must be a whole number"}, 400)
        requests = requests[len(requests) - min(int(text), len(requests)) :]
    return _json({"requests": [record.export() for record in requests]})


def _json(document: JsonObject, status: int = 200) -> Whole:
    return Whole(status, b"", orjson.dumps(document))
