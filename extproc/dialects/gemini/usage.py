"""Usage JSON ↔ ``Usage``; the service tier too, for the vendor reports it inside usage.

Source: https://ai.google.dev/api/generate-content#UsageMetadata. ``promptTokenCount`` holds the cached tokens,
``candidatesTokenCount`` does not hold the thoughts, and what the server's own tools put into the prompt is counted apart.
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.domain.usage import Usage

NO_USAGE = Usage()

_TIERS: Mapping[str, str] = {
    "standard": "default",
    "flex": "flex",
    "priority": "priority",
    # Vertex names the traffic instead.
    "on_demand": "default",
    "on_demand_flex": "flex",
    "on_demand_priority": "priority",
}
"""``serviceTier`` and ``trafficType`` (lower case) → neutral."""

REQUEST_TIERS: Mapping[str, str] = {
    "default": "standard",
    "standard": "standard",
    "flex": "flex",
    "priority": "priority",
}
"""Neutral → ``serviceTier`` of a request. Source: ``google.genai.types.ServiceTier``."""


def parse_usage(value: Json) -> Usage:
    """Counts of one report, which are running totals; never raises, a count that is not a number is 0."""
    if not isinstance(value, Mapping):
        return NO_USAGE
    prompt = _count(value, "promptTokenCount")
    cached = min(_count(value, "cachedContentTokenCount"), prompt)
    tools = _count(value, "toolUsePromptTokenCount")
    said, thoughts = _count(value, "candidatesTokenCount"), _count(value, "thoughtsTokenCount")
    # Some endpoints have counted thoughts as part of the candidates: the total tells.
    inclusive = bool(thoughts) and _count(value, "totalTokenCount") == prompt + tools + said and said >= thoughts
    return Usage(
        input=prompt - cached + tools,
        cache_read=cached,
        output=said if inclusive else said + thoughts,
        reasoning=thoughts,
        audio_input=_modality(value, "promptTokensDetails", "AUDIO"),
        audio_output=_modality(value, "candidatesTokensDetails", "AUDIO"),
        audio_cache_read=_modality(value, "cacheTokensDetails", "AUDIO"),
    )


def render_usage(usage: Usage) -> JsonObject:
    """The ``usageMetadata``. Tokens written to a cache are prompt tokens like others here."""
    rendered: dict[str, Json] = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": max(usage.output - usage.reasoning, 0),
        "totalTokenCount": usage.total,
    }
    if usage.cache_read:
        rendered["cachedContentTokenCount"] = usage.cache_read
    if usage.reasoning:
        rendered["thoughtsTokenCount"] = usage.reasoning
    if usage.audio_input:
        rendered["promptTokensDetails"] = _details(usage.prompt, usage.audio_input)
    if usage.audio_output:
        rendered["candidatesTokensDetails"] = _details(usage.output - usage.reasoning, usage.audio_output)
    return rendered


def parse_tier(value: Json) -> str | None:
    """The neutral service tier of a ``usageMetadata``; None where it says nothing that is known."""
    if not isinstance(value, Mapping):
        return None
    for name in ("serviceTier", "trafficType"):
        tier = value.get(name)
        if isinstance(tier, str) and (neutral := _TIERS.get(tier.lower())) is not None:
            return neutral
    return None


def _details(total: int, audio: int) -> list[Json]:
    return [
        {"modality": "TEXT", "tokenCount": max(total - audio, 0)},
        {"modality": "AUDIO", "tokenCount": audio},
    ]


def _modality(value: JsonObject, name: str, modality: str) -> int:
    details = value.get(name)
    if not isinstance(details, list):
        return 0
    return sum(
        _count(detail, "tokenCount")
        for detail in details
        if isinstance(detail, Mapping) and detail.get("modality") == modality
    )


def _count(value: JsonObject, name: str) -> int:
    count = value.get(name)
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0
