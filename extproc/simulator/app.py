"""Decide what to answer: route, authenticate, script, read, say. No I/O; ``player`` carries the plan out."""

from urllib.parse import unquote

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator import control
from extproc.simulator.behaviour import BadSetting, Behaviour
from extproc.simulator.call import Call, World
from extproc.simulator.dialect import Manners
from extproc.simulator.form import NO_FORM, read_form
from extproc.simulator.record import RecordedRequest
from extproc.simulator.routes import find_route
from extproc.simulator.script import split_model
from extproc.simulator.wire import Plan, Refused, Request, Whole

PROVIDER_PREFIX = "/p/"
"""``/p/<label>/v1/...`` is the provider ``<label>``: one process plays several."""


def answer(world: World, request: Request) -> tuple[Plan, RecordedRequest | None]:
    """What to do with a request, and its record (the control API's own requests have none)."""
    if request.path.startswith(control.PREFIX):
        return Plan(control.answer(world.script, world.recorder, request), Behaviour()), None
    label, path = _split_path(request.path)
    record = world.recorder.received(request, label)
    route, encoded = find_route(request, path)
    params = {name: unquote(value) for name, value in encoded.items()}
    manners = route.manners
    token = world.token()
    behaviour = world.script.default
    try:
        credential = manners.authenticate(request)
        form = read_form(request) if route.form else NO_FORM
        body = form.fields if route.form or route.raw else _decode(request)
        behaviour = _behaviour(world, record, request, params.get("model") or body.get("model"))
        if behaviour.status != 200 or behaviour.error:
            raise manners.scripted(behaviour.status, behaviour.error)
        reply = route.handler(
            Call(world, manners, request, record, body, params, credential, token, behaviour, form.files)
        )
    except Refused as refused:
        reply = _refuse(manners, refused, token, behaviour)
    record.fault = behaviour.fault
    world.recorder.decided(record, reply.status if isinstance(reply, Whole) else 200)
    return Plan(reply, behaviour), record


def _behaviour(world: World, record: RecordedRequest, request: Request, name: Json) -> Behaviour:
    record.model, suffix = split_model(name) if isinstance(name, str) else ("", "")
    try:
        return world.script.resolve(record.label, record.model, suffix, request)
    except BadSetting as error:
        raise Refused(f"simulator: {error}") from error


def _decode(request: Request) -> JsonObject:
    if request.method in {"GET", "DELETE"}:
        return {}
    try:
        body: Json = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise Refused("We could not parse the JSON body of your request.") from error
    if not isinstance(body, dict):
        raise Refused("The request body must be a JSON object.")
    return body


def _refuse(manners: Manners, refused: Refused, token: str, behaviour: Behaviour) -> Whole:
    body = behaviour.error_body.encode() or manners.refusal(refused, token)
    headers = manners.headers(token) + refused.headers
    wait = behaviour.retry_after
    if wait is None and refused.status == 429:
        wait = 1.0
    if wait is not None and wait >= 0:
        headers += f"retry-after: {wait:g}\r\n".encode()
    return Whole(refused.status, headers, body, content_type=refused.content_type, failure=body)


def _split_path(path: str) -> tuple[str, str]:
    if path.startswith(PROVIDER_PREFIX):
        label, slash, rest = path[len(PROVIDER_PREFIX) :].partition("/")
        return label, slash + rest
    return "", path
