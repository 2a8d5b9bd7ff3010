"""Usage → nano-USD: exact, rounded up once at the end."""

from extproc.accounting.rates import PER, at
from extproc.accounting.tariffs import STANDARD, Tariff
from extproc.domain.reading import JsonObject
from extproc.domain.usage import Usage


def cost(tariff: Tariff, usage: Usage, *, service_tier: str | None = None, regional: bool = False) -> int:
    """What an answer has cost, in nano-USD.

    ``service_tier``: the one that served it (``served_tier``); one that the tariff does not know costs the standard.
    ``regional``: the request chose where it is served (``Bound.regional``). Audio counts as uncached first, for no
    vendor says how much of it was cached.
    """
    rates = at(tariff.now.get(service_tier or STANDARD) or tariff.now[STANDARD], usage.prompt)
    audio = min(usage.audio_input, usage.input)
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
    fees = rates.request + usage.web_searches * rates.web_search
    return -(-(tokens * percent + fees * 100) // (PER * 100))


def served_regionally(body: JsonObject) -> bool:
    """Whether the request chooses where it is served, which some vendors charge for.

    Source: https://platform.claude.com/docs/en/about-claude/pricing#data-residency-pricing (``inference_geo``)
    """
    return body.get("inference_geo") not in {None, "global"}


def served_tier(body: JsonObject, reported: str | None) -> str | None:
    """The service tier to price an answer by: what the provider reported, but Anthropic's fast mode, which is asked for.

    Source: anthropic.types.MessageCreateParams (``speed``), https://platform.claude.com/docs/en/build-with-claude/fast-mode
    """
    return "fast" if body.get("speed") == "fast" else reported
