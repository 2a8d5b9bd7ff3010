"""Usage JSON ↔ ``Usage``; the service tier too, for the vendor reports it inside usage.

Anthropic's ``input_tokens`` excludes all cached tokens, as ``Usage.input`` does; ``output_tokens`` includes thinking.
Source: https://platform.claude.com/docs/en/api/messages (``Usage``, ``MessageDeltaUsage``).
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.domain.usage import Usage

NO_USAGE = Usage()

# The neutral names are OpenAI's, the only other vendor that reports a tier.
_TIERS = {"standard": "default", "priority": "priority", "batch": "batch"}
_VENDOR_TIERS = {neutral: vendor for vendor, neutral in _TIERS.items()}


_PROMPT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")

_BESIDE = frozenset({"compaction", "advisor_message"})
"""Types of ``usage.iterations`` whose tokens the vendor bills, but leaves out of the totals beside the list.

An advisor is a model of its own, with prices of its own; here its tokens count as those of the model that asked it.
Sources: https://platform.claude.com/docs/en/build-with-claude/compaction, .../agents-and-tools/tool-use/advisor-tool.
"""


def parse_usage(value: Json) -> Usage:
    """Counts of a whole answer; never raises, a count that is not a number is 0."""
    return parse_totals(value).plus(parse_beside(value))


def parse_totals(value: Json, known: Usage = NO_USAGE) -> Usage:
    """Counts of one report but for what ``parse_beside`` reads; never raises.

    ``known`` is what earlier reports of the same stream said: a ``message_delta`` may leave parts of the prompt out, and
    repeats the cache-write total without its split by lifetime.
    """
    if not isinstance(value, Mapping):
        return NO_USAGE
    if not any(_count(value, name) for name in _PROMPT):
        known = NO_USAGE  # nothing is said of the prompt, and ``Usage.merged`` keeps what is known
    write_5m, write_1h = _cache_writes(value, known)
    return Usage(
        input=_repeated(value, "input_tokens", known.input),
        cache_read=_repeated(value, "cache_read_input_tokens", known.cache_read),
        cache_write_5m=write_5m,
        cache_write_1h=write_1h,
        output=_count(value, "output_tokens"),
        reasoning=_count(value.get("output_tokens_details"), "thinking_tokens"),
        web_searches=_count(value.get("server_tool_use"), "web_search_requests"),
    )


def parse_beside(value: Json) -> Usage:
    """Counts of the calls that the vendor made beside the model's own: its summary of a long prompt, an advisor's answers."""
    iterations = value.get("iterations") if isinstance(value, Mapping) else None
    total = NO_USAGE
    for iteration in iterations if isinstance(iterations, list) else ():
        if isinstance(iteration, Mapping) and iteration.get("type") in _BESIDE:
            total = total.plus(parse_totals(iteration))
    return total


def render_usage(usage: Usage, service_tier: str | None = None) -> JsonObject:
    """The ``usage`` of a message. ``service_tier`` is the neutral name; one that the vendor has not is left out."""
    rendered: dict[str, Json] = {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.output,
        **_output_details(usage),
    }
    tier = _VENDOR_TIERS.get(service_tier or "")
    if tier is not None:
        rendered["service_tier"] = tier
    return rendered


def render_delta_usage(usage: Usage) -> JsonObject:
    """The ``usage`` of a ``message_delta``: cumulative totals, without the split of cache writes."""
    return {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.output,
        **_output_details(usage),
    }


def parse_tier(value: Json) -> str | None:
    """The neutral service tier of a ``usage`` object; a tier of the future is kept as it is."""
    tier = value.get("service_tier") if isinstance(value, Mapping) else None
    return _TIERS.get(tier, tier) if isinstance(tier, str) else None


def _output_details(usage: Usage) -> dict[str, Json]:
    details: dict[str, Json] = {}
    if usage.reasoning:
        details["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if usage.web_searches:
        details["server_tool_use"] = {"web_search_requests": usage.web_searches, "web_fetch_requests": 0}
    return details


def _cache_writes(value: JsonObject, known: Usage) -> tuple[int, int]:
    detail = value.get("cache_creation")
    if isinstance(detail, Mapping):
        short, long = _count(detail, "ephemeral_5m_input_tokens"), _count(detail, "ephemeral_1h_input_tokens")
    else:
        short, long = known.cache_write_5m, known.cache_write_1h
    excess = max(0, _count(value, "cache_creation_input_tokens") - short - long)
    # Without a split, new tokens are of the lifetime seen so far; five minutes is the vendor's default.
    return (short, long + excess) if long and not short else (short + excess, long)


def _repeated(value: JsonObject, name: str, known: int) -> int:
    """A running total; what a later report does not say is as it was."""
    return known if value.get(name) is None else _count(value, name)


def _count(value: Json, name: str) -> int:
    count = value.get(name) if isinstance(value, Mapping) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0
