"""Where the clouds' credentials come from, judged by the providers of AWS's and Google's own libraries."""

import asyncio
import functools
import time

import botocore.session
import google.auth.transport.requests
import httpx
import jwt
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.utils import ContainerMetadataFetcher
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import exceptions
from google.auth.compute_engine import _metadata
from google.oauth2 import service_account

from extproc.simulator.behaviour import Behaviour
from extproc.simulator.credentials import issued
from extproc.simulator.credentials.google import EMAIL, JWT_GRANT
from extproc.simulator.server import Server

ROLE = "arn:aws:iam::123456789012:role/gateway"
JWT = "aaaa.bbbb.cccc"
FORM = {"content-type": "application/x-www-form-urlencoded", "authorization": None}


@pytest.fixture(scope="module")
def key() -> bytes:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def base(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


@functools.cache
def session() -> botocore.session.Session:
    return botocore.session.Session()


async def assume(server: Server, path: str = "/sts", **changes) -> dict:
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    url = base(server) + path
    client = session().create_client("sts", region_name="eu-west-1", endpoint_url=url, config=config)
    fields = {"RoleArn": ROLE, "RoleSessionName": "gw", "WebIdentityToken": JWT, **changes}
    try:
        return await asyncio.to_thread(client.assume_role_with_web_identity, **fields)
    finally:
        client.close()


@pytest.mark.parametrize("path", ["", "/sts", "/p/spare/sts"])
async def test_sts(simulator: Server, path):
    answer = await assume(simulator, path, DurationSeconds=900)
    made = answer["Credentials"]
    assert made["SecretAccessKey"] == issued.aws_secret(made["AccessKeyId"])
    assert made["SessionToken"] == issued.aws_session(made["AccessKeyId"])
    assert 870 < made["Expiration"].timestamp() - time.time_ns() / 1e9 <= 900
    assert answer["AssumedRoleUser"]["Arn"] == "arn:aws:sts::123456789012:assumed-role/gateway/gw"


async def test_sts_refuses(simulator: Server, post):
    for changes, code in (
        ({"WebIdentityToken": "short"}, "InvalidIdentityToken"),
        ({"RoleArn": "arn:aws:iam::123456789012:user/me"}, "ValidationError"),
    ):
        with pytest.raises(ClientError) as caught:
            await assume(simulator, **changes)
        assert caught.value.response["Error"]["Code"] == code
    wire = await post("/sts", b"Action=GetCallerIdentity", **FORM)
    assert (wire.status, wire.headers["content-type"]) == (400, "text/xml")
    assert "<Code>InvalidAction</Code>" in wire.text
    wire = await post("/sts", b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15", **FORM)
    assert "<Code>ValidationError</Code>" in wire.text
    simulator.script.set("sts", Behaviour(status=503))
    with pytest.raises(ClientError) as caught:
        await assume(simulator)
    assert caught.value.response["Error"]["Code"] == "ServiceUnavailable"


async def test_container_credentials(simulator: Server, post):
    url = f"{base(simulator)}/container-credentials"
    fetch = ContainerMetadataFetcher().retrieve_full_uri
    answer = await asyncio.to_thread(fetch, url, headers={"Authorization": "token"})
    assert answer["SecretAccessKey"] == issued.aws_secret(answer["AccessKeyId"])
    assert answer["Token"] == issued.aws_session(answer["AccessKeyId"])
    assert answer["Expiration"].endswith("Z")
    assert not issued.expired(answer["AccessKeyId"])
    wire = await post("/container-credentials", b"", method="GET", authorization=None)
    assert (wire.status, wire.json["code"]) == (401, "AccessDenied")


async def test_lifetimes(post, simulator: Server):
    wire = await post("/container-credentials?lifetime=-1", b"", method="GET", authorization="t")
    assert issued.expired(wire.json["AccessKeyId"])
    simulator.script.set("token", Behaviour(lifetime=2))
    wire = await post("/token", f"grant_type=refresh_token&{REFRESH}".encode(), **FORM)
    assert wire.json["expires_in"] == 2
    wire = await post("/token?lifetime=9", f"grant_type=refresh_token&{REFRESH}".encode(), **FORM)
    assert wire.json["expires_in"] == 9
    wire = await post("/token?lifetime=soon", f"grant_type=refresh_token&{REFRESH}".encode(), **FORM)
    assert wire.status == 400


REFRESH = "refresh_token=r&client_id=c&client_secret=s"


@pytest.fixture
def metadata(simulator: Server, monkeypatch):
    """Google's own reader of the metadata server, pointed here."""
    monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", f"127.0.0.1:{simulator.port}")
    monkeypatch.setenv("GCE_METADATA_IP", f"127.0.0.1:{simulator.port}")

    async def call(name: str, *args):
        def run():
            with google.auth.transport.requests.requests.Session() as session:
                return getattr(_metadata, name)(google.auth.transport.requests.Request(session), *args)

        return await asyncio.to_thread(run)

    return call


async def test_metadata_server(metadata):
    assert await metadata("ping")
    assert await metadata("get_project_id") == "sim-project"
    assert await metadata("get_universe_domain") == "googleapis.com"
    assert (await metadata("get_service_account_info"))["email"] == EMAIL
    token, expiry = await metadata("get_service_account_token")
    assert issued.is_google(token)
    assert expiry is not None


async def test_metadata_wants_its_flavour(post):
    path = "/computeMetadata/v1/instance/service-accounts/default/token"
    wire = await post(path, b"", method="GET", authorization=None)
    assert (wire.status, wire.headers["content-type"]) == (403, "text/html; charset=UTF-8")
    assert wire.headers["metadata-flavor"] == "Google"
    flavour = {"metadata-flavor": "Google", "authorization": None}
    assert (await post(path, b"", method="GET", **flavour)).json["token_type"] == "Bearer"
    assert (await post(path, b"", method="GET", **flavour, x_forwarded_for="1.2.3.4")).status == 403
    assert (await post("/computeMetadata/v1/none", b"", method="GET", **flavour)).status == 404


async def test_service_account(simulator: Server, key: bytes):
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    account = {"client_email": EMAIL, "private_key": key.decode(), "token_uri": f"{base(simulator)}/token"}
    credentials = service_account.Credentials.from_service_account_info(account, scopes=scopes)

    def refresh() -> None:
        with google.auth.transport.requests.requests.Session() as session:
            credentials.refresh(google.auth.transport.requests.Request(session))

    await asyncio.to_thread(refresh)
    assert issued.is_google(credentials.token)
    assert not credentials.expired
    simulator.script.set("token", Behaviour(status=400, error="invalid_grant"))
    with pytest.raises(exceptions.RefreshError, match="invalid_grant"):
        await asyncio.to_thread(refresh)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"exp": 0}, "short-lived token"),
        ({"exp": 10**10}, "short-lived token"),
        ({"iat": None}, "iat and exp are required"),
        ({"aud": "https://example.com"}, "aud must be the token endpoint"),
        ({"iss": ""}, "iss is required"),
        ({"scope": ""}, "Invalid OAuth scope"),
    ],
)
async def test_assertions(post, key: bytes, change, words):
    clock = time.time_ns() // 10**9
    claims = {"iss": EMAIL, "aud": "http://x/token", "iat": clock, "exp": clock + 600, "scope": "a", **change}
    assertion = jwt.encode({name: value for name, value in claims.items() if value is not None}, key, "RS256")
    wire = await post("/token", f"grant_type={JWT_GRANT}&assertion={assertion}".encode(), **FORM)
    assert wire.status == 400
    assert words in wire.json["error_description"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "invalid_request"),
        ("grant_type=password", "unsupported_grant_type"),
        ("grant_type=refresh_token", "invalid_request"),
        (f"grant_type={JWT_GRANT}&assertion=x", "invalid_grant"),
        (f"grant_type={JWT_GRANT}&assertion={jwt.encode({}, 'secret' * 8, 'HS256')}", "invalid_grant"),
    ],
)
async def test_googles_token_endpoint_refuses(post, body, error):
    wire = await post("/token", body.encode(), **FORM)
    assert (wire.status, wire.json["error"]) == (400, error)


