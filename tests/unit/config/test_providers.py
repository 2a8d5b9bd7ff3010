"""Whom the gateway calls: base URLs by default, credentials, and what vendors' records say."""

from dataclasses import replace

import orjson
import pytest

from extproc.config.load import load_text
from extproc.config.problems import ConfigError
from extproc.config.snapshot import AwsLogin, AzureLogin, GcpLogin
from extproc.domain.quirks import COMPATIBLE, OPENAI

VERTEX = {"project": "acme", "auth": "gcp"}


def provider(**fields):
    config = {"providers": {"p": fields}, "models": {"m": {"targets": [{"provider": "p"}]}}}
    return load_text(orjson.dumps(config).decode(), source="gateway.yaml", env={}).providers["p"]


def problems(**fields):
    with pytest.raises(ConfigError) as caught:
        provider(**fields)
    return {problem.path: problem.message for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "https://api.openai.com/v1"),
        ({"dialect": "anthropic"}, "https://api.anthropic.com"),
        ({"dialect": "gemini", "api_key": "k"}, "https://generativelanguage.googleapis.com"),
        ({"dialect": "cohere", "api_key": "k"}, "https://api.cohere.com"),
        (
            {"dialect": "bedrock", "region": "eu-west-1", "auth": "aws"},
            "https://bedrock-runtime.eu-west-1.amazonaws.com",
        ),
        (
            {"dialect": "bedrock-anthropic", "region": "us-gov-west-1", "api_key": "k"},
            "https://bedrock-runtime.us-gov-west-1.amazonaws.com",
        ),
        (
            {"dialect": "vertex-gemini", "location": "europe-west1", **VERTEX},
            "https://europe-west1-aiplatform.googleapis.com",
        ),
        ({"dialect": "vertex-anthropic", "location": "global", **VERTEX}, "https://aiplatform.googleapis.com"),
        ({"dialect": "vertex-anthropic", "location": "eu", **VERTEX}, "https://aiplatform.eu.rep.googleapis.com"),
        ({"dialect": "vertex-gemini", "api_key": "k"}, "https://aiplatform.googleapis.com"),
        ({"vendor": "groq"}, "https://api.groq.com/openai/v1"),
        ({"vendor": "groq", "base_url": "https://proxy.example/groq/v1"}, "https://proxy.example/groq/v1"),
    ],
    ids=str,
)
def test_the_address_of_each_dialect_where_none_is_written(fields, url):
    assert provider(**fields).base_url == url


@pytest.mark.parametrize(
    ("dialect", "forms"),
    [
        ("azure-openai", ["azure", {"azure": {"tenant_id": "a", "client_id": "b", "client_secret": "c"}}]),
        ("bedrock", ["aws", {"aws": {"access_key_id": "a", "secret_access_key": "b", "session_token": "c"}}]),
        ("bedrock-anthropic", ["aws", {"aws": {}}, {"aws": {"profile": "p"}}, {"aws": {"role_arn": "r"}}]),
        ("vertex-gemini", ["gcp", {"gcp": {"access_token": "a"}}]),
        ("vertex-anthropic", ["gcp", {"gcp": {"service_account_file": "sa.json"}}]),
    ],
)
def test_every_form_of_auth_is_taken_by_the_dialects_of_its_cloud_and_no_other(dialect, forms):
    around = {"base_url": "https://host.example", "region": "us-east-1"}
    place = {"project": "p", "location": "global"} if dialect.startswith("vertex") else {}
    for form in forms:
        assert provider(dialect=dialect, auth=form, **around, **place).login is not None
    for other in {"aws", "gcp", "azure"} - {form for form in forms if isinstance(form, str)}:
        found = problems(dialect=dialect, auth=other, **around, **place)
        assert found == {"providers.p.auth": f"{other} is no credential for dialect {dialect}"}


@pytest.mark.parametrize("auth", ["oidc", {}, {"aws": {}, "azure": {}}, {"aws": {"key": "x"}}], ids=str)
def test_a_malformed_auth_is_told_as_such(auth):
    assert problems(dialect="bedrock", region="us-east-1", auth=auth)


def test_what_a_login_holds():
    keys = {"access_key_id": "a", "secret_access_key": "b", "session_token": "c"}
    login = provider(dialect="bedrock", region="us-east-1", auth={"aws": keys}).login
    assert isinstance(login, AwsLogin)
    assert login.access_key_id is not None
    assert login.access_key_id.reveal() == "a"
    assert "b" not in repr(login.secret_access_key)
    assert provider(dialect="vertex-gemini", location="us", **VERTEX).login == GcpLogin()


