"""genai-prices → ``Steps``: whose published prices hold for a provider, and what they are at a moment.

Source: https://github.com/pydantic/genai-prices, whose package carries the data. Its price of a kind of token stands in
for the kinds within it that have none of their own (cache reads without a price cost what input costs).
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from urllib.parse import urlsplit

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import (
    ModelInfo,
    ModelPrice,
    PriceContext,
    StartDateConstraint,
    TieredPrices,
)

from extproc.accounting.places import vendor_of_dialect
from extproc.accounting.rates import Rates, Steps, rate
from extproc.domain.valueclass import valueclass

_VENDOR_OF_HOST: Mapping[str, str] = {
    "api.openai.com": "openai",  # its regional hosts cost more, and are not here for that reason
    "api.anthropic.com": "anthropic",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral",
    "openrouter.ai": "openrouter",
    "api.deepseek.com": "deepseek",
    "api.together.xyz": "together",
    "api.together.ai": "together",
    "api.fireworks.ai": "fireworks",
    "api.x.ai": "x-ai",
    "api.cohere.com": "cohere",
    "api.perplexity.ai": "perplexity",
    "api.cerebras.ai": "cerebras",
    "api.moonshot.ai": "moonshotai",
    "generativelanguage.googleapis.com": "google",
}
"""Hosts that belong to one vendor. Others are known by the URL patterns of genai-prices."""

_NOT_BY_PATTERN = frozenset({"modal"})
"""Modal's hosts serve whatever its users put there."""

_TOKEN_PRICES = frozenset(
    {
        "input_mtok",
        "cache_read_mtok",
        "cache_write_mtok",
        "cache_write_5m_mtok",
        "cache_write_1h_mtok",
        "input_audio_mtok",
        "cache_audio_read_mtok",
        "output_mtok",
        "output_reasoning_mtok",
        "output_audio_mtok",
    }
)
_FEES = frozenset({"requests_kcount", "web_searches_kcount", "storage_searches_kcount"})

_SEARCHES_UNASKED = re.compile(r"(^|/)gpt-.*-search-|deep-research")
"""Models that search the web by themselves, at a fee for each time.

Source: https://developers.openai.com/api/docs/guides/tools-web-search
"""

_GOOGLE_PATH = re.compile(r"(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/[^/]+/)?models/|google/")
"""How a name of a model at Google may begin, as its APIs, or Vertex' OpenAI-shaped one, write it."""
_AWS_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:[^:]*:[^:]*:(?P<kind>[^/]+)/(?P<name>.+)", re.IGNORECASE)
_PRICED_ARNS = frozenset({"foundation-model", "inference-profile"})
"""Whose names are those of models. All others are the account's own, or cost by the hour.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles.html
"""

_AHEAD = timedelta(hours=48)
"""How far ahead the dearest prices look: a tariff is kept for a day at most, and no request runs for another."""
_KEPT = timedelta(hours=24)

_TIERS_OF: Mapping[tuple[str, str], str] = {("processing", "batch"): "batch", ("speed", "fast"): "fast"}
"""Condition of a price variant → service tier, besides ``service_tier`` itself, whose value is the name."""


@valueclass
class Published:
    """A model's published prices, at a moment and at their dearest from there on; both by service tier, "" the standard."""

    source: str
    context_window: int | None
    now: Mapping[str, Steps]
    dearest: tuple[Mapping[str, Steps], ...]
    """At every moment before ``_AHEAD`` at which they change, this one included."""
    until_ns: int
    """Look again from then on (Unix nanoseconds)."""


def vendor_of(base_url: str, priced_as: str | None, dialect: str = "openai") -> str | None:
    """The provider id of genai-prices; None where nobody says whose prices hold. Never told from a model's name."""
    if priced_as is not None:
        return priced_as
    if (spoken := vendor_of_dialect(dialect)) is not None:
        return spoken
    host = urlsplit(base_url).hostname or ""
    if (known := _VENDOR_OF_HOST.get(host)) is not None:
        return known
    for vendor in get_snapshot().providers:
        if vendor.id not in _NOT_BY_PATTERN and _is_of(base_url, vendor.api_pattern):
            return vendor.id
    return None


def _is_of(base_url: str, pattern: str) -> bool:
    """The patterns have no end: ``https://api.vendor.com.example`` must not pass."""
    found = re.match(pattern, base_url)
    return found is not None and (found[0].endswith("/") or base_url[found.end() :][:1] in {"", "/", ":"})


def find(vendor_id: str, model: str, now_ns: int) -> Published | str:
    """A model's prices, or why there are none that can be reckoned with, in words."""
    snapshot = get_snapshot()
    name = _name_of(vendor_id, model)
    if name is None:
        return f"{model[:100]} is no model that {vendor_id} sells by the token"
    try:
        vendor, info = snapshot.find_provider_model(name, None, vendor_id, None)
    except LookupError:
        return f"genai-prices does not know {model} of {vendor_id}"
    if (why_not := unpriceable(info)) is not None:
        return f"{vendor.id}/{info.id}: {why_not}"
    now = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
    # As genai-prices itself: the tiers of a vendor whose prices another one borrows are not the borrower's.
    contexts = _contexts(info) if any(info is own for own in vendor.models) else {"": None}
    changes = [moment for moment in _changes(info, now) if moment <= now + _AHEAD]
    until = min([*changes, now + _KEPT])
    return Published(
        source=f"genai-prices:{vendor.id}/{info.id}",
        context_window=info.context_window,
        now=_prices(info, contexts, now),
        dearest=tuple(_prices(info, contexts, moment) for moment in (now, *changes)),
        until_ns=int(until.timestamp()) * 1_000_000_000,
    )


