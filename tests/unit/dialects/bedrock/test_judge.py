"""The judge of InvokeModel, tried on what the official SDK sends to Bedrock."""

import httpx2
import orjson
import pytest
from anthropic import AnthropicBedrock

from tests.judges.bedrock import check_invoke_request

MESSAGE = {"role": "user", "content": "hi"}


def sent(**fields):
    """The body that the SDK sends."""
    bodies = []

    def answer(request):
        bodies.append(orjson.loads(request.content))
        return httpx2.Response(400, json={"message": "enough"})

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http:
        sdk = AnthropicBedrock(
            aws_access_key="a", aws_secret_key="b", aws_region="us-east-1", http_client=http, max_retries=0
        )
        with pytest.raises(Exception, match="enough"):
            sdk.messages.create(model="anthropic.claude-x", max_tokens=5, messages=[MESSAGE], **fields)
    return bodies[0]


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_sdk_sends_is_taken(stream):
    tools = [{"name": "f", "input_schema": {"type": "object"}}]
    headers = {"anthropic-beta": "one,two"}
    check_invoke_request(sent(stream=stream, tools=tools, system="s", extra_headers=headers), stream=stream)


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "m"},
        {"stream": True},
        {"anthropic_version": "2020"},
        {"store": True},
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        {"tools": [{"name": "f"}]},
        {"temperature": "hot"},
    ],
)
def test_what_bedrock_does_not_take_is_not_taken(wrong):
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": [MESSAGE]}
    check_invoke_request(body, stream=False)
    with pytest.raises((AssertionError, ValueError)):
        check_invoke_request(body | wrong, stream=False)
