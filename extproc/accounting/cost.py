"""Usage → nano-USD: exact, rounded up once at the end."""

from extproc.accounting.rates import PER, at
from extproc.accounting.tariffs import STANDARD, Tariff
from extproc.domain.reading import JsonObject
from extproc.domain.usage import Usage


def cost(
    tariff: Tariff, usage: Usage, *, service_tier: str | None = None, regional: bool = False, requests: int = 1
) -> int:
    """What an answer has cost, in nano-USD.

    ``service_tier``: the one that served it (``served_tier``); one that the tariff does not know costs the standard.
    ``regional``: the request chose where it is served (``Bound.regional``). ``requests``: how often the price of a
    request is due (``operations.sold``). Audio counts as uncached first, but for what the vendor says was cached.
    """
    rates = at(tariff.now.get(service_tier or STANDARD) or tariff.now[STANDARD], usage.prompt)
    known = min(usage.audio_cache_read, usage.cache_read, usage.audio_input)
    audio = min(usage.audio_input - known, usage.input)
    cached_audio = min(usage.audio_input - audio, usage.cache_read)
    spoken = min(usage.audio_output, usage.output)
    reasoning = min(usage.reasoning, usage.output - spoken)
    tokens = (
        (usage.input - audio) * rates.input
        + audio * rates.audio_input
        + (usage.cache_read - cached_audio) * rates.cache_read
        + cached_audio * rates.audio_cache_read
        + usage.cache_write_5m * rates.cache_write_5m
        + usage.cache_write_1h * rates.cache_write_1h
        + (usage.output - spoken - reasoning) * rates.output
        + reasoning * rates.reasoning
        + spoken * rates.audio_output
    )
    percent = 100 + tariff.regional_percent if regional else 100
    searches = min(usage.web_searches, 1) if tariff.searches_once else usage.web_searches
    fees = requests * rates.request + searches * rates.web_search + usage.file_searches * rates.file_search
    return -(-(tokens * percent + fees * 100) // (PER * 100))


def served_regionally(body: JsonObject) -> bool:
    """Whether the request chooses where it is served, which some vendors charge for.

    Source: https://platform.claude.com/docs/en/about-claude/pricing#data-residency-pricing (``inference_geo``)
    """
    place = body.get("inference_geo")
    return place is not None and place != "global"


def served_tier(body: JsonObject, reported: str | None) -> str | None:
    """The service tier to price an answer by: what the provider reported, but Anthropic's fast mode, which is asked for.

    Source: anthropic.types.MessageCreateParams (``speed``), https://platform.claude.com/docs/en/build-with-claude/fast-mode
    """
    return "fast" if body.get("speed") == "fast" else reported


def asked_tier(body: JsonObject) -> str | None:
    """The service tier that the request names; one of a wrong type is the empty text, which is no tier.

    Gemini has it in two spellings, and its answers do not always tell which tier served them.
    """
    said = next((tier for name in _TIER_NAMES if (tier := body.get(name)) is not None), None)
    return said.lower() if isinstance(said, str) else None if said is None else ""


_TIER_NAMES = ("service_tier", "serviceTier")
