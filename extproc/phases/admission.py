"""Admission: once per request. Who asks, for which model, on which chain of providers.

Events: request headers (authenticate, answer what needs no body), the whole body (decide, hand over), the response
headers on their way to the client (only to know how the request ended). Counterpart: ``extproc.phases.attempt``.

The request's row is written by the attempt that answered the client, else here: refusals, replies that Envoy made
itself, requests whose client left before any answer.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from extproc.config.routes import idle_timeout, patience, route_class, try_timeout
from extproc.config.snapshot import Model, Snapshot, Target, VirtualKey
from extproc.dialects.models import ModelEntry, anthropic_model, anthropic_models, openai_model, openai_models
from extproc.domain import names
from extproc.domain.errors import (
    ClientClosed,
    GatewayError,
    InternalError,
    InvalidRequest,
    MalformedJson,
    ProviderError,
    ProviderTimeout,
    ProviderTruncated,
    ProviderUnreachable,
    RequestTooLarge,
    UnknownRoute,
)
from extproc.domain.reading import Fields, Json, JsonObject
from extproc.phases.attempt_log import unmarked_before, unreached
from extproc.phases.endpoints import ANTHROPIC, OPENAI, Endpoint, dialect_of, find_endpoint
from extproc.phases.events import (
    Event,
    Replies,
    RequestBody,
    RequestBodyReply,
    RequestHeaders,
    RequestHeadersReply,
    Respond,
    ResponseHeaders,
    ResponseHeadersReply,
)
from extproc.phases.handoff import Handoff, Step
from extproc.phases.marks import SENT, AttemptMark, answered, is_unmarked, read_marks, summaries
from extproc.phases.ports import Clock, Dice
from extproc.phases.refusals import refuse
from extproc.policy.chain import order_targets
from extproc.policy.keys import authenticate, resolve_model, usable_models
from extproc.policy.retry import envoy_retry_on
from extproc.telemetry.recorder import Recorder
from extproc.telemetry.records import RequestRecord
from extproc.telemetry.traces import SpanHandle, Tracer
from extproc.translate.capability import carries
from extproc.translate.edit import check_once

_SANE_ID = re.compile(r"[\x21-\x7e]{1,128}")
_CLIENT_HEADERS = {ANTHROPIC: ("anthropic-beta", "anthropic-version"), OPENAI: ("openai-beta",)}
"""Headers of a client that belong to its dialect: only a provider of the same dialect gets them. They travel in the
hand-off, for an attempt at another provider removes them from the request for good."""
_CLIENT_HEADER_LIMIT = 512
"""The hand-off rides on every chunk; a longer value is a mistake."""

_PASSED_ON = frozenset({"accept", "content-type", "content-length", "user-agent", "traceparent", "tracestate"})
"""Request headers that may reach a provider; the attempt sets its own besides. Everything else stays here: cookies,
keys, proxies' addresses, tags, and whatever clients think of."""


_ENVOYS_OWN: Mapping[int, type[GatewayError]] = {
    404: UnknownRoute,
    413: RequestTooLarge,
    502: ProviderTruncated,
    503: ProviderUnreachable,
    504: ProviderTimeout,
}
"""What a reply that Envoy made itself means; its other 4xx are about a request that it cannot read."""


@dataclass(frozen=True, slots=True)
class AdmissionDeps:
    """What admission works with; ``snapshot`` is the configuration at the time the stream opened."""

    snapshot: Snapshot
    clock: Clock
    dice: Dice
    recorder: Recorder
    tracer: Tracer


