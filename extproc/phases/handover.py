"""The hand-over: an admitted request leaves for its attempts, by way of Envoy's router.

With it go the hand-off, for the attempts, and headers, for the router; what no provider shall see stays here.
"""

from collections.abc import Mapping

from extproc.config.routes import idle_timeout, route_class, try_timeout
from extproc.config.snapshot import Model, Snapshot
from extproc.domain import names
from extproc.phases.admission_log import AdmissionLog
from extproc.phases.booking import Booking
from extproc.phases.endpoints import ANTHROPIC, OPENAI, RESPONSES
from extproc.phases.events import RequestBodyReply, RequestHeadersReply
from extproc.phases.handoff import Handoff, Step
from extproc.phases.known import Known
from extproc.policy.retry import envoy_retry_on

_CLIENT_HEADERS: Mapping[str, tuple[str, ...]] = {
    ANTHROPIC: ("anthropic-beta", "anthropic-version"),
    OPENAI: ("openai-beta",),
    RESPONSES: ("openai-beta",),
}
"""Headers of a client that belong to its dialect: only a provider of the same dialect gets them. They travel in the
hand-off, for an attempt at another provider removes them from the request for good."""
_CLIENT_HEADER_LIMIT = 512
"""The hand-off rides on every chunk; a longer value is a mistake."""

_PASSED_ON = frozenset({"accept", "content-type", "content-length", "user-agent", "traceparent", "tracestate"})
"""Request headers that may reach a provider; the attempt sets its own besides. Everything else stays here: cookies,
keys, proxies' addresses, tags, and whatever clients think of."""


def make_handoff(known: Known, log: AdmissionLog, booking: Booking, snapshot: Snapshot) -> Handoff:
    """What the attempts shall know of a request that has been read to its end."""
    assert known.who is not None
    assert known.asked is not None
    key, endpoint, headers = known.who.key, known.endpoint, known.headers
    return Handoff(
        request_id=known.request_id,
        key=key.name,
        team=key.team,
        client_dialect=known.dialect,
        asked=known.asked[:200],
        model=booking.model.name,
        stream=known.stream,
        chain=tuple(Step(t.provider, t.model, t.max_output_tokens, t.api) for t in booking.targets),
        started_ns=log.started_ns,
        config_version=snapshot.version,
        traceparent=log.traceparent,
        client_headers=_dialect_headers(known.dialect, headers),
        tags=tuple(known.tags.items()),
        hold_id=booking.hold_id,
        key_id=key.id,
        org=known.who.org,
        user=key.user,
        end_user=known.end_user,
        output_limit=booking.output_limit,
        show_cost=snapshot.money.show_cost or names.SHOW_COST_HEADER in headers,
        metered=bool(booking.lines),
        operation=endpoint.operation,
        path=endpoint.path,
        content_type=headers.get("content-type", "") if endpoint.body in {"form", "any"} else "",
        ladder=booking.ladder,
    )


def send_on(
    known: Known, booking: Booking, handoff: Handoff, *, bodyless: bool
) -> RequestBodyReply | RequestHeadersReply:
    """What Envoy shall do with the request. ``bodyless``: the client sent no body, so the reply is to its headers."""
    headers, unwanted = _routing_headers(known, booking.model, len(booking.targets)), _unwanted(known.headers)
    chain = tuple(f"{names.CLUSTER_PREFIX}{target.provider}" for target in booking.targets)
    metadata = {names.HANDOFF_KEY: handoff.encode()}
    if bodyless:
        return RequestHeadersReply(True, headers, unwanted, chain, metadata)
    return RequestBodyReply(headers, unwanted, None, chain, metadata)


def _routing_headers(known: Known, model: Model, attempts: int) -> tuple[tuple[str, str], ...]:
    """What Envoy's router shall do with this request (it reads these headers, then drops them)."""
    idle, per_try = idle_timeout(model, stream=known.stream), try_timeout(model, stream=known.stream)
    headers = [
        (names.REQUEST_ID_HEADER, known.request_id),
        (names.ROUTE_HEADER, route_class(idle)),
        ("x-envoy-max-retries", str(attempts - 1)),
        ("x-envoy-upstream-rq-per-try-timeout-ms", str(round(per_try * 1000))),
    ]
    retry_on = envoy_retry_on(model)
    if retry_on and attempts > 1:
        headers.append(("x-envoy-retry-on", retry_on))
    return tuple(headers)


def _dialect_headers(dialect: str, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    wanted = _CLIENT_HEADERS.get(dialect, ())
    return tuple((n, headers[n]) for n in wanted if n in headers and len(headers[n]) <= _CLIENT_HEADER_LIMIT)


def _unwanted(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The request headers that no provider shall see. Pseudo-headers are the attempt's to set."""
    # Envoy's route table matches nothing without x-forwarded-proto; the attempt removes it.
    ours = {names.REQUEST_ID_HEADER, names.ROUTE_HEADER, "x-forwarded-proto"}
    return tuple(n for n in headers if not n.startswith(":") and n not in _PASSED_ON and n not in ours)
