"""How a request to each kind of provider is addressed, and that nothing of another one's is left on it."""

from dataclasses import replace

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.snapshot import AwsLogin, AzureLogin, GcpLogin, Provider, Secret
from extproc.domain.errors import UnsupportedFeature
from extproc.providers.credential import ApiKey, Bearer, is_static, static_credential
from extproc.providers.request import address, sign
from extproc.providers.sigv4 import AwsKeys
from extproc.providers.wire import WIRES, Ask, wire_for

OPENAI = Provider("o", "openai", "https://api.openai.com/v1", api_key=Secret("sk-o"))
ANTHROPIC = Provider("a", "anthropic", "https://api.anthropic.com", api_key=Secret("sk-a"))
BEDROCK = Provider("b", "bedrock", "https://bedrock-runtime.us-east-1.amazonaws.com", region="us-east-1")
KEYS = AwsKeys("AKIDEXAMPLE", Secret("wJalrXUtnFEMI"), Secret("session"))
CLIENTS = {"openai": "openai-chat", "anthropic": "anthropic-messages"}


def addressed(provider, ask=None, *, client=(), present=(), credential=None):
    wire = wire_for(provider, None, CLIENTS.get(provider.dialect, "openai-chat"))
    return address(
        provider,
        wire,
        ask or Ask("chat", "m"),
        client_headers=dict(client),
        present=dict(present),
        credential=credential or static_credential(provider),
    )


def headers(provider, ask=None, **given_) -> dict[str, str]:
    return dict(addressed(provider, ask, **given_).set_headers)


