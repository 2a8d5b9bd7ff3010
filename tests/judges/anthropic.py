"""The judge of Messages: Anthropic's own SDK, its parameter types for requests, its client for answers."""

import httpx2
from anthropic import Anthropic
from anthropic.types import Message
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming

from tests.judges.types import adapter, plain

KINDS = {".json": "application/json", ".sse": "text/event-stream"}
NOT_IN_TYPES = {"temperature", "top_p", "top_k"}
"""Anthropic's newest models refuse these, so the SDK's types have lost them; the API takes them for the others."""


def check_request(body, *, stream):
    """Raise where the SDK's types do not take this body; unknown fields count."""
    known = {name: value for name, value in body.items() if name not in NOT_IN_TYPES}
    types = adapter(MessageCreateParamsStreaming if stream else MessageCreateParamsNonStreaming)
    assert plain(types.validate_python(known)) == known


def read_answer(data: bytes, suffix: str) -> Message:
    """The SDK's own object, as an application gets it. Raises the SDK's error where the stream holds one."""
    answer = httpx2.Response(200, headers={"content-type": KINDS[suffix]}, content=data)
    with httpx2.Client(transport=httpx2.MockTransport(lambda _: answer)) as http:
        sdk = Anthropic(api_key="k", base_url="http://gateway", http_client=http, max_retries=0)
        if suffix == ".json":
            whole = sdk.messages.create(model="m", max_tokens=1, messages=[])
        else:
            with sdk.messages.stream(model="m", max_tokens=1, messages=[]) as stream:
                whole = stream.get_final_message()
    return Message.model_validate(whole.to_dict(), strict=True)
