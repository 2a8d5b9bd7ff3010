"""The parts of the file about money, limits, rules and provider credentials; ``schema`` has the rest.

They are part of the file's format; what this version does not act on is in the table of ``unsupported``.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from extproc.config.scalars import WHOLE, Fraction, HttpUrl, Name, Rate, SecretText, StoreUrl, Text, wrong
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


BudgetSpan = Literal["hour", "day", "week", "month", "year"]


class LadderStep(Section):
    """What happens from a share of the budget on."""

    at: Fraction = Field(description="Share of the budget from which this step holds: 0.9 is 90 %.")
    use: Name | None = Field(default=None, description="Serve this model of the catalogue instead.")
    refuse: bool | None = Field(default=None, description="Refuse the request.")


class BudgetSpec(Section):
    """An amount of money for a span of time."""

    usd: Annotated[Decimal, Field(ge=0, le=10**12), WithJsonSchema({"type": "number", "minimum": 0})] = Field(
        description="The amount, in US dollars."
    )
    per: BudgetSpan = Field(description="The calendar span after which it starts anew.")
    alert_at: tuple[Fraction, ...] = Field(
        default=(), description="Shares of the budget at which an alert is sent: [0.8]."
    )
    ladder: tuple[LadderStep, ...] = Field(default=(), description="What changes as the budget is used up.")


class LimitsSpec(Section):
    """How much in how much time."""

    requests: Rate | None = Field(default=None, description="Requests: 100/min.")
    tokens: Rate | None = Field(default=None, description="Tokens in and out together: 200k/min.")
    input_tokens: Rate | None = Field(default=None, description="Prompt tokens: 150k/min.")
    output_tokens: Rate | None = Field(default=None, description="Output tokens: 50k/min.")
    concurrent: Annotated[int, Field(ge=1, le=10**6), WHOLE] | None = Field(
        default=None, description="Requests at one time."
    )


class ScopeSpec(Section):
    """A team, user or organisation."""

    org: Name | None = Field(default=None, description="The organisation it belongs to.")
    budget: BudgetSpec | None = Field(default=None, description="What it may spend.")
    limits: LimitsSpec | None = Field(default=None, description="How much it may ask for.")
    residency: Text | None = Field(default=None, description="Only providers of this region serve it.")


class WhenSpec(Section):
    """Conditions of a rule; all must hold."""

    tags: dict[Name, Text] = Field(default_factory=dict[str, str], description="Tags that the request must carry.")
    needs: tuple[Name, ...] = Field(default=(), description="Capabilities that the request uses: [vision].")


class RuleSpec(Section):
    """A routing rule; the first whose conditions hold is applied."""

    when: WhenSpec = Field(description="Conditions; all must hold.")
    use: Name | None = Field(default=None, description="Serve this model of the catalogue instead.")
    only: tuple[Name, ...] = Field(default=(), description="Only these providers may serve the request.")
    residency: Text | None = Field(default=None, description="Only providers of this region may serve the request.")


class AwsAuth(Section):
    """AWS credentials; empty: the default chain."""

    access_key_id: SecretText | None = Field(default=None, description="Access key ID.")
    secret_access_key: SecretText | None = Field(default=None, description="Secret access key.")
    session_token: SecretText | None = Field(default=None, description="Session token of temporary credentials.")


class GcpAuth(Section):
    """Google Cloud credentials; empty: the application default."""

    access_token: SecretText | None = Field(default=None, description="A ready access token.")
    service_account_file: Text | None = Field(default=None, description="Path of a service account's JSON key.")


class AzureAuth(Section):
    """Microsoft Entra credentials; empty: the default chain."""

    tenant_id: Text | None = Field(default=None, description="Tenant.")
    client_id: Text | None = Field(default=None, description="Client.")
    client_secret: SecretText | None = Field(default=None, description="Secret of the client.")


class AuthSpec(Section):
    """How to sign in at a provider that does not take an API key."""

    aws: AwsAuth | None = Field(default=None, description="AWS Signature Version 4.")
    gcp: GcpAuth | None = Field(default=None, description="A Google Cloud access token.")
    azure: AzureAuth | None = Field(default=None, description="A Microsoft Entra access token.")

    @model_validator(mode="after")
    def _one(self) -> "AuthSpec":
        if len(self.model_fields_set) != 1:
            raise wrong("must name exactly one of aws, gcp and azure")
        return self


def _auth(value: object) -> object:
    return {value: {}} if isinstance(value, str) and value in AuthSpec.model_fields else value


Auth = Annotated[AuthSpec, BeforeValidator(_auth, json_schema_input_type=AuthSpec | Literal["aws", "gcp", "azure"])]
"""``aws``, ``gcp`` or ``azure`` alone means the default credential chain of that cloud."""


class StoreSpec(Section):
    """Where state lives that outlives a request."""

    # Same reason as for secrets: the URL may hold a password, so it is kept out of every repr.
    url: StoreUrl = Field(default="embedded", description="embedded, or a Redis URL.", repr=False)


class TelemetrySpec(Section):
    """Where telemetry goes besides the log and /metrics."""

    otlp_endpoint: HttpUrl | None = Field(
        default=None,
        description="Base URL of an OTLP/HTTP collector, such as http://otel-collector:4318. Without it no spans are made.",
    )
