"""Which of Envoy's routes serves a request: one route per idle timeout, for Envoy takes that from the route only.

``per_try_idle_timeout`` bounds the provider's silence within an attempt; it is the backstop of the service's own timers.
Envoy starts it with the request, and anew with each piece that it passes on: while the service withholds the response's
headers it runs on, whatever comes. So it must span all that may be withheld.
"""

from extproc.config.snapshot import Model, Snapshot

_BACKSTOP = 1.0
"""Seconds behind the service's own timer, so that the service speaks first and the client gets its error event."""


_FIRST_WORD = 0.25
"""Seconds behind the service's own timer where both wait for the first token: the service knows what it waited for."""


def idle_timeout(model: Model, *, stream: bool) -> float:
    """The provider's longest silence within one attempt, in seconds, as Envoy shall enforce it."""
    if not stream or model.commit.mode in {"events", "whole"}:
        return model.timeout + _BACKSTOP
    withheld = model.first_token_timeout + (model.commit.after if model.commit.mode == "after" else 0.0)
    return max(withheld, model.stall_timeout) + _BACKSTOP


def try_timeout(model: Model, *, stream: bool) -> float:
    """Seconds from the start of an attempt until its response headers must have passed, as Envoy shall enforce it.

    The attempt withholds the headers of a stream until it commits, so with ``commit: first-token`` this is the time to
    the first token.
    """
    if not stream or model.commit.mode == "whole":
        return model.timeout
    if model.commit.mode == "first-token":
        return model.first_token_timeout + _FIRST_WORD
    if model.commit.mode == "after":
        return model.first_token_timeout + model.commit.after + _BACKSTOP
    return model.timeout


def patience(model: Model, *, stream: bool) -> float:
    """Seconds after which Envoy ends an attempt from which nothing at all has come."""
    return min(try_timeout(model, stream=stream), idle_timeout(model, stream=stream))


def route_class(idle: float) -> str:
    """The value of ``ROUTE_HEADER`` for an idle timeout in seconds."""
    return f"idle-{round(idle * 1000)}"


def route_classes(snapshot: Snapshot) -> dict[str, float]:
    """Every class the catalogue needs, with its idle timeout in seconds, shortest first."""
    idles = {idle_timeout(model, stream=stream) for model in snapshot.models.values() for stream in (False, True)}
    return {route_class(idle): idle for idle in sorted(idles)}
