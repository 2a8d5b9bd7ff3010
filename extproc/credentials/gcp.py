"""Google Cloud access tokens: of a service account's key, of workload identity federation, or the application default.

The default is a file that the environment names, gcloud's own, or the metadata server (GKE's workload identity too).
Source: https://cloud.google.com/docs/authentication/application-default-credentials.
"""

import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

import orjson

from extproc.config.snapshot import GcpLogin, Secret
from extproc.credentials.fetched import Fetched
from extproc.credentials.optional import CredentialError, explained, load
from extproc.providers.credential import Bearer

_EXTRA = "gcp"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
_TIMEOUT = 5.0
"""Seconds of one request for a token; the library's own are two minutes."""


class _Credentials(Protocol):
    token: str | None
    expiry: datetime | None
    """In UTC, without saying so."""

    def refresh(self, request: object) -> None: ...


class GcpSource:
    """Keeps what a file says until it no longer works, then reads it anew."""

    def __init__(self, login: GcpLogin) -> None:
        self._file = login.service_account_file
        self._credentials: _Credentials | None = None

    def fetch(self) -> Fetched:
        """See ``Source``."""
        exceptions = load("google.auth.exceptions", _EXTRA)
        transport = load("google.auth.transport.requests", _EXTRA)
        try:
            with explained(exceptions.GoogleAuthError, OSError, ValueError):
                credentials = self._credentials or self._read()
                self._credentials = credentials
                credentials.refresh(partial(transport.Request(), timeout=_TIMEOUT))
                return _fetched(credentials)
        except CredentialError:
            self._credentials = None
            raise

    def _read(self) -> _Credentials:
        file = self._file or os.environ.get(_VARIABLE)
        found = _from_file(file) if file else None
        if found is not None:
            return found
        if self._file is not None:
            raise CredentialError(f"{self._file} is neither a service account's key nor a federation's configuration")
        return load("google.auth", _EXTRA).default(scopes=_SCOPES)[0]


def _from_file(file: str) -> _Credentials | None:
    """The credentials of a file of the two kinds that servers have; None for a person's.

    The library's own default would ask for the project of a federation too, which needs a permission of its own.
    """
    document: object = orjson.loads(Path(file).read_bytes())
    match document:
        case {"type": "service_account"}:
            module = load("google.oauth2.service_account", _EXTRA)
            return module.Credentials.from_service_account_file(file, scopes=_SCOPES)
        case {"type": "external_account", "credential_source": {"environment_id": str() as source}} if (
            source.startswith("aws")
        ):
            return load("google.auth.aws", _EXTRA).Credentials.from_file(file, scopes=_SCOPES)
        case {"type": "external_account"}:
            return load("google.auth.identity_pool", _EXTRA).Credentials.from_file(file, scopes=_SCOPES)
        case _:
            return None


def _fetched(credentials: _Credentials) -> Fetched:
    if credentials.token is None:
        raise CredentialError("the answer holds no access token")
    expiry = credentials.expiry
    expires_at = None if expiry is None else expiry.replace(tzinfo=UTC).timestamp()
    return Fetched(Bearer(Secret(credentials.token)), expires_at)
