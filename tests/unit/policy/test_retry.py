"""Which failures move on to the next attempt."""

import pytest

from extproc.config.snapshot import Model
from extproc.domain.errors import (
    ContextLength,
    ProviderAuth,
    ProviderBadAnswer,
    ProviderFailed,
    ProviderOverloaded,
    ProviderQuota,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
    ProviderTruncated,
    ProviderUnreachable,
)
from extproc.policy.retry import envoy_retry_on, moves_on


def model(*retry_on) -> Model:
    return Model("m", (), retry_on=frozenset(retry_on))


CASES = [
    (ProviderRateLimited("x"), {429}, True),
    (ProviderQuota("x"), {429}, True),
    (ProviderRateLimited("x"), {500, "connect", "timeout"}, False),
    (ProviderFailed("x", retry_status=500), {500}, True),
    (ProviderFailed("x", retry_status=500), {502}, False),
    (ProviderBadAnswer("x"), {502}, True),
    (ProviderTruncated("x"), {502}, True),
    (ProviderOverloaded("x", retry_status=529), {529}, True),
    (ProviderOverloaded("x", retry_status=529), {503}, False),
    (ProviderAuth("x", retry_status=401), {401}, True),
    (ProviderRejected("x"), {429, 500}, False),
    (ContextLength("x"), {400}, True),
    (ProviderTimeout("x"), {"timeout"}, True),
    (ProviderTimeout("x"), {504}, True),
    (ProviderTimeout("x"), {"connect"}, False),
    (ProviderUnreachable("x"), {"connect"}, True),
    (ProviderUnreachable("x"), {503}, True),
    (ProviderUnreachable("x"), {"timeout"}, False),
    (ProviderFailed("x"), set(), False),
]


@pytest.mark.parametrize(("error", "retry_on", "moves"), CASES)
def test_what_moves_on(error, retry_on, moves):
    assert moves_on(model(*retry_on), error) is moves


@pytest.mark.parametrize(
    ("retry_on", "told"),
    [
        ({"connect"}, "connect-failure,refused-stream,reset"),
        ({"timeout", 429}, "connect-failure,refused-stream,reset"),
        ({429, 503}, ""),
        (set(), ""),
    ],
)
def test_what_envoy_is_told(retry_on, told):
    """Statuses are not its business: the attempt answers with one of its own where the next shall try."""
    assert envoy_retry_on(model(*retry_on)) == told