class Admission:
    """One request. See the module's docstring."""

    def __init__(self, deps: AdmissionDeps) -> None:
        self.deadline: float | None = None
        self._deps = deps
        self._started_ns = deps.clock.now_ns()
        self._span: SpanHandle | None = None
        self._headers: Mapping[str, str] = {}
        self._request_id = ""
        self._dialect = dialect_of("", {})
        self._endpoint: Endpoint | None = None
        self._key: VirtualKey | None = None
        self._asked: str | None = None
        self._model: Model | None = None
        self._stream = False
        self._handoff: Handoff | None = None
        self._done = False
        deps.recorder.stream_opened("admission")

    # -- events -------------------------------------------------------------------------------------------------------

    def handle(self, event: Event) -> Replies:
        """See ``Phase``."""
        if isinstance(event, ResponseHeaders):
            return self._on_response_headers(event)
        try:
            if isinstance(event, RequestHeaders):
                reply = self._on_request_headers(event)
            elif isinstance(event, RequestBody):
                reply = self._on_request_body(event.body)
            else:
                raise InternalError("Envoy sent admission what it did not ask for")
        except GatewayError as error:
            reply = refuse(error, self._dialect, self._request_id)
            self._record(error.status, error.outcome)
        return (reply,)

    def _on_request_headers(self, event: RequestHeaders) -> RequestHeadersReply | Respond:
        headers = self._headers = event.headers
        given = headers.get(names.REQUEST_ID_HEADER, "")
        self._request_id = given if _SANE_ID.fullmatch(given) else self._deps.dice.new_id()
        path = headers.get(":path", "")
        self._dialect = dialect_of(path, headers)
        self._span = self._deps.tracer.start_admission(headers.get("traceparent"), self._started_ns)
        self._endpoint = find_endpoint(headers.get(":method", ""), path, headers)
        self._dialect = self._endpoint.dialect
        self._key = authenticate(self._deps.snapshot, headers, self._started_ns)
        if self._endpoint.kind != "chat":
            return self._catalogue(self._endpoint, self._key)
        if event.end:
            raise InvalidRequest("The request has no body. Send a JSON object with 'model' and 'messages'.")
        return RequestHeadersReply(see_response=True)

    def _catalogue(self, endpoint: Endpoint, key: VirtualKey) -> Respond:
        snapshot = self._deps.snapshot
        if endpoint.model is not None:
            model = resolve_model(snapshot, key, endpoint.model)
            entry = _entry(endpoint.model, model)
            body = anthropic_model(entry) if endpoint.dialect == ANTHROPIC else openai_model(entry)
        else:
            entries = [_entry(name, m) for m in usable_models(snapshot, key) for name in (m.name, *m.aliases)]
            body = anthropic_models(entries) if endpoint.dialect == ANTHROPIC else openai_models(entries)
        self._record(200, "ok")
        headers = (("content-type", "application/json"), (names.REQUEST_ID_HEADER, self._request_id))
        return Respond(200, orjson.dumps(body), f"{names.DETAILS_PREFIX}models", headers)

    def _on_request_body(self, body: bytes) -> RequestBodyReply:
        assert self._endpoint is not None
        assert self._key is not None
        deps = self._deps
        begun = deps.clock.monotonic()
        parsed = _parse(body)
        fields = Fields(parsed)
        self._asked = fields.text("model")
        check_once(body, "model", parsed)  # who reads the other one would serve what nobody allowed
        self._model = model = resolve_model(deps.snapshot, self._key, self._asked)
        self._stream = bool(fields.boolean("stream"))
        targets = self._capable(order_targets(model, deps.dice.pick), parsed)
        self._handoff = handoff = Handoff(
            request_id=self._request_id,
            key=self._key.name,
            team=self._key.team,
            client_dialect=self._dialect,
            asked=self._asked[:200],
            model=model.name,
            stream=self._stream,
            chain=tuple(Step(t.provider, t.model, t.max_output_tokens) for t in targets),
            started_ns=self._started_ns,
            config_version=deps.snapshot.version,
            traceparent=self._span.traceparent if self._span else None,
            client_headers=_dialect_headers(self._dialect, self._headers),
            tags=tuple((self._key.tags or {}).items()),
        )
        reply = RequestBodyReply(
            set_headers=self._routing_headers(model, len(targets)),
            remove_headers=_unwanted(self._headers),
            chain=tuple(f"{names.CLUSTER_PREFIX}{target.provider}" for target in targets),
            metadata={names.HANDOFF_KEY: handoff.encode()},
        )
        deps.recorder.admitted(deps.clock.monotonic() - begun)
        return reply

    def _capable(self, targets: tuple[Target, ...], parsed: JsonObject) -> tuple[Target, ...]:
        """The targets whose dialect can carry the request. Raises the first one's refusal where none can.

        Only asked where the chain mixes dialects or models: where it does not, the attempt finds out for all of them.
        """
        assert self._model is not None
        providers = self._deps.snapshot.providers
        kinds = {(providers[target.provider].dialect, target.model) for target in targets}
        if len(kinds) == 1 or self._model.drop_unsupported:
            return targets
        refusals = {kind: carries(self._dialect, *kind, parsed) for kind in kinds}
        able = tuple(t for t in targets if refusals[providers[t.provider].dialect, t.model] is None)
        if not able:
            refusal = refusals[providers[targets[0].provider].dialect, targets[0].model]
            assert refusal is not None
            raise refusal
        return able

    def _routing_headers(self, model: Model, attempts: int) -> tuple[tuple[str, str], ...]:
        """What Envoy's router shall do with this request (it reads these headers, then drops them)."""
        idle = idle_timeout(model, stream=self._stream)
        headers = [
            (names.REQUEST_ID_HEADER, self._request_id),
            (names.ROUTE_HEADER, route_class(idle)),
            ("x-envoy-max-retries", str(attempts - 1)),
            ("x-envoy-upstream-rq-per-try-timeout-ms", str(round(try_timeout(model, stream=self._stream) * 1000))),
        ]
        retry_on = envoy_retry_on(model)
        if retry_on and attempts > 1:
            headers.append(("x-envoy-retry-on", retry_on))
        return tuple(headers)

    def _patience(self) -> float:
        """Seconds; endless where there is no model and so no attempt."""
        return math.inf if self._model is None else patience(self._model, stream=self._stream)

    # -- the end of it ------------------------------------------------------------------------------------------------

    def _on_response_headers(self, event: ResponseHeaders) -> Replies:
        """An answer on its way to the client: an attempt's own is left alone, Envoy's own is recorded."""
        self._request_id = self._request_id or self._deps.dice.new_id()  # Envoy refused before it asked us
        final = answered(event.metadata)
        if event.status == names.RETRY_STATUS:
            return (self._on_unretried(event),)
        if final is not None:
            self._done = True  # the attempt writes the request's row when its stream ends
            self._end_span(self._make_record(event.status, "ok" if final.reason == SENT else final.reason, (final,)))
        else:
            error = _envoys_own(event.status)
            marks = self._all_marks(event.metadata) if isinstance(error, ProviderError) else ()
            for gap in unmarked_before(marks):
                assert self._handoff is not None
                self._deps.recorder.attempt(unreached(self._handoff, gap, self._started_ns))
            self._record(event.status, error.outcome, marks)
        return (ResponseHeadersReply(set_headers=((names.REQUEST_ID_HEADER, self._request_id),)),)

    def _on_unretried(self, event: ResponseHeaders) -> ResponseHeadersReply:
        """Envoy was to retry and did not (its limits): show what the attempt had to say."""
        marks = tuple(mark for mark in self._all_marks(event.metadata) if not is_unmarked(mark))
        shown = event.headers.get(names.STATUS_HEADER, "")
        status = int(shown) if shown.isdecimal() else 502
        self._record(status, marks[-1].reason if marks else ProviderError("").outcome, marks)
        return ResponseHeadersReply(status=status, remove_headers=(names.STATUS_HEADER,))

    def _all_marks(self, metadata: Mapping[str, str]) -> tuple[AttemptMark, ...]:
        """The marks of a request that no attempt answered: Envoy has gone through as much of the chain as it retries."""
        if self._handoff is None or self._model is None:
            return ()
        count = len(self._handoff.chain) if envoy_retry_on(self._model) else max(1, len(metadata) - 1)
        return read_marks(metadata, self._handoff.chain, count)

    def wake(self) -> Replies:
        """See ``Phase``. Admission sets no deadline."""
        return ()

    def close(self, *, crashed: bool = False) -> None:
        """See ``Phase``."""
        if not self._done and self._request_id:
            error = InternalError("") if crashed else ClientClosed("")
            self._record(error.status, error.outcome)
        self._deps.recorder.stream_closed("admission")

    def _record(self, status: int, outcome: str, marks: tuple[AttemptMark, ...] = ()) -> None:
        """The request's row, once."""
        if self._done:
            return
        self._done = True
        record = self._make_record(status, outcome, marks)
        self._deps.recorder.request(record)
        self._end_span(record)

    def _make_record(self, status: int, outcome: str, marks: tuple[AttemptMark, ...]) -> RequestRecord:
        now = self._deps.clock.now_ns()
        key = self._key
        return RequestRecord(
            request_id=self._request_id,
            time_ns=self._started_ns,
            duration_ms=(now - self._started_ns) / 1e6,
            outcome=outcome,
            trace_id=self._span.trace_id if self._span else None,
            key=key.name if key else None,
            team=key.team if key else None,
            tags=key.tags if key else None,
            client_dialect=self._dialect,
            model_asked=self._asked[:200] if self._asked else None,
            model=self._model.name if self._model else None,
            provider=marks[-1].provider if marks else None,
            provider_model=marks[-1].model if marks else None,
            stream=self._stream,
            status=status,
            config_version=self._deps.snapshot.version,
            attempts=summaries(marks, now, limit=self._patience()),
        )

    def _end_span(self, record: RequestRecord) -> None:
        if self._span is not None:
            self._span.end(record)
            self._span = None


