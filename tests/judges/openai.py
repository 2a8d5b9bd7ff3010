"""The judge of Chat Completions: OpenAI's own SDK, its parameter types for requests, its client for answers."""

import httpx
from openai import OpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)

from tests.judges.types import adapter, plain

KINDS = {".json": "application/json", ".sse": "text/event-stream"}


def check_request(body, *, stream):
    """Raise where the SDK's types do not take this body; unknown fields count."""
    types = adapter(CompletionCreateParamsStreaming if stream else CompletionCreateParamsNonStreaming)
    assert plain(types.validate_python(body)) == body


def read_answer(data: bytes, suffix: str) -> ChatCompletion:
    """The SDK's own object, as an application gets it. Raises the SDK's error where the stream holds one."""
    answer = httpx.Response(200, headers={"content-type": KINDS[suffix]}, content=data)
    with httpx.Client(transport=httpx.MockTransport(lambda _: answer)) as http:
        sdk = OpenAI(api_key="k", base_url="http://gateway/v1", http_client=http, max_retries=0)
        if suffix == ".json":
            whole = sdk.chat.completions.create(model="m", messages=[])
        else:
            state = ChatCompletionStreamState()
            for chunk in sdk.chat.completions.create(model="m", messages=[], stream=True):
                state.handle_chunk(chunk)
            whole = state.current_completion_snapshot
    return ChatCompletion.model_validate(whole.to_dict(), strict=True)
