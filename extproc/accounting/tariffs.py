"""What models cost: the overrides of the file before the published prices, as rates that ``cost`` and ``bounds`` apply."""

import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace

from extproc.accounting import published
from extproc.accounting.images import WORST_IMAGE, image_tokens
from extproc.accounting.places import surcharge
from extproc.accounting.rates import Rates, Steps, dearer_steps, dearest_steps, rate
from extproc.config.snapshot import Price, Provider, Snapshot
from extproc.domain.valueclass import valueclass

STANDARD = ""
"""The service tier that serves whoever asks for none."""
_PRIORITY = "priority"

_NEVER = 2**63 - 1

_REGIONAL_PERCENT: Mapping[str, int] = {"anthropic": 10}
"""On all tokens of a request with a chosen ``inference_geo``.

Source: https://platform.claude.com/docs/en/build-with-claude/data-residency
"""

_CACHES_WHERE_MARKED = frozenset({"anthropic", "bedrock-anthropic", "vertex-anthropic"})
"""Dialects whose vendors write to a prompt cache only where the request says so. OpenAI writes unasked, at a price
since GPT-5.6: https://developers.openai.com/api/docs/guides/prompt-caching"""
_MARKED_AT_BEDROCK = "anthropic."
"""In names of models that do so at Bedrock, where OpenAI's have a price for what is written, too."""

_ULTRAFAST = "ultrafast"
"""OpenAI's, of some models, for those it lets in: developers.openai.com/api/docs has no price of it."""
_UNPRICED: Mapping[str, frozenset[str]] = {
    "aws": frozenset({_PRIORITY, _ULTRAFAST}),
    "azure": frozenset({_PRIORITY, _ULTRAFAST}),
}
"""Dearer service tiers of vendors whose published prices here are those of the standard tier only.

Sources: https://aws.amazon.com/bedrock/service-tiers, https://azure.microsoft.com/pricing/details/azure-openai/
"""
_UNPRICED_ELSEWHERE = frozenset({_ULTRAFAST})

_GROUNDED_ONCE = re.compile(r"/gemini-(1\.|2\.)")
"""Models for which Google bills a request that has searched; from Gemini 3 on it is each search.

Source: https://ai.google.dev/gemini-api/docs/google-search#pricing
"""

_PRIORITY_PERCENT: Mapping[str, tuple[int, int]] = {"google": (180, 200)}
"""A service tier ``priority`` that is not among the published prices: what it costs, and at most, in hundredths.

Sources: https://ai.google.dev/gemini-api/docs/pricing (1.8 times the standard, for the models that have it),
https://ai.google.dev/gemini-api/docs/optimization (75 to 100 percent more). ``flex`` costs half as much there; what it
saves on cached tokens is not said, so it is priced as the standard, which is never too little.
"""


@valueclass
class Tariff:
    """A model's rates at a moment. Steps are by service tier; ``STANDARD`` is always there."""

    source: str
    """``genai-prices:anthropic/claude-sonnet-4-6``, ``gateway.yaml``."""
    now: Mapping[str, Steps]
    """What holds at this moment."""
    dearest: Mapping[str, Steps]
    """The dearest that can hold while a request that starts now runs: some prices change by date or time of day."""
    context_window: int | None = None
    """Tokens of prompt and answer together."""
    image_tokens: int = WORST_IMAGE
    """The most that one image can count."""
    writes_unasked: bool = True
    """Whether the vendor may write a prompt to its cache without being told to."""
    regional_percent: int = 0
    """What a chosen region adds to the price of tokens."""
    only_asked: bool = False
    """Whether the dearer service tiers serve only those who ask for them."""
    searches_once: bool = False
    """Whether all web searches of a request cost one fee together."""
    unpriced: frozenset[str] = frozenset()
    """Service tiers that the vendor has, that cost more, and by how much is not known."""
    flat: bool = False
    """Whether nothing but the request has a price: then nothing else has to be bounded."""


@valueclass
class _Kept:
    tariff: Tariff | None
    since_ns: int
    until_ns: int
    price: Price | None
    """Held, so that its ``id``, a part of the key, is not given to another."""


