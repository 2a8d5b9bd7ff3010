"""AWS's credentials for machines: STS for a web identity, and the container credentials endpoint.

Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html and
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from datetime import UTC, datetime
from xml.sax.saxutils import escape

import orjson

from extproc.simulator.call import Call
from extproc.simulator.credentials.issued import aws_secret, aws_session, new_aws, now
from extproc.simulator.credentials.issuer import Issuer, form, lifetime
from extproc.simulator.wire import Refused, Reply, Whole

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_XML = b"text/xml"


class _StsRefused(Refused):
    @property
    def content_type(self) -> bytes:
        return _XML


def assume_role(call: Call) -> Reply:
    """``AssumeRoleWithWebIdentity``: any token will do that is a JWT by its looks, and any role that is an ARN."""
    fields = form(call)
    if fields.get("Action") != "AssumeRoleWithWebIdentity":
        raise _sts_refusal(
            400, "InvalidAction", f"Could not find operation {fields.get('Action')} for version 2011-06-15"
        )
    for name in ("Version", "RoleArn", "RoleSessionName", "WebIdentityToken"):
        if not fields.get(name):
            raise _sts_refusal(
                400, "ValidationError", f"Value null at '{name}' failed to satisfy constraint: Member must not be null"
            )
    if fields["WebIdentityToken"].count(".") != 2:
        raise _sts_refusal(400, "InvalidIdentityToken", "The ID Token provided is not a valid JWT.")
    role = fields["RoleArn"]
    if not role.startswith("arn:") or ":role/" not in role:
        raise _sts_refusal(400, "ValidationError", f"{role} is invalid")
    seconds = lifetime(call, fields.get("DurationSeconds"))
    key = new_aws(call.token, seconds)
    session = fields["RoleSessionName"]
    assumed = role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + f"/{session}"
    document = (
        f'<AssumeRoleWithWebIdentityResponse xmlns="{_NAMESPACE}"><AssumeRoleWithWebIdentityResult>'
        "<SubjectFromWebIdentityToken>simulator</SubjectFromWebIdentityToken><Audience>sts.amazonaws.com</Audience>"
        f"<AssumedRoleUser><Arn>{escape(assumed)}</Arn>"
        f"<AssumedRoleId>AROASIM:{escape(session)}</AssumedRoleId></AssumedRoleUser><Credentials>"
        f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{aws_secret(key)}</SecretAccessKey>"
        f"<SessionToken>{aws_session(key)}</SessionToken><Expiration>{_time(seconds)}</Expiration></Credentials>"
        "<Provider>arn:aws:iam::123456789012:oidc-provider/simulator</Provider></AssumeRoleWithWebIdentityResult>"
        f"<ResponseMetadata><RequestId>{call.token}</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>"
    )
    return Whole(200, b"", document.encode(), content_type=_XML)


def container(call: Call) -> Reply:
    """What ``AWS_CONTAINER_CREDENTIALS_FULL_URI`` names; an ``authorization`` header is wanted, as EKS's agent does."""
    if not call.request.header(b"authorization"):
        raise _container_refusal(401, "AccessDenied", "The authorization header is missing.")
    seconds = lifetime(call)
    key = new_aws(call.token, seconds)
    document = {
        "AccessKeyId": key,
        "SecretAccessKey": aws_secret(key),
        "Token": aws_session(key),
        "Expiration": _time(seconds),
        "AccountId": "123456789012",
    }
    return Whole(200, b"", orjson.dumps(document))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(now() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sts_refusal(status: int, name: str, message: str) -> Refused:
    usual = {400: "ValidationError", 403: "AccessDenied", 429: "Throttling", 503: "ServiceUnavailable"}
    return _StsRefused(message, status=status, kind=name or usual.get(status, "InternalFailure"))


def _sts_error(refused: Refused, token: str) -> bytes:
    side = "Sender" if refused.status < 500 else "Receiver"
    error = f"<Type>{side}</Type><Code>{escape(refused.kind)}</Code><Message>{escape(refused.message)}</Message>"
    return f'<ErrorResponse xmlns="{_NAMESPACE}"><Error>{error}</Error><RequestId>{token}</RequestId></ErrorResponse>'.encode()


def _container_refusal(status: int, name: str, message: str) -> Refused:
    return Refused(message, status=status, kind=name or "InternalServerError")


def _container_error(refused: Refused, token: str) -> bytes:
    del token
    return orjson.dumps({"code": refused.kind, "message": refused.message})


STS = Issuer(_sts_error, _sts_refusal)
CONTAINER = Issuer(_container_error, _container_refusal)