def _name_of(vendor_id: str, model: str) -> str | None:
    """The name by which a model is priced; None where it is a thing of the account's own."""
    if vendor_id == "google":
        return _GOOGLE_PATH.sub("", model, count=1) if _GOOGLE_PATH.match(model) else model
    if vendor_id == "aws" and (arn := _AWS_ARN.fullmatch(model)) is not None:
        return arn["name"] if arn["kind"] in _PRICED_ARNS else None
    return model


def unpriceable(info: ModelInfo) -> str | None:
    """Why a model's prices cannot be turned into rates: it sells by what no usage report of a chat counts."""
    keys = {key for price in _all_prices(info) for key, value in vars(price).items() if value is not None}
    if odd := sorted(keys - _TOKEN_PRICES - _FEES):
        return f"priced by {', '.join(odd)}, which usage reports do not count"
    if _SEARCHES_UNASKED.search(info.id):
        return "searches by itself, at a fee, and usage reports do not count how often"
    return None if keys & _TOKEN_PRICES else "no price for tokens"


def _all_prices(info: ModelInfo) -> Iterator[ModelPrice]:
    if isinstance(info.prices, ModelPrice):
        yield info.prices
    else:
        yield from (conditional.prices for conditional in info.prices)
    yield from (variant.prices for variant in info.price_variants or ())


def _contexts(info: ModelInfo) -> dict[str, PriceContext | None]:
    contexts: dict[str, PriceContext | None] = {"": None}
    for variant in info.price_variants or ():
        if (tier := tier_of(variant.when)) is not None:
            contexts[tier] = variant.when
    return contexts


def tier_of(when: Mapping[str, str]) -> str | None:
    """The service tier that a price variant is for; None: it depends on what the gateway has no part in."""
    ((key, value), *more) = when.items()
    if more:
        return None
    return value if key == "service_tier" else _TIERS_OF.get((key, value))


def _changes(info: ModelInfo, now: datetime) -> list[datetime]:
    """The moments behind ``now`` at which a price may change: of those that recur, each of the next days."""
    constraints = [variant.constraint for variant in info.price_variants or ()]
    if not isinstance(info.prices, ModelPrice):
        constraints += [conditional.constraint for conditional in info.prices]
    moments: set[datetime] = set()
    for constraint in constraints:
        if isinstance(constraint, StartDateConstraint):
            moments.add(datetime.combine(constraint.start_date, time(tzinfo=UTC)))
        elif constraint is not None:
            moments.update(_daily(constraint.start_time, now))
            moments.update(_daily(constraint.end_time, now))
    return sorted(moment for moment in moments if moment > now)


def _daily(edge: time, now: datetime) -> Iterator[datetime]:
    zoned = edge if edge.tzinfo is not None else edge.replace(tzinfo=UTC)
    for days in range(-1, 4):
        yield datetime.combine(now.date() + timedelta(days=days), zoned).astimezone(UTC)


def _prices(info: ModelInfo, contexts: Mapping[str, PriceContext | None], moment: datetime) -> dict[str, Steps]:
    return {tier: _steps(info.get_prices(moment, context)) for tier, context in contexts.items()}


def _steps(price: ModelPrice) -> Steps:
    starts = {tier.start for value in vars(price).values() if isinstance(value, TieredPrices) for tier in value.tiers}
    return tuple((above, _rates(price, above)) for above in (-1, *sorted(starts)))


def _rates(price: ModelPrice, above: int) -> Rates:
    def of(*keys: str) -> Decimal:
        """The first of these prices that there is."""
        return next((_value(value, above) for key in keys if (value := getattr(price, key)) is not None), Decimal(0))

    cache_read, audio = of("cache_read_mtok", "input_mtok"), of("input_audio_mtok", "input_mtok")
    cached_audio = price.cache_audio_read_mtok
    return Rates(
        input=rate(of("input_mtok")),
        cache_read=rate(cache_read),
        cache_write_5m=rate(of("cache_write_5m_mtok", "cache_write_mtok", "input_mtok")),
        cache_write_1h=rate(of("cache_write_1h_mtok", "cache_write_mtok", "input_mtok")),
        audio_input=rate(audio),
        # Two prices could stand in for cached audio, and genai-prices gives no answer: the dearer one.
        audio_cache_read=rate(max(cache_read, audio) if cached_audio is None else _value(cached_audio, above)),
        output=rate(of("output_mtok")),
        reasoning=rate(of("output_reasoning_mtok", "output_mtok")),
        audio_output=rate(of("output_audio_mtok", "output_mtok")),
        request=rate(of("requests_kcount"), 1000),
        web_search=rate(of("web_searches_kcount"), 1000),
        file_search=rate(of("storage_searches_kcount"), 1000),
    )


def _value(value: Decimal | TieredPrices, above: int) -> Decimal:
    if isinstance(value, Decimal):
        return value
    return next((tier.price for tier in reversed(value.tiers) if above >= tier.start), value.base)
