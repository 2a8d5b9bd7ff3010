"""Whether a failure moves on to the next attempt."""

from extproc.config.snapshot import Model
from extproc.domain.errors import ProviderError, ProviderTimeout, ProviderUnreachable

_INVENTED = 512
"""Above the last server error that an RFC names (511)."""
_OVERLOADED = 529
"""Anthropic's own, and listed."""

_ENVOY_CONNECT = "connect-failure,refused-stream,reset"
"""``reset`` holds a cut while the headers are withheld, and the per-try timeout, which Envoy treats as one."""


def moves_on(model: Model, error: ProviderError) -> bool:
    """Whether the model's ``retry_on`` lists this failure."""
    if isinstance(error, ProviderTimeout) and "timeout" in model.retry_on:
        return True
    if isinstance(error, ProviderUnreachable) and "connect" in model.retry_on:
        return True
    return _listed(error.retry_status) in model.retry_on


def _listed(status: int) -> int:
    """The status as ``retry_on`` would list it: what proxies in front of a vendor invent (520 to 526...) is a 502."""
    return 502 if status >= _INVENTED and status != _OVERLOADED else status


def envoy_retry_on(model: Model) -> str:
    """The conditions that only Envoy sees, for ``x-envoy-retry-on``; empty where it shall retry none of them.

    A connection that fails and a provider that sends nothing in time look alike to Envoy's retry logic (a reset), so
    either of ``connect`` and ``timeout`` switches both on.
    """
    return _ENVOY_CONNECT if model.retry_on & {"connect", "timeout"} else ""
