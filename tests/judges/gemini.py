"""The judge of Gemini: Google's own SDK, its types for requests, its client for answers."""

from functools import cache
from typing import Any

import httpx2
import orjson
from google.genai import Client, _common, types


class Body(_common.BaseModel):
    """A ``generateContent`` body: the SDK has types for its members, not for the whole. Unknown fields are errors."""

    contents: list[types.Content]
    system_instruction: types.Content | None = None
    tools: list[types.Tool] | None = None
    tool_config: types.ToolConfig | None = None
    generation_config: types.GenerationConfig | None = None
    safety_settings: list[types.SafetySetting] | None = None
    cached_content: str | None = None
    labels: dict[str, str] | None = None
    service_tier: types.ServiceTier | None = None


KINDS = {".json": "application/json", ".sse": "text/event-stream"}
BYTES = {"thoughtSignature", "data"}
TAKEN_AS_THEY_ARE = {"args", "response", "parametersJsonSchema", "responseJsonSchema", "labels"}


def check_request(body, *, stream):
    """Raise where the SDK's types do not take this body as it is, or a published rule of contents is broken."""
    del stream  # the path says it
    parsed = Body.model_validate_json(orjson.dumps(body))
    dumped = parsed.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert dumped == in_sdks_alphabet(body)
    check_turns(body["contents"])
    thinking = body.get("generationConfig", {}).get("thinkingConfig", {})
    assert not {"thinkingBudget", "thinkingLevel"} <= set(thinking), "both are a 400"
    for part in body.get("systemInstruction", {}).get("parts", []):
        assert set(part) == {"text"}


def check_turns(contents):
    """Turns alternate and begin with the user's; every step's calls are answered in the next turn, by id and name."""
    roles = [content["role"] for content in contents]
    assert roles == ["user" if at % 2 == 0 else "model" for at in range(len(roles))]
    owed = []
    for content in contents:
        parts = content["parts"]
        assert parts
        assert all(part.get("text") != "" or "thoughtSignature" in part for part in parts)
        if content["role"] == "user":
            answers = [part["functionResponse"] for part in parts if "functionResponse" in part]
            assert sorted((each["id"], each["name"]) for each in answers) == sorted(owed)
        owed = [(part["functionCall"]["id"], part["functionCall"]["name"]) for part in parts if "functionCall" in part]


def in_sdks_alphabet(value: Any, name: str = "") -> Any:
    """The body with its base64 as the SDK writes it, URL-safe."""
    if isinstance(value, dict):
        return {
            key: inner if key in TAKEN_AS_THEY_ARE else in_sdks_alphabet(inner, key) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [in_sdks_alphabet(inner, name) for inner in value]
    return value.replace("+", "-").replace("/", "_") if name in BYTES else value


def read_answer(data: bytes, suffix: str) -> types.GenerateContentResponse:
    """The SDK's own object, as an application gets it; a stream is joined. Raises the SDK's error where there is one."""
    _ANSWERS[:] = [httpx2.Response(200, headers={"content-type": KINDS[suffix]}, content=data)]
    sdk = _sdk()
    if suffix == ".json":
        whole = sdk.models.generate_content(model="m", contents="p")
    else:
        whole = joined(list(sdk.models.generate_content_stream(model="m", contents="p")))
    assert whole.candidates
    assert all(candidate.finish_reason for candidate in whole.candidates)
    return whole


_ANSWERS: list[httpx2.Response] = []
"""What the SDK of ``_sdk`` gets to its next request."""


@cache
def _sdk() -> Client:
    """One for all answers: making it takes longer than reading one."""
    return client_of(httpx2.Client(transport=httpx2.MockTransport(lambda _: _ANSWERS.pop())))


def client_of(http: httpx2.Client) -> Client:
    """The SDK on this HTTP client."""
    options = types.HttpOptions(base_url="http://gateway", httpx_client=http, retry_options=None)
    return Client(api_key="k", http_options=options)


def joined(chunks: list[types.GenerateContentResponse]) -> types.GenerateContentResponse:
    """One response of a stream's chunks: parts in order, the last word on everything else."""
    assert chunks
    candidates: dict[int, types.Candidate] = {}
    for chunk in chunks:
        assert (chunk.response_id, chunk.model_version) == (chunks[0].response_id, chunks[0].model_version)
        for piece in chunk.candidates or []:
            index = piece.index or 0
            known = candidates.setdefault(
                index, types.Candidate(index=index, content=types.Content(role="model", parts=[]))
            )
            assert known.finish_reason is None, "nothing follows a candidate's end"
            if piece.content and piece.content.parts:
                known.content.parts += piece.content.parts
            for name in ("finish_reason", "finish_message", "citation_metadata", "logprobs_result"):
                if (value := getattr(piece, name)) is not None:
                    setattr(known, name, value)
    usage = next((chunk.usage_metadata for chunk in reversed(chunks) if chunk.usage_metadata), None)
    return chunks[-1].model_copy(
        update={"candidates": [candidates[index] for index in sorted(candidates)], "usage_metadata": usage}
    )
