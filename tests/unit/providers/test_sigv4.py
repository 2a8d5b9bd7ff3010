"""Signatures: AWS's published examples, and botocore's signer on the same requests."""

from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.snapshot import Secret
from extproc.providers.paths import segment
from extproc.providers.sigv4 import (
    AwsKeys,
    SignedParts,
    SigningScope,
    canonical_path,
    canonical_query,
    sign,
)
from tests.effort import lines

KEYS = AwsKeys("AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
THEN = int(datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp())
HOST = "bedrock-runtime.us-east-1.amazonaws.com"


def test_the_first_case_of_awss_test_suite():
    """``get-vanilla``."""
    headers = sign(
        SignedParts("GET", "/", {"Host": "example.amazonaws.com"}), KEYS, SigningScope("us-east-1", "service", THEN)
    )
    assert headers == {
        "x-amz-date": "20150830T123600Z",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"
        " SignedHeaders=host;x-amz-date,"
        " Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    }


def test_the_example_of_awss_documentation():
    """``ListUsers`` of IAM, as the general reference had it step by step."""
    parts = SignedParts(
        "GET",
        "/",
        {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "Host": "iam.amazonaws.com"},
        query="Action=ListUsers&Version=2010-05-08",
    )
    headers = sign(parts, KEYS, SigningScope("us-east-1", "iam", THEN))
    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request,"
        " SignedHeaders=content-type;host;x-amz-date,"
        " Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )


def by_botocore(parts: SignedParts, keys: AwsKeys, scope: SigningScope) -> dict[str, str]:
    credentials = Credentials(
        keys.access_key_id, keys.secret_access_key.reveal(), keys.session_token and keys.session_token.reveal()
    )
    url = f"https://{parts.headers['host']}{parts.path}" + (f"?{parts.query}" if parts.query else "")
    signed = {n: v for n, v in parts.headers.items() if n in {"host", "content-type"} or n.startswith("x-amz-")}
    request = AWSRequest(method=parts.method, url=url, data=parts.body, headers=signed)
    moment = datetime.fromtimestamp(scope.now, UTC)
    with patch.object(botocore.auth, "get_current_datetime", lambda: moment):
        botocore.auth.SigV4Auth(credentials, scope.service, scope.region).add_auth(request)
    names = ("authorization", "x-amz-date", "x-amz-security-token")
    return {name: request.headers[name] for name in names if name in request.headers}


WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
SEGMENTS = st.one_of(st.text(max_size=12).map(segment), st.sampled_from(["", ".", "..", "a:b", "a b"]))
PATHS = st.lists(SEGMENTS, max_size=5).map(lambda segments: "/" + "/".join(segments))
PAIRS = st.tuples(WORDS, WORDS).map(lambda pair: f"{quote(pair[0], safe='')}={quote(pair[1], safe='')}")
PARTS = st.builds(
    SignedParts,
    method=st.sampled_from(["GET", "POST", "put"]),
    path=PATHS.filter(lambda path: not path.startswith("//") and "?" not in path and "#" not in path),
    headers=st.fixed_dictionaries(
        {"host": st.just(HOST)},
        optional={
            "content-type": VALUES,
            "x-amz-target": VALUES,
            "x-amzn-bedrock-accept": VALUES,
            "accept": VALUES,
            "x-request-id": VALUES,
        },
    ),
    body=st.binary(max_size=60),
    query=st.lists(PAIRS, max_size=4).map("&".join),
)
ALL_KEYS = st.builds(AwsKeys, WORDS, WORDS.map(Secret), st.none() | WORDS.map(Secret))
SCOPES = st.builds(SigningScope, WORDS, WORDS, st.integers(0, 4_000_000_000))


@given(PARTS, ALL_KEYS, SCOPES)
def test_botocore_signs_alike(parts, keys, scope):
    assert sign(parts, keys, scope) == by_botocore(parts, keys, scope)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1%253A0"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12",
            "arn%253Aaws%253Abedrock%253Aus-east-1%253A123456789012%253Aapplication-inference-profile%252Fab12",
        ),
    ],
)
def test_the_path_of_a_model_is_encoded_twice(model, path):
    wire = f"/model/{segment(model)}/converse"
    assert canonical_path(wire) == f"/model/{path}/converse"


def test_paths_and_queries_that_need_care():
    assert [canonical_path(path) for path in ("", "/", "//a//b/", "/a/../b/./c", "/é~")] == [
        "/",
        "/",
        "/a/b/",
        "/b/c",
        "/%C3%A9~",
    ]
    assert canonical_query("b=2&a=%20&a&b=1") == "a=&a=%20&b=1&b=2"


def test_temporary_credentials_bring_their_token():
    keys = AwsKeys("AKID", Secret("secret"), Secret("token"))
    parts = SignedParts("POST", "/", {"host": HOST, "authorization": "Bearer old", "X-Amz-Date": "old"}, b"{}")
    headers = sign(parts, keys, SigningScope("eu-central-1", "bedrock", THEN))
    assert headers["x-amz-security-token"] == "token"
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token," in headers["authorization"]
    assert "old" not in "".join(headers.values())


def test_what_a_proxy_may_change_is_not_signed():
    scope = SigningScope("us-east-1", "bedrock", THEN)
    bare = sign(SignedParts("POST", "/", {"host": HOST}, b"{}"), KEYS, scope)
    more = {"host": HOST, "user-agent": "x", "accept": "*/*", "x-request-id": "1", "content-length": "2"}
    assert sign(SignedParts("POST", "/", more, b"{}"), KEYS, scope) == bare


def test_a_request_without_a_host_is_not_signed():
    with pytest.raises(ValueError, match="host"):
        sign(SignedParts("GET", "/", {}), KEYS, SigningScope("us-east-1", "bedrock", THEN))


def test_credentials_do_not_show():
    assert "hidden" not in repr(AwsKeys("AKID", Secret("hidden"), Secret("hidden")))


def test_a_long_body_and_a_later_second_cost_no_more_than_a_hash():
    """The key of a day is derived once, and Python does nothing for each byte."""

    def work(size: int, second: int) -> int:
        fields = {"host": HOST, "content-type": "application/json"}
        parts = SignedParts("POST", "/model/a%3A0/converse", fields, b"x" * size)
        return lines(lambda: sign(parts, KEYS, SigningScope("us-east-1", "bedrock", second)))

    day = THEN + 86_400 * 400  # of no other test, so that its key is not there yet
    work(10, day - 86_400)  # what the interpreter does once
    first = work(10, day)
    assert work(10, day + 1) < first
    assert work(10_000_000, day + 2) == work(10, day + 3)