def _parse(body: bytes) -> JsonObject:
    try:
        parsed: Json = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedJson(
            f"The body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    if not isinstance(parsed, dict):
        raise InvalidRequest("The body must be a JSON object with 'model' and 'messages'.")
    return parsed


def _entry(name: str, model: Model) -> ModelEntry:
    return ModelEntry(name, model.display_name or name, model.created, "llmgw")


def _dialect_headers(dialect: str, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    wanted = _CLIENT_HEADERS[dialect]
    return tuple((n, headers[n]) for n in wanted if n in headers and len(headers[n]) <= _CLIENT_HEADER_LIMIT)


def _unwanted(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The request headers that no provider shall see. Pseudo-headers are the attempt's to set."""
    # Envoy's route table matches nothing without x-forwarded-proto; the attempt removes it.
    ours = {names.REQUEST_ID_HEADER, names.ROUTE_HEADER, "x-forwarded-proto"}
    return tuple(n for n in headers if not n.startswith(":") and n not in _PASSED_ON and n not in ours)


def _envoys_own(status: int) -> GatewayError:
    """What a reply that Envoy made itself means. It was written by the mapping in ``extproc.envoyconf``."""
    known = _ENVOYS_OWN.get(status)
    if known is not None:
        return known("")
    return InvalidRequest("") if 400 <= status < 500 else InternalError("")