@pytest.mark.parametrize(
    ("host", "scope"),
    [
        ("a.openai.azure.com", "https://cognitiveservices.azure.com/.default"),
        ("a.cognitiveservices.azure.com", "https://cognitiveservices.azure.com/.default"),
        ("a.services.ai.azure.com", "https://ai.azure.com/.default"),
    ],
)
def test_the_scope_of_an_entra_token_follows_the_host_unless_it_is_written(host, scope):
    around = {"dialect": "azure-openai", "base_url": f"https://{host}"}
    assert provider(**around, auth="azure").login == AzureLogin(scope)
    assert provider(**around, auth={"azure": {"scope": "api://x/.default"}}).login == AzureLogin("api://x/.default")


@pytest.mark.parametrize(
    ("fields", "apis"),
    [
        ({}, {"chat", "responses", "embeddings"}),
        ({"base_url": "https://eu.api.openai.com/v1"}, {"chat", "responses", "embeddings"}),
        (
            {"dialect": "azure-openai", "base_url": "https://a.openai.azure.com", "api_key": "k"},
            {"chat", "responses", "embeddings"},
        ),
        ({"base_url": "http://vllm:8000/v1"}, {"chat", "embeddings", "rerank"}),
        ({"base_url": "http://vllm:8000/v1", "api": "responses"}, {"chat", "embeddings", "rerank", "responses"}),
        ({"vendor": "groq"}, {"chat", "responses"}),
        ({"vendor": "openai", "base_url": "https://proxy.example/v1"}, {"chat", "responses", "embeddings"}),
        ({"vendor": "openai", "api": "completions"}, {"chat", "responses", "embeddings", "completions"}),
        ({"dialect": "anthropic"}, set()),
        ({"vendor": "deepseek", "dialect": "anthropic", "base_url": "https://api.deepseek.com/anthropic"}, set()),
    ],
    ids=str,
)
def test_which_apis_a_provider_is_known_to_serve(fields, apis):
    assert provider(**fields).apis == apis


def test_openai_behind_another_host_is_spoken_to_and_paid_like_openai():
    own, proxied = provider(), provider(vendor="openai", base_url="https://proxy.example/v1")
    assert (proxied.older_limit, proxied.quirks, proxied.apis) == (own.older_limit, own.quirks, own.apis)
    assert proxied.priced_as == "openai"
    assert provider(vendor="openai").base_url == own.base_url


def test_what_is_written_comes_before_the_vendors_record():
    assert provider(vendor="deepseek").older_limit
    assert not provider(vendor="deepseek", limit_field="max_completion_tokens").older_limit
    assert provider(vendor="deepseek").priced_as == "deepseek"
    assert provider(vendor="deepseek", priced_as="together").priced_as == "together"
    assert provider(vendor="deepseek").replay_reasoning


@pytest.mark.parametrize(
    ("fields", "quirks"),
    [
        ({}, OPENAI),
        ({"base_url": "https://eu.api.openai.com/v1"}, OPENAI),
        ({"dialect": "azure-openai", "base_url": "https://x.services.ai.azure.com", "api_key": "k"}, OPENAI),
        ({"base_url": "https://llm.example/v1"}, COMPATIBLE),
        ({"vendor": "openai", "base_url": "https://proxy.example/v1"}, OPENAI),
        ({"vendor": "groq"}, COMPATIBLE),
        ({"vendor": "deepseek"}, replace(COMPATIBLE, refuses_text_lists=True)),
        ({"vendor": "mistral"}, replace(COMPATIBLE, short_call_ids=True, results_answered=True)),
    ],
    ids=str,
)
def test_who_is_not_openai_is_not_taken_to_know_what_only_openai_does(fields, quirks):
    assert provider(**fields).quirks == quirks


@pytest.mark.parametrize(
    "dialect", ["azure-openai", "bedrock", "bedrock-anthropic", "vertex-gemini", "vertex-anthropic"]
)
def test_a_cloud_without_any_credential_is_a_mistake_and_a_header_is_one(dialect):
    around = {"dialect": dialect, "base_url": "https://proxy.example", "region": "us-east-1"}
    place = {"project": "p", "location": "global"} if dialect.startswith("vertex") else {}
    assert problems(**around, **place) == {"providers.p": "has no credential"}
    assert provider(**around, **place, headers={"Authorization": "Bearer x"}).login is None
