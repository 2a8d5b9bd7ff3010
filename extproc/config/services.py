"""What the gateway uses besides providers (store, alerts, telemetry), credentials of providers, and rules.

Rules and credentials are part of the file's format; what this version does not act on is in the table of ``unsupported``.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from extproc.config.quantities import seconds_between
from extproc.config.scalars import WHOLE, HttpUrl, Name, SecretText, SecretUrl, StorePrefix, StoreUrl, Text, wrong
from extproc.config.sections import Section


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
    profile: Text | None = Field(default=None, description="Profile of the shared AWS configuration files.")
    role_arn: Text | None = Field(
        default=None, description="Role that is assumed with these credentials, or with those of the default chain."
    )

    @model_validator(mode="after")
    def _whole(self) -> "AwsAuth":
        if (self.access_key_id is None) != (self.secret_access_key is None):
            missing = "secret_access_key" if self.secret_access_key is None else "access_key_id"
            raise wrong(f"has no {missing}", "Write both, or neither for the default chain")
        if self.session_token is not None and self.access_key_id is None:
            raise wrong("has a session_token without its keys", "Write access_key_id and secret_access_key too")
        if self.profile is not None and self.access_key_id is not None:
            raise wrong("has both a profile and keys", "Keep one of them")
        return self


class GcpAuth(Section):
    """Google Cloud credentials; empty: the application default."""

    access_token: SecretText | None = Field(default=None, description="A ready access token; it is never refreshed.")
    service_account_file: Text | None = Field(
        default=None,
        description="Path of a service account's JSON key, or of a workload identity federation's configuration; "
        "relative to the folder of this configuration.",
    )

    @model_validator(mode="after")
    def _one(self) -> "GcpAuth":
        if self.access_token is not None and self.service_account_file is not None:
            raise wrong("has both access_token and service_account_file", "Keep one of them")
        return self


class AzureAuth(Section):
    """Microsoft Entra credentials; empty: the default chain."""

    tenant_id: Text | None = Field(default=None, description="Tenant.")
    client_id: Text | None = Field(
        default=None, description="Client; without a secret, the user-assigned managed identity of the default chain."
    )
    client_secret: SecretText | None = Field(default=None, description="Secret of the client.")
    scope: Text | None = Field(
        default=None,
        description="What the token is for; default: https://cognitiveservices.azure.com/.default, and "
        "https://ai.azure.com/.default at services.ai.azure.com.",
    )

    @model_validator(mode="after")
    def _whole(self) -> "AzureAuth":
        client = {"tenant_id": self.tenant_id, "client_id": self.client_id}
        missing = [name for name, value in client.items() if value is None]
        if self.client_secret is not None and missing:
            raise wrong(f"has a client_secret and no {' and no '.join(missing)}", "Write all three")
        if self.client_secret is None and self.tenant_id is not None:
            raise wrong(
                "has a tenant_id and no client_secret", "Write tenant_id, client_id and client_secret, or no tenant_id"
            )
        return self


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
    if not isinstance(value, str):
        return value
    if value not in AuthSpec.model_fields:
        # Not shown: who mistakes this for api_key has written a key here.
        raise wrong("must be aws, gcp or azure, or a mapping", "Write auth: aws; an API key goes to api_key")
    return {value: {}}


Auth = Annotated[AuthSpec, BeforeValidator(_auth, json_schema_input_type=AuthSpec | Literal["aws", "gcp", "azure"])]
"""``aws``, ``gcp`` or ``azure`` alone means the default credential chain of that cloud."""


class EventsSpec(Section):
    """How long usage events are kept; both bounds hold."""

    days: Annotated[int, Field(ge=1, le=3660), WHOLE] = Field(default=90, description="Days.")
    max: Annotated[int, Field(ge=1000, le=10**9), WHOLE] = Field(default=1_000_000, description="How many, at most.")


HoldTimeout = Annotated[
    float,
    seconds_between(10, 3600, "from 10s to 1h"),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|m|h)?$"}, {"type": "number"}]}),
]


class StoreSpec(Section):
    """Where state lives that outlives a request."""

    # Same reason as for secrets: the URL may hold a password, so it is kept out of every repr.
    url: StoreUrl = Field(
        default="embedded",
        description="embedded (default), a Redis URL (redis://, rediss://, redis+sentinel://, redis+cluster://, "
        "unix:///path), or none: budgets and limits cannot be set then.",
        repr=False,
    )
    prefix: StorePrefix = Field(
        default="llmgw", description="Of every key; replicas of one gateway share it, different gateways do not."
    )
    directory: Text | None = Field(
        default=None,
        description="Folder of the embedded store and of journals; relative to the folder of this configuration.",
    )
    ca_file: Text | None = Field(
        default=None,
        description="PEM file of the authorities to trust instead of the system's (rediss://); "
        "relative to the folder of this configuration.",
    )
    hold_timeout: HoldTimeout = Field(
        default=60.0, description="After which a hold is charged at its bound when its worker is gone, 10s to 1h."
    )
    events: EventsSpec = Field(default_factory=EventsSpec, description="How long usage events are kept.")


class WebhookSpec(Section):
    """Somebody who is told of alerts."""

    url: SecretUrl = Field(description="Where alerts are posted; it may hold a token, so no log shows it.")
    format: Literal["generic", "slack"] = Field(
        default="generic", description="generic: the alert as JSON; slack: a message for an incoming webhook of Slack."
    )
    secret: SecretText | None = Field(default=None, description="Signs generic alerts: HMAC-SHA256 of the body.")

    @model_validator(mode="after")
    def _signed(self) -> "WebhookSpec":
        if self.secret is not None and self.format == "slack":
            raise wrong("Slack does not check signatures", "Remove secret, or use format: generic")
        return self


class TelemetrySpec(Section):
    """Where telemetry goes besides the log and /metrics."""

    otlp_endpoint: HttpUrl | None = Field(
        default=None,
        description="Base URL of an OTLP/HTTP collector, such as http://otel-collector:4318. Without it no spans are made.",
    )
