"""Budgets, limits, guards and the meters that are made of them; ``schema`` has the whole file.

The admin API reads budgets and limits by the same specs; ``meters`` makes meters of them.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from extproc.config.quantities import Rates, Rolling, Share, TimeZone, Usd, one_or_more
from extproc.config.scalars import WHOLE, Name, Text, wrong
from extproc.domain.reading import Json


class Section(BaseModel):
    """A mapping of the file: unknown names are mistakes, and a name without a value is as if it were not there."""

    # hide_input: the text of a ValidationError would hold secrets.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, data: Json) -> Json:
        """Checks have already told where an empty value is a mistake."""
        if data is None:
            return {}
        if isinstance(data, Mapping):
            known = cls.model_fields
            return {name: value for name, value in data.items() if value is not None or name not in known}
        return data


BudgetSpan = Literal["hour", "day", "week", "month", "year", "total"]
_MOST_TOKENS = 10_000_000  # ten times the largest output of any model; a larger number is a slip


class LadderStep(Section):
    """What changes from a share of the budget on."""

    at: Share = Field(description="Share of the budget from which this step holds: 0.9 is 90 %.")
    use: Name | None = Field(default=None, description="Serve this model of the catalogue instead.")
    max_output_tokens: Annotated[int, Field(ge=1, le=_MOST_TOKENS), WHOLE] | None = Field(
        default=None, description="Answers become no longer than this."
    )
    refuse: bool | None = Field(default=None, description="true refuses the request.")

    @model_validator(mode="after")
    def _one(self) -> "LadderStep":
        mend = "Write {at: 0.9, use: model}, {at: 0.95, max_output_tokens: 500} or {at: 1.0, refuse: true}"
        if len(self.model_fields_set - {"at"}) != 1:
            raise wrong("must hold exactly one of use, max_output_tokens and refuse", mend)
        if self.refuse is False:
            raise wrong("refuse: false changes nothing", mend)
        return self


def _ladder(steps: tuple[LadderStep, ...]) -> tuple[LadderStep, ...]:
    shares = [step.at for step in steps]
    if shares != sorted(shares):
        raise wrong("the steps must ascend", "Sort them by at")
    if any(step.refuse for step in steps[:-1]):
        raise wrong("nothing comes after refuse: true", "Make it the last step")
    return steps


class AllowSpec(Section):
    """What goes on while the store cannot be reached."""

    allow: Usd = Field(description="US dollars that each replica may spend on this budget during one outage.")


def _when_down(value: object, read: ValidatorFunctionWrapHandler) -> object:
    if value == "deny":
        return None
    if isinstance(value, Mapping):
        return read(value)
    raise wrong("must be deny, or how much to allow", "Write {allow: 5} for 5 US dollars in each replica")


WhenDown = Annotated[AllowSpec | None, WrapValidator(_when_down, json_schema_input_type=AllowSpec | Literal["deny"])]
"""None: deny."""


class BudgetSpec(Section):
    """An amount of money for a span of time, never exceeded."""

    usd: Usd = Field(description="The amount, in US dollars, with at most 9 decimals.")
    per: BudgetSpan | None = Field(
        default=None, description="The calendar span after which it starts anew; total: never. Weeks begin on Monday."
    )
    rolling: Rolling | None = Field(
        default=None, description="Instead of per: it counts what was spent in the last 24h, 30d ... (1m to 366d)."
    )
    timezone: TimeZone | None = Field(
        default=None, description="Where the calendar span begins; default: the timezone of the file."
    )
    alert_at: tuple[Share, ...] = Field(
        default=(), description="Shares of the budget at which an alert is sent: [0.8]."
    )
    ladder: Annotated[tuple[LadderStep, ...], AfterValidator(_ladder)] = Field(
        default=(), description="What changes as the budget is used up, in ascending order."
    )
    when_down: WhenDown = Field(
        default=None,
        description="While the store cannot be reached: deny (default), or {allow: 5}, US dollars in each replica.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> "BudgetSpec":
        if (self.per is None) == (self.rolling is None):
            raise wrong("must hold exactly one of per and rolling", "Write per: month, or rolling: 24h")
        if self.timezone is not None and self.per in {None, "total"}:
            span = "rolling" if self.per is None else "per: total"
            raise wrong(f"timezone has no meaning with {span}", "Remove it")
        return self


def _read_budget(value: object) -> BudgetSpec:
    if not isinstance(value, Mapping):
        raise wrong("must be a mapping, or a list of such", "Write {usd: 50, per: month}")
    return BudgetSpec.model_validate(value)


Budgets = Annotated[
    tuple[BudgetSpec, ...],
    one_or_more(_read_budget, BudgetSpec | tuple[BudgetSpec, ...]),
]
"""One budget, or a list of budgets for different spans."""


class LimitsSpec(Section):
    """How much in how much time. Rates are rolling: in no minute more than so many."""

    requests: Rates = Field(default=(), description="Requests: 100/min, or a list: [100/min, 5000/day].")
    tokens: Rates = Field(default=(), description="Tokens in and out together: 200k/min.")
    input_tokens: Rates = Field(default=(), description="Prompt tokens: 150k/min.")
    output_tokens: Rates = Field(default=(), description="Output tokens: 50k/min.")
    concurrent: Annotated[int, Field(ge=1, le=10**6), WHOLE] | None = Field(
        default=None, description="Requests at one time."
    )
    when_down: Literal["allow", "deny"] = Field(
        default="allow",
        description="While the store cannot be reached: allow (default; each worker its part of the limit), or deny.",
    )


class Metered(Section):
    """Something that has budgets and limits."""

    budget: Budgets = Field(default=(), description="What may be spent: {usd: 50, per: month}, or a list of such.")
    limits: LimitsSpec = Field(default_factory=LimitsSpec, description="How much may be asked for in which time.")


class GuardSpec(Section):
    """What one key does at most, whatever its budget: stops runaway loops."""

    usd_per_minute: Usd | None = Field(default=None, description="US dollars of one key in any minute.")
    same_prompt_per_minute: Annotated[int, Field(ge=1, le=10**6), WHOLE] | None = Field(
        default=None, description="Requests of one key with the same prompt in any minute."
    )

    @model_validator(mode="after")
    def _some(self) -> "GuardSpec":
        if not self.model_fields_set:
            raise wrong("must hold usd_per_minute or same_prompt_per_minute", "Write off to have none")
        return self


def _guard(value: object, read: ValidatorFunctionWrapHandler) -> object:
    if value == "off":
        return GuardSpec.model_construct()
    if isinstance(value, Mapping):
        return read(value)
    raise wrong("must be off or a mapping", "Write {usd_per_minute: 5, same_prompt_per_minute: 30}", show=True)


Guard = Annotated[GuardSpec, WrapValidator(_guard, json_schema_input_type=GuardSpec | Literal["off"])]
"""A spec without any field means ``off``."""


class MeterScopeSpec(Section):
    """Whose traffic is counted; all must hold. ``"*"`` counts each value by itself."""

    org: Name | None = Field(default=None, description="Name of an organisation.")
    team: Name | None = Field(default=None, description="Name of a team.")
    user: Name | None = Field(default=None, description="Name of a user.")
    key: Name | None = Field(default=None, description="Name of a key.")
    provider: Name | None = Field(default=None, description="Name under providers.")
    model: Name | None = Field(default=None, description="Name or alias of a model of the catalogue.")
    tags: dict[Name, Text] = Field(
        default_factory=dict[str, str], description="Tags that the request carries: {environment: qa}."
    )

    @model_validator(mode="after")
    def _some(self) -> "MeterScopeSpec":
        if not any(value for _, value in self):
            raise wrong("names nobody", 'Write whose traffic is counted, such as {team: search} or {key: "*"}')
        return self


class MeterSpec(Metered):
    """Budgets and limits of several things together: of a team at one model, of a tag, of each key."""

    scope: MeterScopeSpec = Field(description='Whose traffic is counted: {team: search, model: "*"}.')

    @model_validator(mode="after")
    def _some(self) -> "MeterSpec":
        if not self.budget and self.limits == LimitsSpec():
            raise wrong("has neither budget nor limits", "Write one, or remove it")
        return self


class MoneySpec(Section):
    """Rules of money that hold for everybody."""

    unknown_price: Literal["refuse", "free"] = Field(
        default="refuse",
        description="A request under a budget to a model that nobody knows the price of: refuse (default), or free.",
    )
    output_default: Annotated[int, Field(ge=1, le=1_000_000), WHOLE] = Field(
        default=16_384,
        description="Output limit, in tokens, of requests that name none, where a budget or a limit on tokens counts "
        "them and the target has no max_output_tokens. Default 16384.",
    )
    output_floor: Annotated[int, Field(ge=1, le=100_000), WHOLE] = Field(
        default=256,
        description="Answers are shortened to what a budget affords; below this many tokens they are refused.",
    )
    budget_status: Annotated[int, Field(ge=400, le=499), WHOLE] = Field(
        default=402, description="HTTP status where a budget is used up."
    )
    show_cost: bool = Field(
        default=False, description="true tells every client what its request cost; else only those that ask."
    )
