"""Usage JSON of Chat Completions and of Completions ↔ ``Usage``.

Source: openai.types.CompletionUsage. OpenAI's ``prompt_tokens`` holds the cached tokens too and ``completion_tokens``
the reasoning; ``Usage`` keeps them apart, so that nothing is priced twice.
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.domain.usage import Usage

_CACHE_READ = ("cached_tokens",)
_CACHE_READ_TOP = (
    "prompt_cache_hit_tokens",  # DeepSeek: https://api-docs.deepseek.com/guides/kv_cache
    "cached_tokens",  # Moonshot
    "cache_read_input_tokens",  # LiteLLM, beside prompt_tokens_details
)
_CACHE_WRITE = (
    "cache_write_tokens",  # OpenAI since GPT-5.6, OpenRouter
    "cache_creation_tokens",  # LiteLLM
    "cache_creation_input_tokens",  # Envoy AI Gateway
)
_CACHE_WRITE_TOP = ("cache_creation_input_tokens",)  # LiteLLM


def parse_usage(value: Json) -> Usage | None:
    """Usage of a ``usage`` object; None where it is not an object. What is absent, negative or no number counts 0."""
    if not isinstance(value, dict):
        return None
    details = _object(value, "prompt_tokens_details")
    made = _object(value, "completion_tokens_details")
    completion, total = _count(value, "completion_tokens"), _count(value, "total_tokens")
    prompt = _count(value, "prompt_tokens") if "prompt_tokens" in value else max(total - completion, 0)
    # The parts cannot exceed the whole: where a vendor contradicts itself, the prompt's total stands.
    cache_read = min(_first(details, _CACHE_READ) or _first(value, _CACHE_READ_TOP), prompt)
    cache_write = min(_first(details, _CACHE_WRITE) or _first(value, _CACHE_WRITE_TOP), prompt - cache_read)
    reasoning = _count(made, "reasoning_tokens")
    # OpenAI counts reasoning within completion_tokens; xAI and Gemini count it beside, and only the total has it.
    # https://docs.x.ai/docs/key-information/consumption-and-rate-limits
    beside = total - prompt - completion
    if beside > 0 and reasoning in {0, beside}:
        completion, reasoning = completion + beside, beside
    return Usage(
        input=prompt - cache_read - cache_write,
        cache_read=cache_read,
        # Without a lifetime it is the default one, which OpenAI and Anthropic price alike (1.25 times the input).
        cache_write_5m=cache_write,
        output=completion,
        reasoning=min(reasoning, completion),
        audio_input=_count(details, "audio_tokens"),
        audio_output=_count(made, "audio_tokens"),
        accepted_prediction=_count(made, "accepted_prediction_tokens"),
        rejected_prediction=_count(made, "rejected_prediction_tokens"),
    )


def render_usage(usage: Usage) -> JsonObject:
    """The ``usage`` object; the two lifetimes of cache writes become one count."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
            "audio_tokens": usage.audio_input,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": usage.audio_output,
            "accepted_prediction_tokens": usage.accepted_prediction,
            "rejected_prediction_tokens": usage.rejected_prediction,
        },
    }


def _object(value: JsonObject, name: str) -> JsonObject:
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def _count(value: JsonObject, name: str) -> int:
    number = value.get(name)
    if isinstance(number, int):
        return max(number, 0)
    return max(int(number), 0) if isinstance(number, float) and number.is_integer() else 0


def _first(value: Mapping[str, Json], names: tuple[str, ...]) -> int:
    for name in names:
        if count := _count(value, name):
            return count
    return 0
