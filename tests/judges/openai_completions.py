"""The judge of legacy Completions: OpenAI's own SDK, its parameter types for requests, its client for answers."""

import httpx
from openai import OpenAI
from openai.types import Completion
from openai.types.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter

WHOLE = TypeAdapter(CompletionCreateParamsNonStreaming)
STREAMING = TypeAdapter(CompletionCreateParamsStreaming)
KINDS = {".json": "application/json", ".sse": "text/event-stream"}


def check_request(body, *, stream):
    """Raise where the SDK could not send this body; unknown fields count."""
    checked = (STREAMING if stream else WHOLE).validate_python(body, extra="forbid")
    assert {name for name in checked if checked[name] is not None} == set(body)


def read_answer(data: bytes, suffix: str) -> Completion:
    """The SDK's own object, as an application gets it; a stream is joined. Raises the SDK's error where there is one."""
    answer = httpx.Response(200, headers={"content-type": KINDS[suffix]}, content=data)
    with httpx.Client(transport=httpx.MockTransport(lambda _: answer)) as http:
        sdk = OpenAI(api_key="k", base_url="http://gateway/v1", http_client=http, max_retries=0)
        if suffix == ".json":
            whole = sdk.completions.create(model="m", prompt="p").to_dict()
        else:
            chunks = [chunk.to_dict() for chunk in sdk.completions.create(model="m", prompt="p", stream=True)]
            assert data.endswith(b"data: [DONE]\n\n")
            whole = _joined(chunks)
    return Completion.model_validate(whole, strict=True)


def _joined(chunks):
    """One completion of a stream's chunks, which have its shape but for ``finish_reason``, null until a choice ends."""
    choices = {}
    usage = None
    for chunk in chunks:
        assert {name: chunk[name] for name in ("id", "object", "created", "model")} == {
            name: chunks[0][name] for name in ("id", "object", "created", "model")
        }
        usage = chunk.get("usage") or usage
        for piece in chunk["choices"]:
            choice = choices.setdefault(piece["index"], {"index": piece["index"], "text": "", "finish_reason": None})
            assert choice["finish_reason"] is None, "nothing follows a choice's end"
            choice["text"] += piece["text"]
            choice["finish_reason"] = piece["finish_reason"]
            if piece.get("logprobs"):
                lists = choice.setdefault("logprobs", {})
                for name, items in piece["logprobs"].items():
                    lists[name] = [*(lists.get(name) or []), *items] if items is not None else lists.get(name)
    return {**chunks[0], "choices": [choices[index] for index in sorted(choices)], "usage": usage}
