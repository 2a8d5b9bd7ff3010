"""The judge of requests: the official SDK's own parameter types."""

from collections.abc import Iterator, Mapping

import pytest
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter

NON_STREAMING = TypeAdapter(CompletionCreateParamsNonStreaming)
STREAMING = TypeAdapter(CompletionCreateParamsStreaming)


def _exhaust(value):
    """Pydantic checks an ``Iterable`` only while it is read."""
    if isinstance(value, Mapping):
        for inner in value.values():
            _exhaust(inner)
    elif isinstance(value, list | Iterator):
        for inner in value:
            _exhaust(inner)


@pytest.fixture(scope="session")
def judge():
    """Raise where a body is not a request that the SDK could send; unknown fields count."""

    def judge(body):
        _exhaust((STREAMING if body.get("stream") else NON_STREAMING).validate_python(body, extra="forbid"))

    return judge
