"""Whether a failure moves on to the next attempt."""

from extproc.config.snapshot import Model
from extproc.domain.errors import ProviderError, ProviderTimeout, ProviderUnreachable

_ENVOY_CONNECT = "connect-failure,refused-stream,reset"
"""``reset`` holds a cut while the headers are withheld, and the per-try timeout, which Envoy treats as one."""


def moves_on(model: Model, error: ProviderError) -> bool:
    """Whether the model's ``retry_on`` lists this failure."""
    if isinstance(error, ProviderTimeout) and "timeout" in model.retry_on:
        return True
    if isinstance(error, ProviderUnreachable) and "connect" in model.retry_on:
        return True
    return error.retry_status in model.retry_on


def envoy_retry_on(model: Model) -> str:
    """The conditions that only Envoy sees, for ``x-envoy-retry-on``; empty where it shall retry none of them.

    A connection that fails and a provider that sends nothing in time look alike to Envoy's retry logic (a reset), so
    either of ``connect`` and ``timeout`` switches both on.
    """
    return _ENVOY_CONNECT if model.retry_on & {"connect", "timeout"} else ""
