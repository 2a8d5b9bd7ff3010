"""AWS credentials by botocore's chain: environment, profile, web identity, container, instance; and assumed roles.

Source: https://docs.aws.amazon.com/boto3/latest/guide/credentials.html.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, TypedDict

from extproc.config.snapshot import AwsLogin, Secret
from extproc.credentials.fetched import Fetched
from extproc.credentials.optional import CredentialError, explained, load
from extproc.providers.sigv4 import AwsKeys

_EXTRA = "aws"
_CONNECT, _READ, _TRIES = 3.0, 5.0, 2
"""Seconds, and tries, of each call to STS: they end before the keeper gives up, which tries again itself."""
_SESSION_NAME = "envoy-llm-gateway"
"""Stands in CloudTrail beside what an assumed role has done."""


class _Frozen(Protocol):
    access_key: str
    secret_key: str
    token: str | None


class _Found(Protocol):
    def get_frozen_credentials(self) -> _Frozen: ...


class _Assumed(TypedDict):
    AccessKeyId: str
    SecretAccessKey: str
    SessionToken: str
    Expiration: datetime


class _Sts(Protocol):
    def assume_role(self, *, RoleArn: str, RoleSessionName: str) -> Mapping[str, _Assumed]: ...  # noqa: N803 - AWS's names


class _Session(Protocol):
    def set_config_variable(self, logical_name: str, value: str) -> None: ...
    def set_default_client_config(self, client_config: object) -> None: ...
    def set_credentials(self, access_key: str, secret_key: str, token: str | None = None) -> None: ...
    def get_credentials(self) -> _Found | None: ...
    def create_client(self, service_name: str) -> _Sts: ...


class AwsSource:
    """Fetches anew each time, so that rotated files and variables are seen. ``region``: whose STS is asked."""

    def __init__(self, login: AwsLogin, region: str | None) -> None:
        self._login = login
        self._region = region

    def fetch(self) -> Fetched:
        """See ``Source``."""
        exceptions = load("botocore.exceptions", _EXTRA)
        with explained(exceptions.BotoCoreError, exceptions.ClientError, OSError, ValueError):
            session = self._session()
            return self._assumed(session, self._login.role_arn) if self._login.role_arn else _own(session)

    def _session(self) -> _Session:
        config = load("botocore.config", _EXTRA)
        session: _Session = load("botocore.session", _EXTRA).Session(profile=self._login.profile)
        retries = {"mode": "standard", "total_max_attempts": _TRIES}
        session.set_default_client_config(config.Config(connect_timeout=_CONNECT, read_timeout=_READ, retries=retries))
        if self._region is not None:
            session.set_config_variable("region", self._region)
        login = self._login
        if login.access_key_id is not None and login.secret_access_key is not None:
            token = login.session_token.reveal() if login.session_token else None
            session.set_credentials(login.access_key_id.reveal(), login.secret_access_key.reveal(), token)
        return session

    @staticmethod
    def _assumed(session: _Session, role: str) -> Fetched:
        answer = session.create_client("sts").assume_role(RoleArn=role, RoleSessionName=_SESSION_NAME)
        keys = answer["Credentials"]
        credential = AwsKeys(keys["AccessKeyId"], Secret(keys["SecretAccessKey"]), Secret(keys["SessionToken"]))
        return Fetched(credential, keys["Expiration"].timestamp())


def _own(session: _Session) -> Fetched:
    found = session.get_credentials()
    if found is None:
        raise CredentialError(
            "no AWS credentials were found: neither in the environment nor in a profile, a web identity, a container or "
            "an instance"
        )
    frozen = found.get_frozen_credentials()
    token = Secret(frozen.token) if frozen.token else None
    # botocore tells nobody when they expire; None, as for keys that do not, is asked again soon enough.
    moment: object = getattr(found, "_expiry_time", None)
    expires_at = moment.timestamp() if isinstance(moment, datetime) else None
    return Fetched(AwsKeys(frozen.access_key, Secret(frozen.secret_key), token), expires_at)
