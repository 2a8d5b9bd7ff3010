"""Where a provider's credential comes from, by its login."""

from dataclasses import dataclass
from typing import Protocol

from extproc.config.snapshot import AwsLogin, AzureLogin, GcpLogin, Login
from extproc.credentials.aws import AwsSource
from extproc.credentials.azure import AzureSource
from extproc.credentials.fetched import Fetched
from extproc.credentials.gcp import GcpSource


class Source(Protocol):
    """One credential of one cloud. It may block: it is asked in a thread of its own, and not again before it has answered."""

    def fetch(self) -> Fetched:
        """A credential with as long a life as can be had. Raises ``CredentialError``."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """What tells credentials apart: providers with the same one share a source. ``region``: of AWS."""

    login: Login
    region: str | None = None


def open_source(account: Account) -> Source:
    """The source of an account; nothing is fetched yet."""
    match account.login:
        case AwsLogin() as login:
            return AwsSource(login, account.region)
        case GcpLogin() as login:
            return GcpSource(login)
        case AzureLogin() as login:
            return AzureSource(login)
