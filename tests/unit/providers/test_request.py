"""How a request to each kind of provider is addressed, and that nothing of another one's is left on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.snapshot import Provider, Secret
from extproc.providers.request import address
from extproc.providers.wire import WIRES
from extproc.translate.pairs import PROVIDER_DIALECTS

OPENAI = Provider("o", "openai", "https://api.openai.com/v1", api_key=Secret("sk-o"))
ANTHROPIC = Provider("a", "anthropic", "https://api.anthropic.com", api_key=Secret("sk-a"))


def headers(provider, *, client=(), present=(), stream=False) -> dict[str, str]:
    addressed = address(provider, client_headers=dict(client), present=dict(present), stream=stream)
    return dict(addressed.set_headers)


def test_every_dialect_that_is_spoken_has_a_wire():
    assert WIRES.keys() == PROVIDER_DIALECTS.keys()


@pytest.mark.parametrize("stream", [False, True])
def test_openai(stream):
    assert headers(OPENAI, stream=stream) == {
        ":path": "/v1/chat/completions",
        ":authority": "api.openai.com",
        "content-type": "application/json",
        "accept": "text/event-stream" if stream else "application/json",
        "accept-encoding": "identity",
        "authorization": "Bearer sk-o",
    }


def test_anthropic():
    assert headers(ANTHROPIC) == {
        ":path": "/v1/messages",
        ":authority": "api.anthropic.com",
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "identity",
        "anthropic-version": "2023-06-01",
        "x-api-key": "sk-a",
    }


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("http://vllm.default.svc:8000/v1", "vllm.default.svc:8000", "/v1/chat/completions"),
        ("http://vllm/", "vllm", "/chat/completions"),
        ("https://host/a/b/c", "host", "/a/b/c/chat/completions"),
        ("https://user:p%40w@host:444/v1", "host:444", "/v1/chat/completions"),
        ("http://[fd00::7]:8000/v1", "[fd00::7]:8000", "/v1/chat/completions"),
    ],
)
def test_where_it_goes(url, authority, path):
    found = headers(Provider("p", "openai", url))
    assert (found[":authority"], found[":path"]) == (authority, path)


@pytest.mark.parametrize("provider", [Provider("o", "openai", "http://o"), Provider("a", "anthropic", "http://a")])
def test_a_provider_without_a_key_gets_none(provider):
    assert not {"authorization", "x-api-key"} & headers(provider).keys()


def test_only_the_headers_of_its_own_dialect_are_taken_from_the_client():
    client = {"anthropic-beta": "b1", "anthropic-version": "2099-01-01", "openai-beta": "o=1", "cookie": "c"}
    assert headers(ANTHROPIC, client=client.items()) == headers(ANTHROPIC) | {
        "anthropic-beta": "b1",
        "anthropic-version": "2099-01-01",
    }
    assert headers(OPENAI, client=client.items()) == headers(OPENAI) | {"openai-beta": "o=1"}


def test_what_the_configuration_says_wins_over_the_client_and_the_credential_over_all():
    provider = Provider(
        "a",
        "anthropic",
        "http://a",
        api_key=Secret("sk-a"),
        headers={"Anthropic-Beta": "ours", "X-Api-Key": "other", "accept-encoding": "gzip", "x-extra": "1"},
    )
    found = headers(provider, client=[("anthropic-beta", "theirs")])
    assert found["anthropic-beta"] == "ours"
    assert found["x-api-key"] == "sk-a"
    assert found["accept-encoding"] == "gzip"
    assert found["x-extra"] == "1"
    assert not any(name != name.lower() for name in found)


KEPT = ["content-length", "user-agent", "traceparent", "tracestate", "x-request-id"]


def test_what_may_stay_stays():
    present = dict.fromkeys([*KEPT, ":method", ":scheme", ":path", ":authority"], "x")
    assert address(OPENAI, client_headers={}, present=present, stream=False).remove_headers == ()


def test_what_another_provider_or_envoy_has_left_goes():
    stale = [
        "x-api-key",
        "anthropic-version",
        "x-llmgw-route",
        "x-forwarded-proto",
        "x-envoy-attempt-count",
        "x-acme-org",
    ]
    removed = address(
        OPENAI, client_headers={}, present=dict.fromkeys([*stale, "authorization"], "x"), stream=False
    ).remove_headers
    assert sorted(removed) == sorted(stale)


names = st.sampled_from(
    ["authorization", "x-api-key", "api-key", "anthropic-beta", "openai-beta", "x-o", "x-a", *KEPT, ":path", "cookie"]
)


@given(
    st.sampled_from([OPENAI, ANTHROPIC]),
    st.dictionaries(names, st.just("left by somebody else")),
    st.dictionaries(names, st.just("of the client")),
)
def test_no_header_of_anybody_else_is_left(provider, present, client):
    """What is on the request afterwards: this attempt's own headers, and the few that may stay."""
    addressed = address(provider, client_headers=client, present=present, stream=False)
    after = {n: v for n, v in present.items() if n not in addressed.remove_headers} | dict(addressed.set_headers)
    assert {n for n, v in after.items() if v == "left by somebody else"} <= {*KEPT}
    assert {n for n, v in after.items() if v == "of the client"} <= WIRES[provider.dialect].from_client
    assert not set(addressed.remove_headers) & {name for name, _ in addressed.set_headers}
    assert set(addressed.remove_headers) <= present.keys()
