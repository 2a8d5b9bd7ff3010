"""Which fields there are: of the vendors' published schemas, of the probes, and of the golden requests."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson
from anthropic.types.message_create_params import MessageCreateParamsBase
from google.genai.types import GenerationConfig
from openai.types.chat.completion_create_params import CompletionCreateParamsBase as ChatParams
from openai.types.completion_create_params import CompletionCreateParamsBase as LegacyParams
from openai.types.responses.response_create_params import ResponseCreateParamsBase

from tests.carryover.run import request_of
from tests.carryover.shape import Feature

_GOLDENS = Path(__file__).parents[1] / "goldens" / "requests"
_TELLING = ("type", "role", "mode")
"""Fields whose value says which other fields there are."""

_FREE = frozenset(
    {
        *("parameters", "input_schema", "parametersJsonSchema", "schema", "responseJsonSchema", "responseSchema"),
        *("args", "response", "metadata", "labels", "logit_bias"),
    }
)
"""Objects whose members are the client's own."""


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.title() for other in others)


PUBLISHED: Mapping[str, frozenset[str]] = {
    "openai-chat": frozenset(ChatParams.__annotations__),
    "openai-responses": frozenset(ResponseCreateParamsBase.__annotations__),
    "openai-completions": frozenset(LegacyParams.__annotations__),
    "anthropic-messages": frozenset(MessageCreateParamsBase.__annotations__),
    "gemini": frozenset(map(_camel, GenerationConfig.model_fields)),
}
"""Top-level request fields by client dialect; of Gemini, those of its ``generationConfig``."""


def shapes(value, path: str = "") -> Iterator[str]:
    """Each field of a request by its path; lists add nothing to it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (at := f"{path}.{name}")
            if name in _TELLING and isinstance(inner, str):
                yield f"{at}={inner}"
            if name not in _FREE and not (path and name == "input"):
                yield from shapes(inner, at)
    elif isinstance(value, list):
        for inner in value:
            yield from shapes(inner, path)


def asked_shapes(feature: Feature, client: str) -> set[str]:
    return set(shapes(request_of(feature, client)))


def asked_fields(feature: Feature, client: str) -> set[str]:
    """The top-level fields that a probe names; of Gemini, those of its ``generationConfig``."""
    ask = feature.asks.get(client, {})
    return set(ask.get("generationConfig", {}) if client == "gemini" else ask)


def golden_shapes(client: str) -> set[str]:
    """Of all golden requests of this dialect."""
    inputs = (path for path in (_GOLDENS / client).iterdir() if len(path.suffixes) == 1)
    return {shape for path in inputs for shape in shapes(orjson.loads(path.read_bytes()))}
