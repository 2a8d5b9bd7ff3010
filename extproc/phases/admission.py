"""Admission: once per request. Who asks, for which model, on which chain of providers.

Events: request headers (authenticate, answer what needs no body), the whole body (decide, hand over), the response
headers on their way to the client (only to know how the request ended). Counterpart: ``extproc.phases.attempt``.

The request's row is written by the attempt that answered the client, else here: refusals, replies that Envoy made
itself, requests whose client left before any answer.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import orjson

from extproc.config.directory import Directory
from extproc.config.routes import idle_timeout, route_class, try_timeout
from extproc.config.snapshot import Model, Snapshot, Target
from extproc.dialects.models import ModelEntry, anthropic_model, anthropic_models, openai_model, openai_models
from extproc.domain import names
from extproc.domain.errors import (
    GatewayError,
    InternalError,
    InvalidRequest,
    ProviderAuth,
    RequestTooLarge,
    UnsupportedFeature,
)
from extproc.domain.quirks import ChatQuirks
from extproc.domain.reading import JsonObject
from extproc.domain.valueclass import valueclass
from extproc.phases.admission_log import AdmissionLog, Known
from extproc.phases.asked import is_stream, read_asked
from extproc.phases.booking import Booking, Bookkeeper, NoRoom, Wanted
from extproc.phases.endpoints import ANTHROPIC, OPENAI, RESPONSES, Body, Endpoint, dialect_of, find_endpoint
from extproc.phases.events import (
    Event,
    Replies,
    Reply,
    RequestBody,
    RequestBodyReply,
    RequestHeaders,
    RequestHeadersReply,
    Respond,
    ResponseHeaders,
)
from extproc.phases.handoff import Handoff, Step
from extproc.phases.limits import limit_headers
from extproc.phases.marks import answered, marked
from extproc.phases.ports import Clock, Dice
from extproc.phases.refusals import refuse
from extproc.policy.account import ACCOUNT_OPERATIONS, account_model, account_provider
from extproc.policy.chain import order_targets
from extproc.policy.keys import (
    TokenCheck,
    authenticate,
    check_expiry,
    confined,
    presented_key,
    resolve_model,
    usable_models,
    with_parties,
)
from extproc.policy.meters import Principal
from extproc.policy.reach import check_reach
from extproc.policy.retry import envoy_retry_on
from extproc.policy.tags import body_tags, end_user, request_tags
from extproc.policy.tokens import looks_like_jwt
from extproc.providers.credential import Credentials, is_static
from extproc.providers.wire import wire_for
from extproc.telemetry.recorder import Recorder
from extproc.telemetry.traces import Tracer
from extproc.translate.capability import carries
from extproc.translate.operations.table import OPERATIONS

_SANE_ID = re.compile(r"[\x21-\x7e]{1,128}")
_CLIENT_HEADERS: Mapping[str, tuple[str, ...]] = {
    ANTHROPIC: ("anthropic-beta", "anthropic-version"),
    OPENAI: ("openai-beta",),
    RESPONSES: ("openai-beta",),
}
"""Headers of a client that belong to its dialect: only a provider of the same dialect gets them. They travel in the
hand-off, for an attempt at another provider removes them from the request for good."""
_CLIENT_HEADER_LIMIT = 512
"""The hand-off rides on every chunk; a longer value is a mistake."""

_LONGEST_TYPE, _LONGEST_PATH = 300, 1_000
"""Characters. Both travel in the hand-off, which rides on every chunk."""

_Kind = tuple[str | None, str, str, ChatQuirks]
_NOWHERE = Endpoint("models", OPENAI)
_BODIES: Mapping[Body, str] = {"json": "a JSON object", "form": "a form (multipart/form-data)"}

_PASSED_ON = frozenset({"accept", "content-type", "content-length", "user-agent", "traceparent", "tracestate"})
"""Request headers that may reach a provider; the attempt sets its own besides. Everything else stays here: cookies,
keys, proxies' addresses, tags, and whatever clients think of."""


