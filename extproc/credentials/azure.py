"""Microsoft Entra access tokens: of a client with its secret, or the default chain.

The chain: a service principal in the environment, workload identity, a managed identity, a developer's own sign-in.
Source: https://learn.microsoft.com/azure/developer/python/sdk/authentication/credential-chains.
"""

from typing import Protocol

from extproc.config.snapshot import AzureLogin, Secret
from extproc.credentials.fetched import Fetched
from extproc.credentials.optional import explained, load
from extproc.providers.credential import Bearer

_EXTRA = "azure"
_CONNECT, _READ, _TRIES = 3, 5, 1
"""Seconds, and further tries, of each request: they end before the keeper gives up, which tries again itself."""


class _Token(Protocol):
    token: str
    expires_on: int


class _Credential(Protocol):
    def get_token(self, scope: str) -> _Token: ...


class AzureSource:
    """Keeps the library's credential, which keeps a token until five minutes before its end."""

    def __init__(self, login: AzureLogin) -> None:
        self._login = login
        self._credential: _Credential | None = None

    def fetch(self) -> Fetched:
        """See ``Source``."""
        errors = load("azure.core.exceptions", _EXTRA)
        with explained(errors.AzureError, OSError, ValueError):
            credential = self._credential or self._open()
            self._credential = credential
            token = credential.get_token(self._login.scope)
            return Fetched(Bearer(Secret(token.token)), float(token.expires_on))

    def _open(self) -> _Credential:
        identity = load("azure.identity", _EXTRA)
        login = self._login
        # Instance discovery asks Microsoft's public cloud whether the authority is one of its own, which a private or
        # sovereign cloud may not be able to. The authority is the operator's setting (AZURE_AUTHORITY_HOST).
        options = {
            "disable_instance_discovery": True,
            "connection_timeout": _CONNECT,
            "read_timeout": _READ,
            "retry_total": _TRIES,
        }
        if login.client_secret is not None:
            return identity.ClientSecretCredential(
                login.tenant_id, login.client_id, login.client_secret.reveal(), **options
            )
        if login.client_id is not None:
            options |= {"managed_identity_client_id": login.client_id, "workload_identity_client_id": login.client_id}
        return identity.DefaultAzureCredential(**options)
