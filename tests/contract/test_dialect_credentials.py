"""Credentials that are fetched and expire: each call carries one that is good, and where none can be had others answer.

The simulator issues them with a life of some seconds, and refuses those that are past it.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dialects_catalogue import VENDORS, secret_of
from harness import KEY, Gateway, new_id, sha256
from transfers import Transfer, transfer

from tests.judges.clients import CLIENTS

LIFE = 6.0
"""Seconds. A fifth of it is left when the next one is fetched, which takes its time on a busy machine."""

ROLE = {
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/llm",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nowhere",
    "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
}
LOGINS = {"bedrock": "aws", "bedrock-anthropic": "aws", "vertex-gemini": "gcp", "vertex-anthropic": "gcp"}


def service_account(file: Path, token_uri: str) -> str:
    """A key of a service account, as Google hands it out."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    document = {
        "type": "service_account",
        "project_id": "acme",
        "private_key_id": "1",
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "client_email": "llm@acme.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_uri,
    }
    file.write_bytes(orjson.dumps(document))
    return str(file)


@pytest.fixture
def gateway(start_gateway, simulator, tmp_path) -> Gateway:
    """A web identity for Bedrock, the metadata server and a service account for Vertex; ``lost`` has no credential."""
    (tmp_path / "identity").write_text("e30.e30.e30")
    simulator.script(**{"": {"lifetime": LIFE}, "sts": {"lifetime": LIFE}, "oauth": {"lifetime": LIFE}})
    account = service_account(tmp_path / "account.json", f"{simulator.url}/p/oauth/token")
    logins: dict[str, Any] = {**LOGINS, "vertex-anthropic": {"gcp": {"service_account_file": account}}}
    nothing = service_account(tmp_path / "lost.json", f"{simulator.url}/p/oauth/nothing")

    def provider(label: str, login: Any) -> dict[str, Any]:
        vendor = VENDORS[label]
        return {**vendor.options, "base_url": f"{simulator.url}/p/{label}", "auth": login}

    def model(*targets: tuple[str, str]) -> dict[str, Any]:
        first, *rest = [{"provider": name, "model": VENDORS[label].model} for name, label in targets]
        return {"targets": [first], "fallbacks": rest}

    configuration = {
        "workers": 1,
        "providers": {
            **{label: provider(label, login) for label, login in logins.items()},
            "lost": provider("vertex-gemini", {"gcp": {"service_account_file": nothing}}),
            "openai": {"dialect": "openai", "base_url": f"{simulator.url}/p/openai/v1", "api_key": secret_of("openai")},
        },
        "models": {
            **{label: model((label, label)) for label in logins},
            "lost": model(("lost", "vertex-gemini")),
            "lost-first": model(("lost", "vertex-gemini"), ("openai", "openai")),
        },
        "keys": [{"name": "all", "sha256": sha256(KEY)}],
    }
    host = simulator.url.removeprefix("http://")
    env = {
        **ROLE,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "identity"),
        "AWS_ENDPOINT_URL_STS": f"{simulator.url}/p/sts/sts",
        "GCE_METADATA_HOST": host,
        "GCE_METADATA_IP": host,
        "CLOUDSDK_CONFIG": str(tmp_path),
    }
    return start_gateway(configuration, env)


async def ask(gateway: Gateway, model: str) -> tuple[str, Transfer]:
    client = CLIENTS["openai-chat"]
    request_id = new_id()
    path, body = client.request(model, "Hello", stream=False)
    async with gateway.http() as http:
        return request_id, await transfer(http, path, body, {"x-request-id": request_id})


async def test_credentials_are_renewed_and_a_missing_one_is_left_out(gateway, simulator):
    """Every call of some seconds is answered, each provider's with more than one credential."""
    seen: dict[str, set[str]] = {label: set() for label in LOGINS}
    deadline = time.monotonic() + 10 * LIFE
    while any(len(found) < 2 for found in seen.values()):
        assert time.monotonic() < deadline, f"never renewed: { {label: len(found) for label, found in seen.items()} }"
        for label, credentials in seen.items():
            request_id, got = await ask(gateway, label)
            assert got.status == 200, (label, got.body)
            authorization = simulator.only(request_id).headers["authorization"]
            credentials.add(authorization.partition("/")[0] if "aws" in LOGINS[label] else authorization)
        await asyncio.sleep(0.1)
    assert all("AKIA" not in one for found in seen.values() for one in found)

    request_id, got = await ask(gateway, "lost-first")
    assert (got.status, got.headers["x-llmgw-provider"], got.headers["x-llmgw-attempts"]) == (200, "openai", "1")
    assert simulator.only(request_id).label == "openai"
    request_id, got = await ask(gateway, "lost")
    assert (got.status, got.json["error"]["code"]) == (502, "provider_auth_failed")
    assert simulator.requests(request_id) == []