@pytest.mark.parametrize("stream", [False, True])
def test_openai(stream):
    assert headers(OPENAI, Ask("chat", "m", stream)) == {
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


@pytest.mark.parametrize("dialect", ["bedrock", "bedrock-anthropic"])
def test_streams_of_bedrock_are_binary(dialect):
    provider = replace(BEDROCK, dialect=dialect)
    assert headers(provider, Ask("chat", "m", stream=True))["accept"] == "application/vnd.amazon.eventstream"
    assert headers(provider, Ask("chat", "m"))["accept"] == "application/json"


def test_a_body_that_is_passed_on_keeps_its_type():
    ask = Ask("transcriptions", "whisper-1", content_type="multipart/form-data; boundary=x", accept="text/plain")
    found = headers(OPENAI, ask)
    assert (found["content-type"], found["accept"]) == ("multipart/form-data; boundary=x", "text/plain")
    assert found[":path"] == "/v1/audio/transcriptions"


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


CARRIERS = {"authorization", "x-api-key", "api-key", "x-goog-api-key"}


def of(dialect: str) -> Provider:
    """A provider of each dialect without a credential."""
    return Provider("p", dialect, "https://host.example", region="us-east-1", project="acme", location="global")


def any_ask(dialect: str) -> Ask:
    return Ask("embeddings" if dialect == "cohere" else "chat", "m")


@pytest.mark.parametrize("dialect", WIRES)
def test_a_provider_without_a_key_gets_none(dialect):
    assert not CARRIERS & headers(of(dialect), any_ask(dialect)).keys()


@pytest.mark.parametrize(
    ("dialect", "header", "value"),
    [
        ("openai", "authorization", "Bearer key"),
        ("azure-openai", "api-key", "key"),
        ("anthropic", "x-api-key", "key"),
        ("bedrock", "authorization", "Bearer key"),
        ("bedrock-anthropic", "authorization", "Bearer key"),
        ("gemini", "x-goog-api-key", "key"),
        ("vertex-gemini", "x-goog-api-key", "key"),
        ("vertex-anthropic", "x-goog-api-key", "key"),
        ("cohere", "authorization", "Bearer key"),
    ],
)
def test_each_dialect_has_its_header_for_a_key_and_all_the_same_for_a_token(dialect, header, value):
    by_key = headers(of(dialect), any_ask(dialect), credential=ApiKey(Secret("key")))
    assert {name: by_key[name] for name in by_key.keys() & CARRIERS} == {header: value}
    by_token = headers(of(dialect), any_ask(dialect), credential=Bearer(Secret("token")))
    assert {name: by_token[name] for name in by_token.keys() & CARRIERS} == {"authorization": "Bearer token"}


def test_a_vendor_may_have_a_header_of_its_own_for_the_key():
    found = headers(replace(OPENAI, key_header="api-key"))
    assert {name: found[name] for name in found.keys() & CARRIERS} == {"api-key": "sk-o"}


def test_only_the_headers_of_its_own_dialect_are_taken_from_the_client():
    client = {"anthropic-beta": "b1", "anthropic-version": "2099-01-01", "openai-beta": "o=1", "cookie": "c"}
    assert headers(ANTHROPIC, client=client.items()) == headers(ANTHROPIC) | {
        "anthropic-beta": "b1",
        "anthropic-version": "2099-01-01",
    }
    assert headers(OPENAI, client=client.items()) == headers(OPENAI) | {"openai-beta": "o=1"}
    vertex = of("vertex-anthropic")
    assert headers(vertex, client=client.items()) == headers(vertex)  # which knows no such beta
    betas = {"anthropic-beta": "oauth-2025-04-20,context-1m-2025-08-07, web-search-2025-03-05"}
    assert headers(vertex, client=betas.items()) == headers(vertex) | {
        "anthropic-beta": "context-1m-2025-08-07,web-search-2025-03-05"
    }
    for dialect in ("bedrock-anthropic", "bedrock", "gemini", "vertex-gemini"):
        assert headers(of(dialect), client=client.items()) == headers(of(dialect))


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
    assert addressed(OPENAI, present=present).remove_headers == ()


def test_what_another_provider_or_envoy_has_left_goes():
    stale = [
        *("x-api-key", "api-key", "x-goog-api-key", "x-amz-date", "x-amz-security-token"),
        *("anthropic-version", "x-llmgw-route", "x-forwarded-proto", "x-envoy-attempt-count", "x-acme-org"),
    ]
    removed = addressed(OPENAI, present=dict.fromkeys([*stale, "authorization"], "x")).remove_headers
    assert sorted(removed) == sorted(stale)


names = st.sampled_from(
    [
        *("authorization", "x-api-key", "api-key", "x-goog-api-key", "x-amz-date", "x-amz-security-token"),
        *("anthropic-beta", "openai-beta", "x-o", "x-a", *KEPT, ":path", "cookie"),
    ]
)


@given(
    st.sampled_from([dialect for dialect in WIRES if dialect != "cohere"]),
    st.sampled_from([None, ApiKey(Secret("k")), Bearer(Secret("t")), KEYS]),
    st.dictionaries(names, st.just("left by somebody else")),
    st.dictionaries(names, st.just("of the client")),
)
def test_no_header_of_anybody_else_is_left(dialect, credential, present, client):
    """What is on the request afterwards: this attempt's own headers, and the few that may stay."""
    provider = of(dialect)
    found = sign(
        provider, addressed(provider, present=present, client=client.items(), credential=credential), b"", credential, 0
    )
    after = {n: v for n, v in present.items() if n not in found.remove_headers} | dict(found.set_headers)
    assert {n for n, v in after.items() if v == "left by somebody else"} <= {*KEPT}
    assert {n for n, v in after.items() if v == "of the client"} <= WIRES[dialect].from_client
    assert not set(found.remove_headers) & {name for name, _ in found.set_headers}
    assert set(found.remove_headers) <= present.keys()


@pytest.mark.parametrize("model", ["anthropic.claude-v2:1", "arn:aws:bedrock:us-east-1:1:inference-profile/us.x-v1:0"])
@pytest.mark.parametrize("operation", ["chat", "count-tokens-anthropic", "embeddings"])
def test_a_signed_request_is_the_one_that_botocore_would_have_signed(model, operation):
    body = '{"messages": ["ü"]}'.encode()
    found = addressed(BEDROCK, Ask(operation, model), credential=KEYS, present={"authorization": "old", "x-old": "1"})
    assert "authorization" not in dict(found.set_headers)
    signed = sign(BEDROCK, found, body, KEYS, 1_700_000_000)
    ours = dict(signed.set_headers)
    request = AWSRequest(
        "POST",
        f"https://{ours[':authority']}{ours[':path']}",
        headers={"content-type": "application/json"},
        data=body,
    )
    request.context["timestamp"] = ours["x-amz-date"]
    secret, token = KEYS.secret_access_key.reveal(), KEYS.session_token.reveal()
    auth = SigV4Auth(Credentials(KEYS.access_key_id, secret, token), "bedrock", "us-east-1")
    request.headers["X-Amz-Date"] = ours["x-amz-date"]
    request.headers["X-Amz-Security-Token"] = token
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    assert ours["authorization"].endswith(f"Signature={signature}")
    assert ours["x-amz-security-token"] == token
    assert signed.remove_headers == ("x-old",)


@pytest.mark.parametrize("credential", [None, ApiKey(Secret("k")), Bearer(Secret("t"))])
def test_only_keys_that_sign_change_a_finished_request(credential):
    found = addressed(BEDROCK, credential=credential)
    assert sign(BEDROCK, found, b"{}", credential, 0) is found


@pytest.mark.parametrize(
    ("login", "credential"),
    [
        (None, None),
        (GcpLogin(access_token=Secret("t")), Bearer(Secret("t"))),
        (GcpLogin(), None),
        (GcpLogin(service_account_file="f"), None),
        (AwsLogin(Secret("i"), Secret("s")), AwsKeys("i", Secret("s"))),
        (AwsLogin(Secret("i"), Secret("s"), Secret("t")), AwsKeys("i", Secret("s"), Secret("t"))),
        (AwsLogin(Secret("i"), Secret("s"), role_arn="r"), None),
        (AwsLogin(profile="p"), None),
        (AwsLogin(), None),
        (AzureLogin("scope"), None),
    ],
)
def test_what_stands_in_the_configuration_needs_no_fetching(login, credential):
    provider = replace(BEDROCK, login=login)
    assert static_credential(provider) == credential
    assert is_static(provider) == (login is None or credential is not None)


def test_no_secret_is_in_a_repr():
    every = [Bearer(Secret("hidden")), ApiKey(Secret("hidden")), AwsKeys("AKID", Secret("hidden"), Secret("hidden"))]
    assert "hidden" not in repr(every)


def test_an_operation_that_a_provider_has_not_is_refused_by_name():
    with pytest.raises(UnsupportedFeature, match=r'"a" \(anthropic\) has no speech'):
        addressed(ANTHROPIC, Ask("speech", "m"))
