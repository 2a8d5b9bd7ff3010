"""With which credential a provider is called, and the headers that carry it.

Counterparts: ``extproc.credentials`` keeps those that expire; ``request`` puts them on the request.
"""

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from extproc.config.snapshot import AwsLogin, GcpLogin, Provider, Secret
from extproc.domain.valueclass import valueclass
from extproc.providers.sigv4 import AwsKeys


@valueclass
class ApiKey:
    """A key that the vendor has issued; each dialect has its own header for it."""

    key: Secret


@valueclass
class Bearer:
    """An access token, which every cloud takes in ``authorization``."""

    token: Secret


Credential: TypeAlias = ApiKey | Bearer | AwsKeys
"""``AwsKeys`` sign the finished request instead of riding on it."""


class Credentials(Protocol):
    """The credentials of all providers, from memory."""

    def current(self, provider: str) -> Credential | None:
        """The credential to call a provider with now, by its name; None: there is none, or it has expired."""
        ...

    def refused(self, provider: str) -> None:
        """The provider has refused the credential, so another one may be due."""
        ...


_BEARER = "authorization"
_KEY_HEADERS: Mapping[str, str] = {
    "openai": _BEARER,
    "azure-openai": "api-key",
    "anthropic": "x-api-key",
    "bedrock": _BEARER,
    "bedrock-anthropic": _BEARER,
    "gemini": "x-goog-api-key",
    "vertex-gemini": "x-goog-api-key",
    "vertex-anthropic": "x-goog-api-key",
    "cohere": _BEARER,
}
"""Dialect → the header of an API key. Sources: as in ``paths``, and
https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html (Bedrock),
https://cloud.google.com/vertex-ai/generative-ai/docs/start/api-keys (Vertex)."""


def credential_headers(provider: Provider, credential: Credential | None) -> Mapping[str, str]:
    """The headers that carry a credential; none for keys that sign (``extproc.providers.request.sign``)."""
    match credential:
        case ApiKey(key):
            header = provider.key_header or _KEY_HEADERS[provider.dialect]
            return {header: f"Bearer {key.reveal()}" if header == _BEARER else key.reveal()}
        case Bearer(token):
            return {_BEARER: f"Bearer {token.reveal()}"}
        case _:
            return {}


def static_credential(provider: Provider) -> Credential | None:
    """The credential that stands in the configuration and never changes; None: there is none, or it is to be fetched."""
    match provider.login:
        case GcpLogin(access_token=Secret() as token):
            return Bearer(token)
        case AwsLogin(access_key_id=Secret() as key, secret_access_key=Secret() as secret, role_arn=None) as login:
            return AwsKeys(key.reveal(), secret, login.session_token)
        case None if provider.api_key is not None:
            return ApiKey(provider.api_key)
        case _:
            return None


def is_static(provider: Provider) -> bool:
    """Whether nothing is to be fetched for a provider."""
    return provider.login is None or static_credential(provider) is not None
