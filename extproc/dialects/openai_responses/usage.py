"""Usage JSON ↔ ``Usage``.

Source: openai.types.responses.ResponseUsage and Response.ToolUsage. ``input_tokens`` holds the cached tokens too and
``output_tokens`` the reasoning; ``Usage`` keeps them apart, so that nothing is priced twice.
"""

from extproc.domain.reading import Json, JsonObject
from extproc.domain.usage import Usage


def parse_usage(response: JsonObject) -> Usage | None:
    """Usage of a ``response`` object; None where it has none. What is absent, negative or no number counts 0."""
    value = response.get("usage")
    if not isinstance(value, dict):
        return None
    details = _object(value, "input_tokens_details")
    prompt, output = _count(value, "input_tokens"), _count(value, "output_tokens")
    # The parts cannot exceed the whole: where a vendor contradicts itself, the prompt's total stands.
    cache_read = min(_count(details, "cached_tokens"), prompt)
    cache_write = min(_count(details, "cache_write_tokens"), prompt - cache_read)
    long_lived = min(_count(_object(details, "cache_write_tokens_details"), "ttl_12h_tokens"), cache_write)
    web, files = _searches(response)
    return Usage(
        input=prompt - cache_read - cache_write,
        cache_read=cache_read,
        cache_write_5m=cache_write - long_lived,
        cache_write_1h=long_lived,
        output=output,
        reasoning=min(_count(_object(value, "output_tokens_details"), "reasoning_tokens"), output),
        web_searches=web,
        file_searches=files,
    )


def render_usage(usage: Usage) -> JsonObject:
    """The ``usage`` object; the lifetimes of cache writes, which are other vendors', become one count."""
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }


def _searches(response: JsonObject) -> tuple[int, int]:
    """Searches of the web and of stored files. Of the web the vendor counts those that cost; older answers do not say."""
    billed = _object(response, "tool_usage").get("web_search")
    output = response.get("output")
    web = files = 0
    for item in output if isinstance(output, list) else ():
        kind = item.get("type") if isinstance(item, dict) else None
        if isinstance(item, dict) and kind == "web_search_call":
            web += _object(item, "action").get("type", "search") == "search"  # to open a page costs nothing
        elif kind == "file_search_call":
            files += 1
    return _count(billed, "num_requests") if isinstance(billed, dict) else web, files


def _object(value: JsonObject, name: str) -> JsonObject:
    inner: Json = value.get(name)
    return inner if isinstance(inner, dict) else {}


def _count(value: JsonObject, name: str) -> int:
    number = value.get(name)
    if isinstance(number, int):
        return max(number, 0)
    return max(int(number), 0) if isinstance(number, float) and number.is_integer() else 0