ENTRA = "grant_type=client_credentials&client_id=c&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default"
ASSERTED = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"


async def test_entra(simulator: Server, post):
    async with httpx.AsyncClient(base_url=base(simulator)) as client:
        for proof in ("client_secret=s", f"{ASSERTED}&client_assertion={JWT}"):
            answer = await client.post("/contoso/oauth2/v2.0/token", content=f"{ENTRA}&{proof}")
            assert answer.json()["expires_in"] == 3600
            assert issued.is_entra(answer.json()["access_token"])
    for body, status, error in (
        (ENTRA, 401, "invalid_client"),
        ("grant_type=password", 400, "unsupported_grant_type"),
        ("grant_type=client_credentials", 400, "invalid_request"),
        ("grant_type=client_credentials&client_id=c&client_secret=s&scope=x", 400, "invalid_scope"),
    ):
        wire = await post("/contoso/oauth2/v2.0/token", body.encode(), **FORM)
        assert (wire.status, wire.json["error"]) == (status, error)
        assert str(wire.json["error_codes"][0]) in wire.json["error_description"]
    simulator.script.set("oauth2", Behaviour(status=503))
    assert (await post("/contoso/oauth2/v2.0/token", ENTRA.encode(), **FORM)).status == 503


def test_what_was_issued_carries_its_expiry():
    for made, good in ((issued.new_google, issued.is_google), (issued.new_entra, issued.is_entra)):
        assert good(made("00ff", 60))
        assert not good(made("00ff", -60))
    assert issued.is_google("ya29.sim-anything")
    assert not issued.is_google("sim-entra-anything")
    assert issued.aws_secret("AKIAOTHER") is None
