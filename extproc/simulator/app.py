"""Decide what to answer: route, authenticate, script, read, say. No I/O; ``player`` carries the plan out."""

import itertools
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator import control
from extproc.simulator.anthropic import dialect as anthropic_dialect
from extproc.simulator.anthropic import endpoints as anthropic_endpoints
from extproc.simulator.behaviour import BadSetting, Behaviour
from extproc.simulator.billing import bill
from extproc.simulator.dialect import Dialect, Exchange, Spent
from extproc.simulator.mind import Ask, say
from extproc.simulator.openai import dialect as openai_dialect
from extproc.simulator.openai import endpoints as openai_endpoints
from extproc.simulator.promptcache import CacheUse, PromptCache
from extproc.simulator.record import RecordedRequest, Recorder
from extproc.simulator.script import Script, split_model
from extproc.simulator.wire import Plan, Refused, Reply, Request, Stream, Whole

PROVIDER_PREFIX = "/p/"
"""``/p/<label>/v1/...`` is the provider ``<label>``: one process plays several."""


@dataclass(slots=True)
class World:
    """What outlives a request."""

    script: Script = field(default_factory=Script)
    recorder: Recorder = field(default_factory=Recorder)
    cache: PromptCache = field(default_factory=PromptCache)
    _base: str = field(default_factory=lambda: os.urandom(6).hex())
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def token(self) -> str:
        """24 hexadecimal digits, new each time; ids are made of them."""
        return f"{self._base}{next(self._numbers):012x}"


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way through the app."""

    world: World
    dialect: Dialect
    request: Request
    record: RecordedRequest
    body: JsonObject
    credential: str
    token: str
    behaviour: Behaviour


Handler: TypeAlias = Callable[[Call], Reply]
Answer: TypeAlias = Callable[[JsonObject, Request], JsonObject]
"""A small endpoint: the request's body in, the response's out. Raises ``Refused``."""


def answer(world: World, request: Request) -> tuple[Plan, RecordedRequest | None]:
    """What to do with a request, and its record (the control API's own requests have none)."""
    if request.path.startswith(control.PREFIX):
        return Plan(control.answer(world.script, world.recorder, request), Behaviour()), None
    label, path = _split_path(request.path)
    record = world.recorder.received(request, label)
    dialect, handler = _route(request, path)
    token = world.token()
    behaviour = world.script.default
    try:
        credential = dialect.authenticate(request)
        body = _decode(request)
        behaviour = _behaviour(world, record, request, body)
        if behaviour.status != 200 or behaviour.error:
            raise dialect.scripted(behaviour.status, behaviour.error)
        reply = handler(Call(world, dialect, request, record, body, credential, token, behaviour))
    except Refused as refused:
        reply = _refuse(dialect, refused, token, behaviour)
    record.fault = behaviour.fault
    world.recorder.decided(record, reply.status if isinstance(reply, Whole) else 200)
    return Plan(reply, behaviour), record


def _generate(call: Call) -> Reply:
    """The endpoint that all dialects have: say something, whole or as a stream."""
    dialect = call.dialect
    ask = dialect.read(call.body, call.request, call.record.model)
    length = call.behaviour.tokens
    if call.behaviour.most and ask.max_tokens is not None:
        length = ask.max_tokens
    said = tuple(say(ask, length, choice) for choice in range(ask.choices))
    thinking = sum(len(one.thinking) for one in said)
    cached = _cached(call, ask)
    honest = Spent(ask.input_tokens, sum(one.tokens for one in said), thinking, *cached)
    spent = bill(call.behaviour, call.body, ask, honest)
    exchange = Exchange(
        body=call.body,
        model=call.record.model,
        ask=ask,
        said=said,
        spent=spent,
        token=call.token,
        created=time.time_ns() // 1_000_000_000,
        finish=call.behaviour.finish,
    )
    record = call.record
    record.stream = ask.stream
    record.input_tokens = spent.input
    record.cache_read_tokens = spent.cache_read
    record.cache_write_tokens = spent.cache_written
    record.output_tokens = spent.output
    headers = dialect.headers(call.token)
    broken = call.behaviour.fault == "error_event"
    if ask.stream:
        failure = dialect.failure_event(call.token) if broken else b""
        return Stream(headers, lambda: dialect.events(exchange), failure, dialect.malformed_event())
    failure = dialect.refusal(dialect.scripted(500, ""), call.token) if broken else b""
    return Whole(200, headers, dialect.whole(exchange), spent.output, failure=failure)


def _cached(call: Call, ask: Ask) -> CacheUse:
    if not ask.blocks:
        return CacheUse()
    return call.world.cache.use(
        f"{call.record.label} {call.credential} {call.record.model}", ask.blocks, time.monotonic()
    )


def _plain(respond: Answer) -> Handler:
    """An endpoint that always answers whole."""

    def handle(call: Call) -> Reply:
        document = respond(call.body, call.request)
        return Whole(200, call.dialect.headers(call.token), orjson.dumps(document))

    return handle


def _behaviour(world: World, record: RecordedRequest, request: Request, body: JsonObject) -> Behaviour:
    name = body.get("model")
    record.model, suffix = split_model(name) if isinstance(name, str) else ("", "")
    try:
        return world.script.resolve(record.label, record.model, suffix, request)
    except BadSetting as error:
        raise Refused(f"simulator: {error}") from error


def _decode(request: Request) -> JsonObject:
    if request.method == "GET":
        return {}
    try:
        body: Json = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise Refused("We could not parse the JSON body of your request.") from error
    if not isinstance(body, dict):
        raise Refused("The request body must be a JSON object.")
    return body


def _refuse(dialect: Dialect, refused: Refused, token: str, behaviour: Behaviour) -> Whole:
    body = behaviour.error_body.encode() or dialect.refusal(refused, token)
    headers = dialect.headers(token)
    wait = behaviour.retry_after
    if wait is None and refused.status == 429:
        wait = 1.0
    if wait is not None and wait >= 0:
        headers += f"retry-after: {wait:g}\r\n".encode()
    return Whole(refused.status, headers, body, failure=body)


def _split_path(path: str) -> tuple[str, str]:
    if path.startswith(PROVIDER_PREFIX):
        label, slash, rest = path[len(PROVIDER_PREFIX) :].partition("/")
        return label, slash + rest
    return "", path


_ROUTES: Mapping[tuple[str, str], tuple[Dialect, Handler]] = {
    ("POST", "/v1/chat/completions"): (openai_dialect, _generate),
    ("POST", "/v1/embeddings"): (openai_dialect, _plain(openai_endpoints.embeddings)),
    ("POST", "/v1/messages"): (anthropic_dialect, _generate),
    ("POST", "/v1/messages/count_tokens"): (anthropic_dialect, _plain(anthropic_endpoints.count_tokens)),
}

_MODELS: Mapping[bool, tuple[Dialect, Handler]] = {
    True: (anthropic_dialect, _plain(anthropic_endpoints.models)),
    False: (openai_dialect, _plain(openai_endpoints.models)),
}


def _route(request: Request, path: str) -> tuple[Dialect, Handler]:
    found = _ROUTES.get((request.method, path))
    if found is not None:
        return found
    speaks_anthropic = request.header(b"anthropic-version") is not None
    if (request.method, path) == ("GET", "/v1/models"):
        return _MODELS[speaks_anthropic]
    return (anthropic_dialect if speaks_anthropic else openai_dialect), _unknown


def _unknown(call: Call) -> Reply:
    method, path = call.request.method, call.request.path
    raise Refused(f"Invalid URL ({method} {path})", status=404, kind="not_found_error")
