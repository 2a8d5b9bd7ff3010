"""Prices in the file → ``Price``: for models that nobody publishes a price of, or that cost us something else."""

from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from extproc.config.quantities import TokenCount, Usd
from extproc.config.scalars import Name, wrong
from extproc.config.sections import Section
from extproc.config.snapshot import Price

_RATES = (
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "audio_input",
    "audio_output",
    "request",
    "web_search",
)


class RatesSpec(Section):
    """US dollars per million tokens; what is left out is as in the price around it."""

    input: Usd | None = Field(default=None, description="A million prompt tokens.")
    output: Usd | None = Field(default=None, description="A million output tokens.")
    cache_read: Usd | None = Field(default=None, description="A million prompt tokens read from the cache.")
    cache_write: Usd | None = Field(default=None, description="A million prompt tokens written to the cache.")
    cache_write_1h: Usd | None = Field(default=None, description="The same where the cache keeps them for an hour.")
    audio_input: Usd | None = Field(default=None, description="A million audio tokens of the prompt.")
    audio_output: Usd | None = Field(default=None, description="A million audio tokens of the answer.")
    request: Usd | None = Field(default=None, description="Each request.")
    web_search: Usd | None = Field(default=None, description="A thousand web searches of the provider's own tool.")


class AboveSpec(RatesSpec):
    """What a long prompt costs."""

    tokens: TokenCount = Field(
        description="From more than so many prompt tokens on, all of the request costs this: 200k."
    )


def _ascending(steps: tuple[AboveSpec, ...]) -> tuple[AboveSpec, ...]:
    if any(after.tokens <= before.tokens for before, after in pairwise(steps)):
        raise wrong("the steps must ascend", "Sort them by tokens, each once")
    return steps


class TierSpec(RatesSpec):
    """What a service tier costs."""

    above: Annotated[tuple[AboveSpec, ...], AfterValidator(_ascending)] | None = Field(
        default=None, description="Long prompts, in ascending order."
    )


class PriceSpec(TierSpec):
    """What a model costs, in US dollars per million tokens."""

    service_tiers: dict[Name, TierSpec] = Field(
        default_factory=dict[str, TierSpec], description="By the service tier that served: priority, batch, flex."
    )

    @model_validator(mode="after")
    def _whole(self) -> "PriceSpec":
        missing = [name for name in ("input", "output") if getattr(self, name) is None]
        # A price of each request alone is whole: it is for what is not sold by the token.
        if missing and (len(missing) == 1 or self.request is None):
            raise wrong(f"has no {' and no '.join(missing)}", "Write both, such as {input: 3, output: 15}")
        bare = [name for name, tier in self.service_tiers.items() if self.above and tier.above is None]
        if bare:
            raise wrong(
                f"the service tier {bare[0]} does not say what long prompts cost",
                "Write above for it too, as [] where they cost no more",
            )
        return self


def price_of(spec: PriceSpec) -> Price:
    """The price, with nothing left to inherit."""
    base = _rates(spec, {})
    tiers = {name: _tier(tier, _rates(tier, base)) for name, tier in spec.service_tiers.items()}
    return _tier(spec, base, MappingProxyType(tiers) if tiers else None)


def _rates(spec: RatesSpec, around: Mapping[str, Decimal | None]) -> dict[str, Decimal | None]:
    own: dict[str, Decimal | None] = {name: getattr(spec, name) for name in _RATES}
    return {name: around.get(name) if value is None else value for name, value in own.items()}


def _tier(spec: TierSpec, rates: dict[str, Decimal | None], tiers: Mapping[str, Price] | None = None) -> Price:
    above = tuple((step.tokens, _price(_rates(step, rates))) for step in spec.above or ())
    return _price(rates, above, tiers)


def _price(
    rates: Mapping[str, Decimal | None],
    above: tuple[tuple[int, Price], ...] = (),
    tiers: Mapping[str, Price] | None = None,
) -> Price:
    given = {name: value for name, value in rates.items() if name not in {"input", "output"}}
    return Price(
        input=rates["input"] or Decimal(0),
        output=rates["output"] or Decimal(0),
        **given,
        above=above,
        service_tiers=tiers,
    )