@valueclass
class AdmissionDeps:
    """What admission works with; ``snapshot`` is the configuration at the time the stream opened.

    ``bookkeeper`` None: there is no ledger. ``tokens`` None: no identity provider is configured.
    """

    snapshot: Snapshot
    directory: Directory
    credentials: Credentials
    bookkeeper: Bookkeeper | None
    tokens: TokenCheck | None
    clock: Clock
    dice: Dice
    recorder: Recorder
    tracer: Tracer


class Admission:
    """One request. See the module's docstring."""

    def __init__(self, deps: AdmissionDeps) -> None:
        self.deadline: float | None = None
        self._deps = deps
        self._known = Known(dialect_of("", {}))
        self._log = AdmissionLog(self._known, deps.snapshot.version, deps.recorder, deps.tracer, deps.clock)
        self._headers: Mapping[str, str] = {}
        self._endpoint = _NOWHERE
        self._bodyless = False
        self._hold_id = ""
        """To be closed, should no attempt answer."""
        self._kept = ""
        """Renewed by this process, to be dropped."""
        self._limits: tuple[tuple[str, str], ...] = ()
        deps.recorder.stream_opened("admission")

    # -- events -------------------------------------------------------------------------------------------------------

    def handle(self, event: Event) -> Replies | Awaitable[Replies]:
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
            reply = self._refuse(error)
        return reply if isinstance(reply, Awaitable) else (reply,)

    async def _booked(self, take: Callable[[], Awaitable[Booking]]) -> Replies:
        """The store has the word."""
        try:
            return (self._hand_over(await take()),)
        except NoRoom as refusal:
            self._hold_id = ""  # nothing was taken
            self._limits = limit_headers(refusal.lines, refusal.states)
            return (self._refuse(refusal.error),)
        except GatewayError as error:
            return (self._refuse(error),)

    def _refuse(self, error: GatewayError) -> Respond:
        self._log.ended(error.status, error.outcome)
        self._release(())
        refusal = refuse(error, self._known.dialect, self._known.request_id)
        return replace(refusal, set_headers=(*refusal.set_headers, *self._limits)) if self._limits else refusal

    def _on_request_headers(self, event: RequestHeaders) -> Reply | Awaitable[Replies]:
        headers = self._headers = event.headers
        given = headers.get(names.REQUEST_ID_HEADER, "")
        self._known.request_id = given if _SANE_ID.fullmatch(given) else self._deps.dice.new_id()
        path = headers.get(":path", "")
        self._known.dialect = dialect_of(path, headers)
        self._log.opened(headers.get("traceparent"))
        endpoint = find_endpoint(headers.get(":method", ""), path, headers)
        self._known.dialect = endpoint.dialect
        presented = presented_key(headers)
        if self._deps.tokens is not None and looks_like_jwt(presented):
            return self._identified(self._deps.tokens, presented, endpoint, ended=event.end)
        who = authenticate(self._deps.directory, presented, self._log.started_ns)
        return self._recognised(who, endpoint, ended=event.end)

    async def _identified(self, tokens: TokenCheck, token: str, endpoint: Endpoint, *, ended: bool) -> Replies:
        """A token may be signed with a key that its issuer has only just published."""
        try:
            key = await tokens.identify(token, self._log.started_ns)
            reply = self._recognised(with_parties(self._deps.directory, key), endpoint, ended=ended)
            return await reply if isinstance(reply, Awaitable) else (reply,)
        except GatewayError as error:
            return (self._refuse(error),)

    def _recognised(self, who: Principal, endpoint: Endpoint, *, ended: bool) -> Reply | Awaitable[Replies]:
        self._known.who = who
        self._known.tags = request_tags(self._headers, who.tags)
        self._endpoint = endpoint
        self._known.operation = endpoint.operation
        if endpoint.kind != "call":
            return self._catalogue(endpoint, who)
        if endpoint.body != "json" and len(self._headers.get("content-type", "")) > _LONGEST_TYPE:
            raise InvalidRequest(f"The content-type is longer than {_LONGEST_TYPE} characters.")
        if len(endpoint.path) > _LONGEST_PATH:
            raise InvalidRequest(f"The path with its query is longer than {_LONGEST_PATH} characters.")
        if not ended:
            return RequestHeadersReply(see_response=True)
        if endpoint.body not in {"none", "any"}:
            raise InvalidRequest(f"The request has no body. Send {_BODIES[endpoint.body]} with 'model'.")
        self._bodyless = True
        return self._on_request_body(b"")

    def _catalogue(self, endpoint: Endpoint, who: Principal) -> Respond:
        snapshot = self._deps.snapshot
        if endpoint.model is not None:
            model = resolve_model(snapshot, who, endpoint.model)
            entry = _entry(endpoint.model, model)
            body = anthropic_model(entry) if endpoint.dialect == ANTHROPIC else openai_model(entry)
        else:
            entries = [_entry(name, m) for m in usable_models(snapshot, who) for name in (m.name, *m.aliases)]
            body = anthropic_models(entries) if endpoint.dialect == ANTHROPIC else openai_models(entries)
        self._log.ended(200, "ok")
        headers = (("content-type", "application/json"), (names.REQUEST_ID_HEADER, self._known.request_id))
        return Respond(200, orjson.dumps(body), f"{names.DETAILS_PREFIX}models", headers)

    def _on_request_body(self, body: bytes) -> Reply | Awaitable[Replies]:
        deps = self._deps
        begun = deps.clock.monotonic()
        self._check_size(len(body))
        self._known.who = self._still_good()
        asked = read_asked(self._endpoint, self._headers.get("content-type", ""), body)
        self._known.asked = asked.model
        self._known.model = model = self._model(self._known.who, asked.model)
        self._known.stream = is_stream(self._endpoint, asked.parsed)
        if confined(deps.snapshot, self._known.who):
            check_reach(body, asked.parsed, self._known.dialect)
        self._known.end_user = end_user(asked.parsed)
        if in_body := body_tags(asked.parsed, self._known.dialect):
            self._known.tags = request_tags(self._headers, self._known.who.tags, in_body)
        if deps.bookkeeper is None:
            reply = self._hand_over(Booking(model, self._chain(model, asked.parsed)))
        else:
            reply = self._book(deps.bookkeeper, self._known.who, model, asked.parsed, body)
        deps.recorder.admitted(deps.clock.monotonic() - begun)
        return reply

    def _check_size(self, size: int) -> None:
        """Envoy's own limit is that of its buffer towards the client, which has to be large for other reasons.

        Not told from the content-length: a client that is still sending would see its connection break, and no answer.
        """
        limit = self._deps.snapshot.max_request_bytes
        if size > limit:
            raise RequestTooLarge(f"The request body is larger than the {limit} bytes this gateway accepts.")

    def _model(self, who: Principal, asked: str) -> Model:
        """The catalogue's entry; for what belongs to an account, and to no model, one that stands for its provider."""
        operation, snapshot = self._endpoint.operation, self._deps.snapshot
        if operation not in ACCOUNT_OPERATIONS:
            return resolve_model(snapshot, who, asked)
        provider = account_provider(snapshot, who, operation, self._headers.get(names.PROVIDER_HEADER))
        return account_model(operation, provider)

    def _still_good(self) -> Principal:
        """Who asks, looked up again: a body can trickle in for as long as it takes to revoke a key."""
        who, now = self._known.who, self._deps.clock.now_ns()
        assert who is not None
        presented = presented_key(self._headers)
        if self._deps.tokens is None or not looks_like_jwt(presented):
            return authenticate(self._deps.directory, presented, now)
        check_expiry(who.key, now)
        return with_parties(self._deps.directory, who.key)

    def _book(
        self, bookkeeper: Bookkeeper, who: Principal, model: Model, parsed: JsonObject, body: bytes
    ) -> Reply | Awaitable[Replies]:
        wanted = Wanted(
            request_id=self._known.request_id,
            who=who,
            model=model,
            chain=lambda chosen: self._chain(chosen, parsed),
            parsed=parsed,
            body=body,
            dialect=self._known.dialect,
            operation=self._endpoint.operation,
            tags=self._known.tags,
            end_user=self._known.end_user,
            stream=self._known.stream,
            now_ns=self._deps.clock.now_ns(),
        )
        # Known before it is taken: a client that leaves meanwhile must not leave its hold behind.
        self._hold_id, booking = bookkeeper.book(wanted)
        return self._hand_over(booking) if isinstance(booking, Booking) else self._booked(booking)

    def _hand_over(self, booking: Booking) -> Reply:
        assert self._known.who is not None
        assert self._known.asked is not None
        deps, key = self._deps, self._known.who.key
        self._known.model = model = booking.model
        if booking.hold_id and deps.bookkeeper is not None:
            deps.bookkeeper.ledger.keep(booking.hold_id)
            self._kept = booking.hold_id
        self._limits = limit_headers(booking.lines, booking.states, output=booking.output_limit or 0)
        if booking.clamped:
            self._limits = (*self._limits, (names.OUTPUT_LIMIT_HEADER, str(booking.output_limit)))
        self._known.handoff = handoff = Handoff(
            request_id=self._known.request_id,
            key=key.name,
            team=key.team,
            client_dialect=self._known.dialect,
            asked=self._known.asked[:200],
            model=model.name,
            stream=self._known.stream,
            chain=tuple(Step(t.provider, t.model, t.max_output_tokens, t.api) for t in booking.targets),
            started_ns=self._log.started_ns,
            config_version=deps.snapshot.version,
            traceparent=self._log.traceparent,
            client_headers=_dialect_headers(self._known.dialect, self._headers),
            tags=tuple(self._known.tags.items()),
            hold_id=booking.hold_id,
            key_id=key.id,
            org=self._known.who.org,
            user=key.user,
            end_user=self._known.end_user,
            output_limit=booking.output_limit,
            show_cost=deps.snapshot.money.show_cost or names.SHOW_COST_HEADER in self._headers,
            metered=bool(booking.lines),
            operation=self._endpoint.operation,
            path=self._endpoint.path,
            content_type=self._headers.get("content-type", "") if self._endpoint.body in {"form", "any"} else "",
        )
        headers, unwanted = self._routing_headers(model, len(booking.targets)), _unwanted(self._headers)
        chain = tuple(f"{names.CLUSTER_PREFIX}{target.provider}" for target in booking.targets)
        metadata = {names.HANDOFF_KEY: handoff.encode()}
        if self._bodyless:
            return RequestHeadersReply(True, headers, unwanted, chain, metadata)
        return RequestBodyReply(headers, unwanted, None, chain, metadata)

    def _chain(self, model: Model, parsed: JsonObject) -> tuple[Target, ...]:
        return self._capable(model, self._callable(order_targets(model, self._deps.dice.pick)), parsed)

    def _callable(self, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        """The targets that can be called now: an attempt without a credential would end the request.

        Raises ``ProviderAuth`` where there are none.
        """
        providers, who = self._deps.snapshot.providers, self._known.who
        assert who is not None
        found = tuple(
            target
            for target in targets
            if is_static(providers[target.provider])
            or self._deps.credentials.current(target.provider) is not None
            or who.brings(target.provider)
        )
        if not found:
            raise ProviderAuth("The gateway has no valid credential for this model's providers at the moment.")
        return found

    def _capable(self, model: Model, targets: tuple[Target, ...], parsed: JsonObject) -> tuple[Target, ...]:
        """The targets whose dialect can carry the request. Raises the first one's refusal where none can.

        Only asked where the chain mixes dialects or models: where it does not, the attempt finds out for all of them.
        """
        kinds = [self._kind(target) for target in targets]
        operation = self._endpoint.operation
        alike = len(set(kinds)) == 1 or model.drop_unsupported
        if alike and operation == "chat" and all(spoken is not None for spoken, *_ in kinds):
            return targets
        refusals = {kind: self._refusal(model, kind, parsed) for kind in set(kinds)}
        able = tuple(target for target, kind in zip(targets, kinds, strict=True) if refusals[kind] is None)
        if not able:
            refusal = refusals[kinds[0]]
            assert refusal is not None
            raise refusal
        return able

    def _kind(self, target: Target) -> _Kind:
        """What decides whether a target can carry a request: its format, whose it is, the model's name there, its ways."""
        provider = self._deps.snapshot.providers[target.provider]
        return (
            wire_for(provider, target.api, self._known.dialect).format,
            provider.dialect,
            target.known_as or target.model,
            provider.quirks,
        )

    def _refusal(self, model: Model, kind: _Kind, parsed: JsonObject) -> InvalidRequest | None:
        spoken, dialect, name, quirks = kind
        operation = self._endpoint.operation
        if operation == "chat" and spoken is not None:
            return None if model.drop_unsupported else carries(self._known.dialect, spoken, name, parsed, quirks)
        if operation != "chat" and (operation, dialect) in OPERATIONS:
            return None
        return UnsupportedFeature(
            f"No provider of this model offers {operation}. Ask for a model that does.", param="model"
        )

    def _routing_headers(self, model: Model, attempts: int) -> tuple[tuple[str, str], ...]:
        """What Envoy's router shall do with this request (it reads these headers, then drops them)."""
        idle = idle_timeout(model, stream=self._known.stream)
        headers = [
            (names.REQUEST_ID_HEADER, self._known.request_id),
            (names.ROUTE_HEADER, route_class(idle)),
            ("x-envoy-max-retries", str(attempts - 1)),
            (
                "x-envoy-upstream-rq-per-try-timeout-ms",
                str(round(try_timeout(model, stream=self._known.stream) * 1000)),
            ),
        ]
        retry_on = envoy_retry_on(model)
        if retry_on and attempts > 1:
            headers.append(("x-envoy-retry-on", retry_on))
        return tuple(headers)

    # -- the end of it ------------------------------------------------------------------------------------------------

    def _on_response_headers(self, event: ResponseHeaders) -> Replies:
        self._known.request_id = self._known.request_id or self._deps.dice.new_id()  # Envoy refused before it asked us
        if answered(event.metadata) is None:
            self._release(marked(event.metadata))
        reply = self._log.answered(event)
        return (replace(reply, set_headers=(*reply.set_headers, *self._limits)) if self._limits else reply,)

    def wake(self) -> Replies:
        """See ``Phase``. Admission sets no deadline."""
        return ()

    def close(self, *, crashed: bool = False) -> None:
        """See ``Phase``."""
        if not self._log.done:
            self._release(())
        self._log.closed(crashed=crashed)
        if self._kept and self._deps.bookkeeper is not None:
            self._deps.bookkeeper.ledger.drop(self._kept)
        self._deps.recorder.stream_closed("admission")

    def _release(self, attempts: Sequence[int]) -> None:
        """No attempt has answered: the hold ends, once the attempts that were made have settled."""
        if self._hold_id and self._deps.bookkeeper is not None:
            self._deps.bookkeeper.ledger.close(self._hold_id, attempts)
            self._hold_id = ""


def _entry(name: str, model: Model) -> ModelEntry:
    return ModelEntry(name, model.display_name or name, model.created, "llmgw")


def _dialect_headers(dialect: str, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    wanted = _CLIENT_HEADERS.get(dialect, ())
    return tuple((n, headers[n]) for n in wanted if n in headers and len(headers[n]) <= _CLIENT_HEADER_LIMIT)


def _unwanted(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The request headers that no provider shall see. Pseudo-headers are the attempt's to set."""
    # Envoy's route table matches nothing without x-forwarded-proto; the attempt removes it.
    ours = {names.REQUEST_ID_HEADER, names.ROUTE_HEADER, "x-forwarded-proto"}
    return tuple(n for n in headers if not n.startswith(":") and n not in _PASSED_ON and n not in ours)
