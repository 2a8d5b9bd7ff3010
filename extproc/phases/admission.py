"""Admission: once per request. Who asks, for which model, on which chain of providers.

Events: request headers (authenticate, answer what needs no body), the whole body (decide, hand over), the response
headers on their way to the client (only to know how the request ended). Counterpart: ``extproc.phases.attempt``.

The request's row is written by the attempt that answered the client, else here: refusals, replies that Envoy made
itself, requests whose client left before any answer.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from extproc.config.directory import Directory
from extproc.config.snapshot import Model, Snapshot
from extproc.domain import names
from extproc.domain.errors import GatewayError, InternalError, InvalidRequest, MalformedJson, RequestTooLarge
from extproc.domain.valueclass import valueclass
from extproc.phases.admission_log import AdmissionLog
from extproc.phases.asked import Asked, is_stream, read_asked
from extproc.phases.booking import Booking, Bookkeeper, NoRoom, Wanted
from extproc.phases.catalogue import show_models
from extproc.phases.choice import Choice
from extproc.phases.endpoints import Body, dialect_of, find_endpoint
from extproc.phases.events import (
    Event,
    Replies,
    Reply,
    RequestBody,
    RequestHeaders,
    RequestHeadersReply,
    Respond,
    ResponseHeaders,
)
from extproc.phases.handover import make_handoff, send_on
from extproc.phases.known import Known
from extproc.phases.limits import limit_headers
from extproc.phases.marks import answered, marked
from extproc.phases.ports import Clock, Dice
from extproc.phases.refusals import refuse
from extproc.policy.account import ACCOUNT_OPERATIONS, account_model, account_provider
from extproc.policy.keys import (
    TokenCheck,
    authenticate,
    check_expiry,
    confined,
    presented_key,
    resolve_model,
    with_parties,
)
from extproc.policy.meters import Principal
from extproc.policy.reach import check_reach
from extproc.policy.tags import body_tags, end_user, request_tags
from extproc.policy.tokens import looks_like_jwt
from extproc.providers.credential import Credentials
from extproc.telemetry.recorder import Recorder
from extproc.telemetry.traces import Tracer

_SANE_ID = re.compile(r"[\x21-\x7e]{1,128}")

_LONGEST_TYPE, _LONGEST_PATH = 300, 1_000
"""Characters. Both travel in the hand-off, which rides on every chunk."""

_BODIES: Mapping[Body, str] = {"json": "a JSON object", "form": "a form (multipart/form-data)"}


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

    def _on_request_headers(self, event: RequestHeaders) -> Reply | Awaitable[Replies]:
        headers = self._known.headers = event.headers
        given = headers.get(names.REQUEST_ID_HEADER, "")
        self._known.request_id = given if _SANE_ID.fullmatch(given) else self._deps.dice.new_id()
        path = headers.get(":path", "")
        self._known.dialect = dialect_of(path, headers)
        self._log.opened(headers.get("traceparent"))
        endpoint = find_endpoint(headers.get(":method", ""), path, headers)
        self._known.endpoint, self._known.dialect = endpoint, endpoint.dialect
        presented = presented_key(headers)
        if self._deps.tokens is not None and looks_like_jwt(presented):
            return self._identified(self._deps.tokens, presented, ended=event.end)
        who = authenticate(self._deps.directory, presented, self._log.started_ns)
        return self._recognised(who, ended=event.end)

    async def _identified(self, tokens: TokenCheck, token: str, *, ended: bool) -> Replies:
        """A token may be signed with a key that its issuer has only just published."""
        try:
            key = await tokens.identify(token, self._log.started_ns)
            reply = self._recognised(with_parties(self._deps.directory, key), ended=ended)
            return await reply if isinstance(reply, Awaitable) else (reply,)
        except GatewayError as error:
            return (self._refuse(error),)

    def _recognised(self, who: Principal, *, ended: bool) -> Reply | Awaitable[Replies]:
        known, endpoint = self._known, self._known.endpoint
        known.who = who
        known.tags = request_tags(known.headers, who.tags)
        if endpoint.kind != "call":
            models = show_models(self._deps.snapshot, who, endpoint, known.request_id)
            self._log.ended(200, "ok")
            return models
        if endpoint.body != "json" and len(known.headers.get("content-type", "")) > _LONGEST_TYPE:
            raise InvalidRequest(f"The content-type is longer than {_LONGEST_TYPE} characters.")
        if len(endpoint.path) > _LONGEST_PATH:
            raise InvalidRequest(f"The path with its query is longer than {_LONGEST_PATH} characters.")
        if not ended:
            if (coding := known.headers.get("content-encoding", "identity")) != "identity":
                # Envoy has taken off what it knows, and its header.
                raise InvalidRequest(f"The content-encoding '{coding[:40]}' is not supported. Use gzip, zstd or none.")
            return RequestHeadersReply(see_response=True)
        if endpoint.body not in {"none", "any"}:
            raise InvalidRequest(f"The request has no body. Send {_BODIES[endpoint.body]} with 'model'.")
        self._bodyless = True
        return self._on_request_body(b"")

    def _read(self, body: bytes) -> Asked:
        headers = self._known.headers
        try:
            return read_asked(self._known.endpoint, headers.get("content-type", ""), body)
        except MalformedJson as error:
            if (coding := headers.get(names.CODED_HEADER)) is None:
                raise
            raise MalformedJson(
                f"{error.message} It came as {coding[:40]}, which is not whole, or became more than a hundred times as"
                " large: send it uncompressed.",
                param=error.param,
            ) from None

    def _on_request_body(self, body: bytes) -> Reply | Awaitable[Replies]:
        deps, known = self._deps, self._known
        begun = deps.clock.monotonic()
        self._check_size(len(body))
        known.who = self._still_good()
        asked = self._read(body)
        known.asked = asked.model
        known.model = model = self._model(known.who, asked.model)
        known.stream = is_stream(known.endpoint, asked.parsed)
        if confined(deps.snapshot, known.who):
            check_reach(body, asked.parsed, known.dialect)
        known.end_user = end_user(asked.parsed)
        if in_body := body_tags(asked.parsed, known.dialect):
            known.tags = request_tags(known.headers, known.who.tags, in_body)
        choice = Choice(
            deps.snapshot, deps.credentials, deps.dice, known.who, known.dialect, known.endpoint.operation, asked.parsed
        )
        if deps.bookkeeper is None:
            reply = self._hand_over(Booking(model, choice.chain(model)))
        else:
            reply = self._book(deps.bookkeeper, model, choice, body)
        deps.recorder.admitted(deps.clock.monotonic() - begun)
        return reply

    def _check_size(self, size: int) -> None:
        """Envoy's own limit is that of its buffer towards the client, which has to be large for other reasons.

        Not told from the content-length: a client that is still sending would see its connection break, and no answer.
        """
        limit = self._deps.snapshot.max_request_bytes
        if size > limit:
            raise RequestTooLarge(f"The request body is larger than the {limit} bytes this gateway accepts.")

    def _still_good(self) -> Principal:
        """Who asks, looked up again: a body can trickle in for as long as it takes to revoke a key."""
        who, now = self._known.who, self._deps.clock.now_ns()
        assert who is not None
        presented = presented_key(self._known.headers)
        if self._deps.tokens is None or not looks_like_jwt(presented):
            return authenticate(self._deps.directory, presented, now)
        check_expiry(who.key, now)
        return with_parties(self._deps.directory, who.key)

    def _model(self, who: Principal, asked: str) -> Model:
        """The catalogue's entry; for what belongs to an account, and to no model, one that stands for its provider."""
        operation, snapshot = self._known.endpoint.operation, self._deps.snapshot
        if operation not in ACCOUNT_OPERATIONS:
            # Known before it is allowed: the row of a refusal names it, too.
            self._known.model = snapshot.models.get(snapshot.names.get(asked, ""))
            return resolve_model(snapshot, who, asked)
        provider = account_provider(snapshot, who, operation, self._known.headers.get(names.PROVIDER_HEADER))
        return account_model(operation, provider)

    def _book(self, bookkeeper: Bookkeeper, model: Model, choice: Choice, body: bytes) -> Reply | Awaitable[Replies]:
        wanted = Wanted(
            request_id=self._known.request_id,
            who=choice.who,
            model=model,
            chain=choice.chain,
            parsed=choice.parsed,
            body=body,
            dialect=choice.dialect,
            operation=choice.operation,
            tags=self._known.tags,
            end_user=self._known.end_user,
            stream=self._known.stream,
            now_ns=self._deps.clock.now_ns(),
        )
        # Known before it is taken: a client that leaves meanwhile must not leave its hold behind.
        self._hold_id, booking = bookkeeper.book(wanted)
        return self._hand_over(booking) if isinstance(booking, Booking) else self._booked(booking)

    async def _booked(self, take: Callable[[], Awaitable[Booking]]) -> Replies:
        """The store has the word."""
        try:
            booking = await take()
        except (NoRoom, GatewayError) as refusal:
            self._hold_id = ""  # nothing was taken, or the ledger has given it up
            if isinstance(refusal, GatewayError):
                return (self._refuse(refusal),)
            self._limits = limit_headers(refusal.lines, refusal.states)
            return (self._refuse(refusal.error),)
        try:
            return (self._hand_over(booking),)
        except GatewayError as error:
            return (self._refuse(error),)

    def _hand_over(self, booking: Booking) -> Reply:
        deps, known = self._deps, self._known
        known.model = booking.model
        if booking.hold_id and deps.bookkeeper is not None:
            deps.bookkeeper.ledger.keep(booking.hold_id)
            self._kept = booking.hold_id
        self._limits = limit_headers(booking.lines, booking.states, output=booking.output_limit or 0)
        if booking.clamped:
            self._limits = (*self._limits, (names.OUTPUT_LIMIT_HEADER, str(booking.output_limit)))
        if booking.ladder:
            self._limits = (*self._limits, (names.LADDER_HEADER, booking.ladder))
        known.handoff = make_handoff(known, self._log, booking, deps.snapshot)
        return send_on(known, booking, known.handoff, bodyless=self._bodyless)

    # -- the end of it ------------------------------------------------------------------------------------------------

    def _refuse(self, error: GatewayError) -> Respond:
        self._log.ended(error.status, error.outcome)
        self._release(())
        refusal = refuse(error, self._known.dialect, self._known.request_id)
        return replace(refusal, set_headers=(*refusal.set_headers, *self._limits)) if self._limits else refusal

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
