"""Microsoft Entra access tokens of a client, a pod, and a managed identity, each played by a real server."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from extproc.config.snapshot import AzureLogin, Secret
from extproc.credentials.azure import AzureSource
from extproc.credentials.optional import CredentialError
from extproc.providers.credential import Bearer

SCOPE = "https://cognitiveservices.azure.com/.default"
TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-000000000000"


@pytest.fixture
def entra(monkeypatch, tls_cloud, certificate):
    """The authority of a tenant."""
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", tls_cloud.url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    root = f"{tls_cloud.url}/{TENANT}"
    known = {
        "issuer": f"{root}/v2.0",
        "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
        "token_endpoint": f"{root}/oauth2/v2.0/token",
    }
    tls_cloud.routes[f"/{TENANT}/v2.0/.well-known/openid-configuration"] = (200, {}, orjson.dumps(known))
    answer = {"token_type": "Bearer", "expires_in": 3599, "access_token": "eyJ.fetched"}
    tls_cloud.routes[f"/{TENANT}/oauth2/v2.0/token"] = (200, {}, orjson.dumps(answer))
    return tls_cloud


def about_an_hour_from_now(expires_at):
    return abs(expires_at - (datetime.now(UTC).timestamp() + 3600)) < 60


def test_a_client_with_its_secret(entra):
    fetched = AzureSource(AzureLogin(SCOPE, TENANT, CLIENT, Secret("client-secret"))).fetch()
    assert fetched.credential == Bearer(Secret("eyJ.fetched"))
    assert about_an_hour_from_now(fetched.expires_at)
    form = entra.seen[-1]["form"]
    assert form["grant_type"] == "client_credentials"
    assert (form["client_id"], form["client_secret"], form["scope"]) == (CLIENT, "client-secret", SCOPE)


def test_a_service_principal_of_the_environment(monkeypatch, entra):
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "env-secret")
    assert AzureSource(AzureLogin(SCOPE)).fetch().credential == Bearer(Secret("eyJ.fetched"))
    assert entra.seen[-1]["form"]["client_secret"] == "env-secret"


def test_a_workload_identity_as_pods_of_aks_have(monkeypatch, entra, tmp_path):
    token = tmp_path / "token"
    token.write_text("eyJ.of.the.pod")
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(token))
    assert AzureSource(AzureLogin(SCOPE)).fetch().credential == Bearer(Secret("eyJ.fetched"))
    assert entra.seen[-1]["form"]["client_assertion"] == "eyJ.of.the.pod"


@pytest.mark.parametrize("client", [None, CLIENT])
def test_a_managed_identity(monkeypatch, cloud, client):
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{cloud.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "header-secret")
    end = datetime.now(UTC) + timedelta(hours=1)
    answer = {
        "access_token": "eyJ.managed",
        "expires_on": str(int(end.timestamp())),
        "resource": "r",
        "token_type": "Bearer",
    }
    cloud.routes["/msi/token"] = (200, {}, orjson.dumps(answer))
    fetched = AzureSource(AzureLogin(SCOPE, client_id=client)).fetch()
    assert fetched.credential == Bearer(Secret("eyJ.managed"))
    assert about_an_hour_from_now(fetched.expires_at)
    (request,) = cloud.seen
    assert request["headers"]["x-identity-header"] == "header-secret"
    assert request["query"]["resource"] == "https://cognitiveservices.azure.com"
    assert request["query"].get("client_id") == client


def test_a_refusal_is_told_in_microsofts_words_and_without_the_secret(entra):
    body = orjson.dumps(
        {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
    )
    entra.routes[f"/{TENANT}/oauth2/v2.0/token"] = (401, {}, body)
    with pytest.raises(CredentialError, match="AADSTS7000215") as caught:
        AzureSource(AzureLogin(SCOPE, TENANT, CLIENT, Secret("client-secret"))).fetch()
    assert "client-secret" not in str(caught.value)


def test_where_there_is_no_default_it_is_told(monkeypatch, cloud):
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", cloud.url)
    with pytest.raises(CredentialError, match="failed to retrieve a token"):
        AzureSource(AzureLogin(SCOPE)).fetch()
