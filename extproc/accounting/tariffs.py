"""What models cost: the overrides of the file before the published prices, as rates that ``cost`` and ``bounds`` apply."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from extproc.accounting import published
from extproc.accounting.images import WORST_IMAGE, image_tokens
from extproc.accounting.rates import Rates, Steps, dearest_steps, rate
from extproc.config.snapshot import Price, Provider, Snapshot

STANDARD = ""
"""The service tier that serves whoever asks for none."""

_NEVER = 2**63 - 1

_REGIONAL_PERCENT: Mapping[str, int] = {"anthropic": 10}
"""On all tokens of a request with a chosen ``inference_geo``.

Source: https://platform.claude.com/docs/en/build-with-claude/data-residency
"""

_CACHES_WHERE_MARKED = frozenset({"anthropic", "bedrock", "bedrock-anthropic", "vertex-anthropic"})
"""Dialects whose vendors write to a prompt cache only where the request says so. OpenAI writes unasked, at a price
since GPT-5.6: https://developers.openai.com/api/docs/guides/prompt-caching"""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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
            name: published.vendor_of(one.base_url, one.priced_as) for name, one in self.snapshot.providers.items()
        }

    def find(
        self, provider: Provider, target_price: Price | None, model: str, context_window: int | None, now_ns: int
    ) -> Tariff | None:
        """The tariff of a model at a provider of this configuration; None: nobody knows what it costs.

        ``target_price`` and ``context_window`` are the target's own. ``now_ns``: Unix nanoseconds.
        """
        price = target_price or (provider.prices or {}).get(model)
        key = (provider.name, model, id(price), context_window)
        kept = self._kept.get(key)
        if kept is None or not kept.since_ns <= now_ns < kept.until_ns:
            kept = self._kept[key] = self._look_up(provider, price, model, context_window, now_ns)
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
            return f"{found.source} has a price."
        return f"{found}. Set a price on the target, or prices on provider {provider.name}."

    def _look_up(
        self, provider: Provider, price: Price | None, model: str, context_window: int | None, now_ns: int
    ) -> _Kept:
        vendor = self._vendors.get(provider.name)
        found = published.find(vendor, model, now_ns) if vendor is not None else None
        known = found if isinstance(found, published.Published) else None
        if price is not None:
            source, now, until_ns = "gateway.yaml", tiers_of(price), known.until_ns if known else _NEVER
            dearest = now
        elif known is not None:
            source, now, until_ns = known.source, known.now, known.until_ns
            dearest = {tier: dearest_steps(prices[tier] for prices in known.dearest) for tier in now}
        else:
            # Not known is not for ever either: a price of a model to come has a date.
            return _Kept(None, 0, _NEVER, price)
        window = context_window if context_window is not None else known.context_window if known else None
        tariff = Tariff(
            source=source,
            now=now,
            dearest=dearest,
            context_window=window,
            image_tokens=image_tokens(vendor, model),
            writes_unasked=provider.dialect not in _CACHES_WHERE_MARKED,
            regional_percent=_REGIONAL_PERCENT.get(vendor or "", 0),
        )
        return _Kept(tariff, now_ns, until_ns, price)


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