@dataclass(slots=True)
class TariffBook:
    """Tariffs of one configuration, looked up once and kept until the price may change."""

    snapshot: Snapshot
    _vendors: dict[str, str | None] = field(init=False, repr=False)
    _kept: dict[tuple[str, str, int, int | None], _Kept] = field(
        init=False, repr=False, default_factory=dict[tuple[str, str, int, int | None], _Kept]
    )

    def __post_init__(self) -> None:
        """Find out whose published prices hold for each provider."""
        self._vendors = {
            name: published.vendor_of(one.base_url, one.priced_as, one.dialect)
            for name, one in self.snapshot.providers.items()
        }

    def find(
        self,
        provider: Provider,
        target_price: Price | None,
        model: str,
        context_window: int | None,
        now_ns: int,
        *,
        known_as: str | None = None,
    ) -> Tariff | None:
        """The tariff of a model at a provider of this configuration; None: nobody knows what it costs.

        ``target_price``, ``context_window`` and ``known_as`` are the target's own. ``now_ns``: Unix nanoseconds.
        """
        price = target_price or (provider.prices or {}).get(model)
        public = known_as or model
        key = (provider.name, public, id(price), context_window)
        kept = self._kept.get(key)
        if kept is None or not kept.since_ns <= now_ns < kept.until_ns:
            kept = self._kept[key] = self._look_up(provider, price, public, context_window, now_ns)
        return kept.tariff

    def why_unknown(self, provider: Provider, model: str, now_ns: int) -> str:
        """For operators: why ``find`` has no tariff, and the mend."""
        vendor = self._vendors.get(provider.name)
        if vendor is None:
            return (
                f"Nothing says whose prices hold at provider {provider.name}. "
                "Set prices on it, a price on the target, or priced_as."
            )
        found = published.find(vendor, model, now_ns)
        if isinstance(found, published.Published):
            if surcharge(self.snapshot.providers[provider.name], vendor, found.source) is not None:
                return f"{found.source} has a price."
            return (
                f"{found.source} has a price, but not in this region. Set prices on provider {provider.name}, "
                f"or priced_as: {vendor} where its published prices hold."
            )
        return f"{found}. Set a price on the target, or prices on provider {provider.name}."

    def _look_up(
        self, provider: Provider, price: Price | None, model: str, context_window: int | None, now_ns: int
    ) -> _Kept:
        vendor = self._vendors.get(provider.name)
        found = published.find(vendor, model, now_ns) if vendor is not None else None
        known = found if isinstance(found, published.Published) else None
        percent = surcharge(provider, vendor, known.source) if known and vendor else None
        if price is not None:
            source, now, until_ns = "gateway.yaml", tiers_of(price), known.until_ns if known else _NEVER
            dearest = now
        elif known is not None and percent is not None:
            source, until_ns = known.source, known.until_ns
            now, dearest = _published_steps(known, percent, _PRIORITY_PERCENT.get(vendor or ""))
        else:
            # For good: neither the package's data nor the configuration changes while this runs.
            return _Kept(None, 0, _NEVER, price)
        window = context_window if context_window is not None else known.context_window if known else None
        tariff = Tariff(
            source=source,
            now=now,
            dearest=dearest,
            context_window=window,
            image_tokens=image_tokens(vendor, model),
            writes_unasked=_writes_unasked(provider.dialect, model),
            regional_percent=_REGIONAL_PERCENT.get(vendor or "", 0),
            only_asked=vendor in _PRIORITY_PERCENT,
            searches_once=price is None and vendor == "google" and _GROUNDED_ONCE.search(source) is not None,
            # A price of the file is what its tiers cost, too.
            unpriced=frozenset() if price else _UNPRICED.get(vendor or "", _UNPRICED_ELSEWHERE) - now.keys(),
            flat=_is_flat(dearest),
        )
        return _Kept(tariff, now_ns, until_ns, price)


def _published_steps(
    known: published.Published, percent: int, priority: tuple[int, int] | None
) -> tuple[dict[str, Steps], dict[str, Steps]]:
    """What holds now, and the dearest, of published prices at a provider that adds so much to them."""
    now = {tier: dearer_steps(steps, percent) for tier, steps in known.now.items()}
    dearest = {tier: dearer_steps(dearest_steps(prices[tier] for prices in known.dearest), percent) for tier in now}
    if priority is not None and _PRIORITY not in now:
        now[_PRIORITY] = dearer_steps(now[STANDARD], priority[0])
        dearest[_PRIORITY] = dearer_steps(dearest[STANDARD], priority[1])
    return now, dearest


def _writes_unasked(dialect: str, model: str) -> bool:
    if dialect == "bedrock":
        return _MARKED_AT_BEDROCK not in model.lower()
    return dialect not in _CACHES_WHERE_MARKED


def _is_flat(tiers: Mapping[str, Steps]) -> bool:
    return not any(any(astuple(replace(rates, request=0))) for steps in tiers.values() for _, rates in steps)


FREE = Tariff("free", {STANDARD: ((-1, Rates()),)}, {STANDARD: ((-1, Rates()),)}, flat=True)
"""What costs nothing whatever is asked."""


def tiers_of(price: Price) -> dict[str, Steps]:
    """The steps of a price of the file, by service tier."""
    return {
        STANDARD: _steps(price, price),
        **{tier: _steps(one, price) for tier, one in (price.service_tiers or {}).items()},
    }


def _steps(price: Price, fees: Price) -> Steps:
    return ((-1, _rates(price, fees)), *((above, _rates(one, fees)) for above, one in price.above))


def _rates(price: Price, fees: Price) -> Rates:
    """``fees``: the price that says the fees where this part of it does not."""
    cache_read = price.input if price.cache_read is None else price.cache_read
    audio = price.input if price.audio_input is None else price.audio_input
    write = price.input if price.cache_write is None else price.cache_write
    request = fees.request if price.request is None else price.request
    search = fees.web_search if price.web_search is None else price.web_search
    return Rates(
        input=rate(price.input),
        cache_read=rate(cache_read),
        cache_write_5m=rate(write),
        cache_write_1h=rate(write if price.cache_write_1h is None else price.cache_write_1h),
        audio_input=rate(audio),
        audio_cache_read=rate(cache_read if price.audio_input is None else max(cache_read, audio)),
        output=rate(price.output),
        reasoning=rate(price.output),
        audio_output=rate(price.output if price.audio_output is None else price.audio_output),
        request=rate(request, 1) if request is not None else 0,
        web_search=rate(search, 1000) if search is not None else 0,
    )
