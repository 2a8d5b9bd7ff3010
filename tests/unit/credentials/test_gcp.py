"""Google Cloud access tokens from a key, a federation, a metadata server, each played by a real server."""

import time
from datetime import UTC, datetime

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.auth.compute_engine import _metadata

from extproc.config.snapshot import GcpLogin, Secret
from extproc.credentials.gcp import GcpSource
from extproc.credentials.optional import CredentialError
from extproc.providers.credential import Bearer

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def token(value="ya29.fetched", seconds=3600):
    return (200, {}, orjson.dumps({"access_token": value, "expires_in": seconds, "token_type": "Bearer"}))


def about_an_hour_from_now(expires_at):
    return abs(expires_at - (datetime.now(UTC).timestamp() + 3600)) < 60


@pytest.fixture
def account(cloud, tmp_path):
    file = tmp_path / "account.json"
    document = {
        "type": "service_account",
        "project_id": "acme",
        "private_key_id": "k1",
        "private_key": PEM,
        "client_email": "llm@acme.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"{cloud.url}/token",
    }
    file.write_bytes(orjson.dumps(document))
    return file


def test_a_service_accounts_key_signs_for_a_token(cloud, account):
    cloud.routes["/token"] = token()
    fetched = GcpSource(GcpLogin(service_account_file=str(account))).fetch()
    assert fetched.credential == Bearer(Secret("ya29.fetched"))
    assert about_an_hour_from_now(fetched.expires_at)
    (request,) = cloud.seen
    assert request["form"]["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(
        request["form"]["assertion"],
        KEY.public_key(),
        algorithms=["RS256"],
        audience="https://oauth2.googleapis.com/token",
    )
    assert claims["iss"] == "llm@acme.iam.gserviceaccount.com"
    assert claims["scope"] == SCOPE
    assert claims["exp"] > time.time()  # noqa: TID251 - the claim is about the wall clock


def test_each_fetch_brings_a_new_token(cloud, account):
    source = GcpSource(GcpLogin(service_account_file=str(account)))
    for value in ("ya29.first", "ya29.second"):
        cloud.routes["/token"] = token(value)
        assert source.fetch().credential == Bearer(Secret(value))


def test_the_application_default_is_the_file_that_the_environment_names(monkeypatch, cloud, account):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    cloud.routes["/token"] = token()
    assert GcpSource(GcpLogin()).fetch().credential == Bearer(Secret("ya29.fetched"))


def test_the_application_default_is_the_metadata_server_as_on_gke(monkeypatch, cloud):
    monkeypatch.delenv("NO_GCE_CHECK")
    monkeypatch.setenv("GCE_METADATA_HOST", f"127.0.0.1:{cloud.port}")
    monkeypatch.setenv("GCE_METADATA_IP", f"127.0.0.1:{cloud.port}")
    # The library reads these once, when it is loaded; another test may have had it loaded before.
    monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", f"127.0.0.1:{cloud.port}")
    monkeypatch.setattr(_metadata, "_NO_GCE_CHECK", False)
    flavour = {"Metadata-Flavor": "Google"}
    start = "/computeMetadata/v1"
    own = {"email": "llm@acme.iam.gserviceaccount.com", "scopes": [SCOPE], "aliases": ["default"]}
    cloud.routes |= {
        "/": (200, flavour, b""),
        f"{start}/project/project-id": (200, {**flavour, "content-type": "text/plain"}, b"acme"),
        f"{start}/universe/universe-domain": (200, {**flavour, "content-type": "text/plain"}, b"googleapis.com"),
        f"{start}/instance/service-accounts/default/": (200, flavour, orjson.dumps(own)),
        f"{start}/instance/service-accounts/default/token": (200, flavour, token()[2]),
        f"{start}/instance/service-accounts/llm@acme.iam.gserviceaccount.com/token": (200, flavour, token()[2]),
    }
    fetched = GcpSource(GcpLogin()).fetch()
    assert fetched.credential == Bearer(Secret("ya29.fetched"))
    assert about_an_hour_from_now(fetched.expires_at)
    assert all(request["headers"].get("metadata-flavor") == "Google" for request in cloud.seen)


@pytest.fixture
def federation(cloud, tmp_path):
    subject = tmp_path / "subject"
    subject.write_text("eyJ.of.the.pod")
    file = tmp_path / "federation.json"
    document = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{cloud.url}/sts",
        "credential_source": {"file": str(subject)},
    }
    file.write_bytes(orjson.dumps(document))
    return file


@pytest.mark.parametrize("by_environment", [False, True])
def test_workload_identity_federation_exchanges_the_pods_token(monkeypatch, cloud, federation, by_environment):
    login = GcpLogin(service_account_file=str(federation))
    if by_environment:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(federation))
        login = GcpLogin()
    answer = {
        "access_token": "ya29.federated",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 3600,
    }
    cloud.routes["/sts"] = (200, {}, orjson.dumps(answer))
    fetched = GcpSource(login).fetch()
    assert fetched.credential == Bearer(Secret("ya29.federated"))
    assert about_an_hour_from_now(fetched.expires_at)
    assert cloud.seen[-1]["form"]["subject_token"] == "eyJ.of.the.pod"


def test_workload_identity_federation_from_aws_signs_for_the_token(monkeypatch, cloud, federation):
    document = orjson.loads(federation.read_bytes())
    verified = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
    document["subject_token_type"] = "urn:ietf:params:aws:token-type:aws4_request"
    document["credential_source"] = {"environment_id": "aws1", "regional_cred_verification_url": verified}
    federation.write_bytes(orjson.dumps(document))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "env-secret")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    cloud.routes["/sts"] = token("ya29.federated")
    fetched = GcpSource(GcpLogin(service_account_file=str(federation))).fetch()
    assert fetched.credential == Bearer(Secret("ya29.federated"))
    subject = cloud.seen[-1]["form"]["subject_token"]
    assert "AKIAENV" in subject
    assert "env-secret" not in subject


def test_a_refusal_is_told_in_googles_words_and_the_file_is_read_anew(cloud, account):
    cloud.routes["/token"] = (400, {}, orjson.dumps({"error": "invalid_grant", "error_description": "account gone"}))
    source = GcpSource(GcpLogin(service_account_file=str(account)))
    with pytest.raises(CredentialError, match="account gone") as caught:
        source.fetch()
    assert "PRIVATE KEY" not in str(caught.value)
    document = orjson.loads(account.read_bytes())
    account.write_bytes(orjson.dumps(document | {"token_uri": f"{cloud.url}/other"}))
    cloud.routes["/other"] = token("ya29.other")
    assert source.fetch().credential == Bearer(Secret("ya29.other"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{}", "neither a service account's key nor"),
        (b'{"type": "authorized_user"}', "neither a service account's key nor"),
        (b"no json", "JSONDecodeError"),
        (b'{"type": "service_account"}', "missing fields"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_no_credential_is_told(tmp_path, content, words):
    file = tmp_path / "account.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CredentialError, match=words):
        GcpSource(GcpLogin(service_account_file=str(file))).fetch()


def test_where_there_is_no_default_it_is_told():
    with pytest.raises(CredentialError, match="default credentials were not found"):
        GcpSource(GcpLogin()).fetch()
