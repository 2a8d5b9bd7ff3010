"""Every judge by what it judges, and what the goldens of all dialects have in common."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.judges import anthropic, bedrock, gemini, openai, openai_completions, openai_responses
from tests.judges.eventstream import encode

CHECK_REQUEST: Mapping[str, Callable[..., None]] = {
    "openai": openai.check_request,
    "openai-responses": openai_responses.check_request,
    "openai-completions": openai_completions.check_request,
    "anthropic": anthropic.check_request,
    "bedrock": bedrock.check_request,
    "gemini": gemini.check_request,
}
"""By provider format: raises where the vendor's own types do not take a body."""

READ_ANSWER: Mapping[str, Callable[[bytes, str], object]] = {
    "openai-chat": openai.read_answer,
    "openai-responses": openai_responses.read_answer,
    "openai-completions": openai_completions.read_answer,
    "anthropic-messages": anthropic.read_answer,
    "gemini": gemini.read_answer,
}
"""By client dialect: the official SDK's object of an answer, ``.json`` or ``.sse``; raises the SDK's error."""

MODELS: Mapping[str, str] = {
    "openai": "gpt-5.1",
    "openai-responses": "gpt-5.1",
    "openai-completions": "gpt-3.5-turbo-instruct",
    "anthropic": "claude-sonnet-4-6",
    "bedrock": "anthropic.claude-sonnet-4-6-v1",
    "gemini": "gemini-3-pro",
}
"""A model's name at a provider, by format."""

SUFFIXES: Mapping[str, str] = {".json": ".json", ".sse": ".sse", ".aws": ".sse"}
"""A provider's file → the client's: event streams of AWS are kept as text, and no client speaks them."""


def stream_bytes(path: Path) -> bytes:
    """What a provider sends, whole or as a stream."""
    return encode(path.read_text()) if path.suffix == ".aws" else path.read_bytes()
