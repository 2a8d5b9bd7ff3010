"""Usage JSON → ``Usage``, and the service tier.

Converse's ``inputTokens`` leaves out what was read from or written to a cache, as ``Usage.input`` does. Reasoning is within
``outputTokens`` and not counted apart. Source: ``TokenUsage`` and ``CacheDetail`` of the service model.

ConverseStream of OpenAI's models does not keep to it: there ``inputTokens`` is the whole prompt, and ``totalTokens`` counts
the cached part twice. Measured on openai.gpt-5.6: 4,995 with 4,993 written, where Converse says 2
(https://github.com/maximhq/bifrost/pull/6942, https://github.com/earendil-works/pi/issues/8752).
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.domain.usage import Usage


def parse_usage(value: Json, *, gross: bool = False) -> Usage:
    """Never raises: a count that is not a number is 0. ``gross``: ``inputTokens`` holds what was cached, too.

    Where it is smaller than that, it cannot hold it.
    """
    if not isinstance(value, Mapping):
        return Usage()
    write_5m, write_1h = _cache_writes(value)
    plain, read = _count(value, "inputTokens"), _count(value, "cacheReadInputTokens")
    cached = read + write_5m + write_1h
    return Usage(
        input=plain - cached if gross and plain >= cached else plain,
        cache_read=read,
        cache_write_5m=write_5m,
        cache_write_1h=write_1h,
        output=_count(value, "outputTokens"),
    )


def parse_tier(value: Json) -> str | None:
    """``serviceTier`` of an answer: ``priority | default | flex | reserved``."""
    tier = value.get("type") if isinstance(value, Mapping) else None
    return tier if isinstance(tier, str) else None


def _cache_writes(usage: JsonObject) -> tuple[int, int]:
    """Five minutes is the lifetime of what no detail speaks of."""
    details = usage.get("cacheDetails")
    short = long = 0
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, Mapping):
            count = _count(detail, "inputTokens")
            if detail.get("ttl") == "1h":
                long += count
            else:
                short += count
    return max(short, _count(usage, "cacheWriteInputTokens") - long), long


def _count(value: JsonObject, name: str) -> int:
    count = value.get(name)
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0
