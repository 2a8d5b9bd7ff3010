"""AWS credentials from every place of the chain, each played by a real server or file."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from extproc.config.snapshot import AwsLogin, Secret
from extproc.credentials.aws import AwsSource
from extproc.credentials.optional import CredentialError
from extproc.providers.sigv4 import AwsKeys

END = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
STAMP = END.strftime("%Y-%m-%dT%H:%M:%SZ")
TEMPORARY = AwsKeys("ASIAFETCHED", Secret("fetched-secret"), Secret("fetched-session"))


def sts(action):
    return (
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result><Credentials>'
        "<AccessKeyId>ASIAFETCHED</AccessKeyId><SecretAccessKey>fetched-secret</SecretAccessKey>"
        f"<SessionToken>fetched-session</SessionToken><Expiration>{STAMP}</Expiration></Credentials>"
        "<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/llm/x</Arn><AssumedRoleId>A:x</AssumedRoleId></AssumedRoleUser>"
        f"</{action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
    ).encode()


def fetch(login=None):
    fetched = AwsSource(login or AwsLogin(), "us-east-1").fetch()
    return fetched.credential, fetched.expires_at


def test_keys_of_the_environment_have_no_end(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "env-secret")
    assert fetch() == (AwsKeys("AKIAENV", Secret("env-secret")), None)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "env-session")
    assert fetch() == (AwsKeys("AKIAENV", Secret("env-secret"), Secret("env-session")), None)


def test_a_profile_is_read_anew_each_time(nobody):
    folder = nobody / ".aws"
    folder.mkdir()
    source = AwsSource(AwsLogin(profile="ai"), "us-east-1")
    for secret in ("first", "rotated"):
        text = f"[default]\naws_access_key_id=NO\naws_secret_access_key=NO\n[ai]\naws_access_key_id=AKIA\naws_secret_access_key={secret}\n"
        (folder / "credentials").write_text(text)
        assert source.fetch().credential == AwsKeys("AKIA", Secret(secret))


def test_a_web_identity_as_pods_of_eks_have(monkeypatch, cloud, tmp_path):
    token = tmp_path / "token"
    token.write_text("eyJ.the.token")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/llm")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", cloud.url)
    cloud.routes["/"] = (200, {"content-type": "text/xml"}, sts("AssumeRoleWithWebIdentity"))
    assert fetch() == (TEMPORARY, END.timestamp())
    (request,) = cloud.seen
    assert request["form"]["Action"] == "AssumeRoleWithWebIdentity"
    assert request["form"]["WebIdentityToken"] == "eyJ.the.token"
    assert request["form"]["RoleArn"] == "arn:aws:iam::1:role/llm"
    assert "authorization" not in request["headers"]


def test_a_containers_credentials_as_ecs_and_eks_pod_identity_have(monkeypatch, cloud, tmp_path):
    token = tmp_path / "token"
    token.write_text("pod-token")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{cloud.url}/v1/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
    answer = {
        "AccessKeyId": "ASIAFETCHED",
        "SecretAccessKey": "fetched-secret",
        "Token": "fetched-session",
        "Expiration": STAMP,
    }
    cloud.routes["/v1/credentials"] = (200, {}, orjson.dumps(answer))
    assert fetch() == (TEMPORARY, END.timestamp())
    assert cloud.seen[0]["headers"]["authorization"] == "pod-token"


def test_an_instances_role(monkeypatch, cloud):
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", cloud.url)
    role = "/latest/meta-data/iam/security-credentials/"
    answer = {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": "ASIAFETCHED",
        "SecretAccessKey": "fetched-secret",
        "Token": "fetched-session",
        "Expiration": STAMP,
        "LastUpdated": STAMP,
    }
    cloud.routes |= {
        "/latest/api/token": (200, {}, b"imds-v2"),
        role: (200, {}, b"llm"),
        f"{role}llm": (200, {}, orjson.dumps(answer)),
    }
    assert fetch() == (TEMPORARY, END.timestamp())
    assert cloud.seen[-1]["headers"]["x-aws-ec2-metadata-token"] == "imds-v2"


def test_a_role_is_assumed_with_the_keys_of_the_configuration(monkeypatch, cloud):
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", cloud.url)
    cloud.routes["/"] = (200, {"content-type": "text/xml"}, sts("AssumeRole"))
    login = AwsLogin(Secret("AKIAOWN"), Secret("own-secret"), role_arn="arn:aws:iam::2:role/other")
    assert fetch(login) == (TEMPORARY, END.timestamp())
    (request,) = cloud.seen
    assert request["form"]["Action"] == "AssumeRole"
    assert request["form"]["RoleArn"] == "arn:aws:iam::2:role/other"
    assert "Credential=AKIAOWN/" in request["headers"]["authorization"]


def test_where_there_are_none_the_places_are_named():
    with pytest.raises(CredentialError, match="neither in the environment nor in a profile"):
        fetch()


def test_a_refusal_of_sts_is_told_in_its_words_and_without_the_secret(monkeypatch, cloud):
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", cloud.url)
    body = b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"
    cloud.routes["/"] = (403, {"content-type": "text/xml"}, body)
    with pytest.raises(CredentialError, match=r"AccessDenied.*not you") as caught:
        fetch(AwsLogin(Secret("AKIAOWN"), Secret("own-secret"), role_arn="r" * 20))
    assert "own-secret" not in str(caught.value)


def test_a_profile_that_is_not_there_is_named():
    with pytest.raises(CredentialError, match="nobody"):
        fetch(AwsLogin(profile="nobody"))
