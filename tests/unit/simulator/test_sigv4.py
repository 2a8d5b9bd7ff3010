"""Signatures: AWS's own signer makes them, and whatever is changed on the way is noticed."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from extproc.simulator.bedrock.sigv4 import verify
from extproc.simulator.credentials.issued import AWS_EXAMPLE_ID, AWS_EXAMPLE_SECRET, new_aws
from extproc.simulator.wire import Refused, Request

KEY = "AKIASIM0000000001"
PATH = "/p/lab/model/us.anthropic.claude-x-v1%3A0/converse"
HOST = "bedrock-runtime.eu-west-1.amazonaws.com"
BODY = orjson.dumps({"messages": []})


class Signer(SigV4Auth):
    """Signs at a time of our choosing."""

    def __init__(self, *args, at: datetime) -> None:
        super().__init__(*args)
        self._at = at

    def _modify_request_before_signing(self, request):
        request.context["timestamp"] = self._at.strftime("%Y%m%dT%H%M%SZ")
        super()._modify_request_before_signing(request)


def signed(
    key: str = KEY,
    secret: str | None = None,
    token: str | None = None,
    *,
    service: str = "bedrock",
    region: str = "eu-west-1",
    path: str = PATH,
    age: float = 0,
    headers: dict[str, str] | None = None,
) -> dict[str, str]:
    request = AWSRequest("POST", f"http://{HOST}{path}", data=BODY, headers=headers or {"Content-Type": "text/plain"})
    credentials = Credentials(key, secret or f"sim-secret-{key}", token)
    Signer(credentials, service, region, at=datetime.now(UTC) - timedelta(seconds=age)).add_auth(request)
    return {"Host": HOST, **dict(request.headers.items())}


def check(headers: dict[str, str], *, path: str = PATH, body: bytes = BODY, method: str = "POST") -> str:
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    return verify(Request(method, path, lines, body, http11=True))


def refused(headers: dict[str, str], **changes) -> str:
    with pytest.raises(Refused) as caught:
        check(headers, **changes)
    assert caught.value.status == 403
    assert caught.value.headers == f"x-amzn-errortype: {caught.value.kind}\r\n".encode()
    return f"{caught.value.kind}: {caught.value.message}"


def test_good_signatures():
    assert check(signed()) == KEY
    assert check(signed(AWS_EXAMPLE_ID, AWS_EXAMPLE_SECRET)) == AWS_EXAMPLE_ID
    assert check(signed("ASIASIMX", token="sim-session-ASIASIMX")) == "ASIASIMX"
    assert check(signed(headers={"X-Amz-Meta": "  two   spaces ", "Accept": "a/b"})) == KEY
    assert check({"authorization": "Bearer bedrock-api-key-abc"}) == "bedrock-api-key-abc"


@pytest.mark.parametrize("path", ["/model/a%20b/converse", "/model/arn%3Aaws%3Ax%2Fy/converse?b=2&a=1%20&c=", "/a~b/c"])
def test_paths_and_queries(path):
    assert check(signed(path=path), path=path) == KEY


def test_what_was_changed_on_the_way():
    good = signed()
    wrong = "InvalidSignatureException: The request signature we calculated does not match"
    assert refused(good, body=BODY + b" ").startswith(wrong)
    assert refused(good, path=PATH + "-stream").startswith(wrong)
    assert refused(good, path=PATH + "?x=1").startswith(wrong)
    assert refused(good, path=PATH.replace("%3A", ":")).startswith(wrong)
    assert refused(good, method="PUT").startswith(wrong)
    assert refused({**good, "Content-Type": "application/json"}).startswith(wrong)
    assert refused({**good, "Host": "bedrock-runtime.eu-west-1.amazonaws.com:80"}).startswith(wrong)
    assert refused({**good, "Authorization": good["Authorization"][:-1] + "-"}).startswith(wrong)
    del good["Content-Type"]
    assert "'content-type' did not arrive" in refused(good)


def test_headers_that_nobody_signed():
    assert check({**signed(), "X-Request-Id": "1", "X-Amzn-Trace-Id": "2"}) == KEY
    assert "'x-amz-extra' must be a 'SignedHeader'" in refused({**signed(), "X-Amz-Extra": "1"})


def test_wrong_secrets_and_tokens():
    assert refused(signed(secret="wrong")).startswith("InvalidSignatureException: The request signature")
    unknown = "UnrecognizedClientException: The security token included in the request is invalid."
    assert refused(signed("AKIAOTHER", "x")) == unknown
    assert refused(signed("ASIASIMX")) == unknown
    assert refused(signed("ASIASIMX", token="sim-session-other")) == unknown
    assert refused(signed(KEY, token=f"sim-session-{KEY}")) == unknown


def test_expired_credentials():
    fresh, stale = new_aws("ab12", 60), new_aws("ab12", -1)
    assert check(signed(fresh, token=f"sim-session-{fresh}")) == fresh
    assert refused(signed(stale, token=f"sim-session-{stale}")).startswith("ExpiredTokenException")


def test_scope():
    assert "scoped to correct service: 'bedrock'" in refused(signed(service="bedrock-runtime"))
    assert "scoped to a valid region" in refused(signed(region="us-east-1"))
    good = signed()
    assert "valid terminator" in refused({**good, "Authorization": good["Authorization"].replace("aws4_", "aws5_")})
    assert "does not match YYYYMMDD" in refused({**good, "X-Amz-Date": "20200101T000000Z"})


def test_time():
    assert check(signed(age=240)) == KEY
    assert "Signature expired" in refused(signed(age=400))
    assert "Signature not yet current" in refused(signed(age=-400))


def test_what_is_no_signature():
    assert refused({}) == "MissingAuthenticationTokenException: Missing Authentication Token"
    assert refused({"authorization": "Basic abc"}).startswith("MissingAuthenticationToken")
    assert "requires 'Credential'" in refused({"authorization": "AWS4-HMAC-SHA256 Signature=a"})
    assert "5 slash-delimited" in refused(
        {"authorization": "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=a"}
    )
    good = signed()
    del good["X-Amz-Date"]
    assert refused(good).startswith("IncompleteSignatureException")
    unnamed = good["Authorization"].replace("content-type;host;x-amz-date", "content-type;x-amz-date")
    assert "'Host' must be" in refused({**signed(), "Authorization": unnamed})


async def test_over_the_wire(post):
    wire = await post("/model/m/converse", BODY, authorization=None)
    assert (wire.status, wire.headers["x-amzn-errortype"]) == (403, "MissingAuthenticationTokenException")
    assert wire.json == {"message": "Missing Authentication Token"}
    wire = await post("/model/m/converse", BODY, authorization="Bearer bedrock-api-key")
    assert wire.status == 400
