"""What may be written in ``gateway.yaml``: the counterpart of ``snapshot``, which is what the gateway reads.

Only the shape of each part is checked here; ``checks`` compares parts with each other. The descriptions below are shown
by editors through the published JSON Schema (``published``).
"""

from typing import Annotated, Literal

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from extproc.config.identity import JwtSpec, KeySpec, OrgSpec, TeamSpec, UserSpec
from extproc.config.prices import PriceSpec
from extproc.config.quantities import TimeZone, TokenCount
from extproc.config.scalars import (
    WHOLE,
    AccountApi,
    Address,
    ApiName,
    Dialect,
    Duration,
    HeaderName,
    HeaderValue,
    HttpUrl,
    Instant,
    Name,
    Port,
    ProviderName,
    Retry,
    SecretText,
    SigningText,
    Size,
    Text,
    wrong,
)
from extproc.config.sections import Guard, Metered, MeterSpec, MoneySpec, Section
from extproc.config.services import Auth, RuleSpec, StoreSpec, TelemetrySpec, WebhookSpec
from extproc.config.vendors import VendorName

Strategy = Literal["weighted", "priority", "cost", "latency", "least-busy"]

MIB = 1024 * 1024
MAX_BODY_DEFAULT = 50 * MIB  # a request with a dozen images fits, and each is held in memory once per request in flight
_TOKENS_LIMIT = 10_000_000  # ten times the largest output of any model; a larger number is a slip
_WEIGHT_LIMIT = 1_000_000


class ListenSpec(Section):
    """Where applications reach the gateway."""

    host: Address = Field(default="0.0.0.0", description="IP address to listen on; 0.0.0.0 is all interfaces.")  # noqa: S104 - a gateway is there to be reached; it is the documented default
    port: Port = Field(default=8080, description="Port for applications.")
    max_body: Size = Field(
        default=MAX_BODY_DEFAULT,
        description="Largest request body, 1KiB to 1GiB (default 50MiB); a larger one is a 413.",
    )


class AdminSpec(Section):
    """Where operators reach the gateway: health, metrics, admin API."""

    host: Address = Field(default="127.0.0.1", description="IP address to listen on; 127.0.0.1 is this machine only.")
    port: Port = Field(default=9090, description="Port for operators.")
    token: SecretText | None = Field(default=None, description="Bearer token of the admin API.")
    read_token: SecretText | None = Field(
        default=None, description="Bearer token that may look at everything of the admin API and change nothing."
    )


class ProviderSpec(Metered):
    """Somebody the gateway calls."""

    vendor: VendorName | None = Field(
        default=None,
        description="A vendor that the gateway knows: sets dialect, base_url and what is peculiar to it, "
        "all of which can still be written.",
    )
    dialect: Dialect = Field(default="openai", description="Wire format; openai also for every compatible server.")
    base_url: HttpUrl | None = Field(
        default=None,
        description="For openai with its version path, as in the SDKs (https://api.openai.com/v1); "
        "for the others the vendor's root (https://api.anthropic.com). Only azure-openai has no default.",
    )
    api_key: SecretText | None = Field(
        default=None, description="Our key at this provider; local servers may need none."
    )
    headers: dict[HeaderName, HeaderValue] = Field(
        default_factory=dict[str, str], description="Sent with every request to this provider.", repr=False
    )
    region: Text | None = Field(
        default=None, description="Region: where it processes data, and which endpoint of Bedrock is called."
    )
    ca_file: Text | None = Field(
        default=None,
        description="PEM file of the authorities to trust instead of the system's; "
        "relative to the folder of this configuration.",
    )
    connect_timeout: Duration = Field(default=5.0, description="Longest wait for a connection.")
    auth: Auth | None = Field(
        default=None,
        description="In place of api_key at a cloud: aws, gcp or azure for its default credentials, or a mapping with them.",
    )
    project: Text | None = Field(default=None, description="Google Cloud project (Vertex).")
    location: Text | None = Field(default=None, description="Google Cloud location (Vertex): europe-west1, global.")
    api_version: Text | None = Field(
        default=None,
        description="API version: at Azure a dated one with deployments (default: the v1 API); of Gemini v1beta, of Vertex v1.",
    )
    api: ApiName | None = Field(
        default=None,
        description="Which of OpenAI's conversation APIs is spoken to it. Default: chat, but responses or completions for "
        "a client of that API where the provider is known to serve it.",
    )
    passthrough: tuple[AccountApi, ...] = Field(
        default=(),
        description="APIs of the whole account, which all its keys share, that clients may use: files, batches. Default: none.",
    )
    prices: dict[Text, PriceSpec] = Field(
        default_factory=dict[str, PriceSpec],
        description="What its models cost us, by its own names of them; the published prices hold for the others.",
    )
    limit_field: Literal["max_tokens", "max_completion_tokens"] | None = Field(
        default=None,
        description="How an openai provider wants the output limit that a budget needs; default: max_completion_tokens "
        "at OpenAI and Azure, max_tokens at all others, of which many pass over the newer name.",
    )
    priced_as: Name | None = Field(
        default=None,
        description="Whose published prices hold (a provider's id in genai-prices); default: told from dialect and host.",
    )


class CommitWholeSpec(Section):
    """Options of ``commit: whole``."""

    limit: Size = Field(default=8 * MIB, description="Longest answer that is held, 1KiB to 1GiB.")


class CommitSpec(Section):
    """When a stream goes to the client, after which no other provider can take over."""

    events: Annotated[int, Field(ge=1, le=10_000), WHOLE] | None = Field(
        default=None, description="After this many content events."
    )
    after: Duration | None = Field(default=None, description="This long after the first content.")
    whole: CommitWholeSpec | None = Field(default=None, description="When the answer is complete.")

    @model_validator(mode="after")
    def _one(self) -> "CommitSpec":
        if len(self.model_fields_set) != 1:
            raise wrong("must hold exactly one of events, after and whole")
        return self


def _commit(value: object, read: ValidatorFunctionWrapHandler) -> object:
    match value:
        case "first-token":
            return CommitSpec.model_construct()
        case "whole":
            return read({"whole": {}})
        case str():
            raise wrong(
                "must be first-token or whole, or a mapping",
                "Write one of first-token, whole, {events: 5}, {after: 2s}, {whole: {limit: 8MiB}}",
                show=True,
            )
        case _:
            return read(value)


Commit = Annotated[
    CommitSpec, WrapValidator(_commit, json_schema_input_type=CommitSpec | Literal["first-token", "whole"])
]
"""A spec without any field means ``first-token``."""


class PolicySpec(Section):
    """How a model is served; under ``defaults`` for all models, at a model for this one."""

    strategy: Strategy | None = Field(
        default=None,
        description="Which target is tried first: by weight (weighted, the default) or in the order written (priority).",
    )
    retry_on: tuple[Retry, ...] | None = Field(
        default=None,
        description="What moves on to the next target: provider statuses, connect, timeout. Default "
        "[401, 403, 408, 429, 500, 502, 503, 504, 529, connect, timeout]; 401 and 403 are about the gateway's own key.",
    )
    retries: Annotated[int, Field(ge=0, le=10), WHOLE] | None = Field(
        default=None, description="Further tries of the same target before the next one. Default 0."
    )
    first_token_timeout: Duration | None = Field(
        default=None, description="Streams: from the request to the first content. Default 30s."
    )
    stall_timeout: Duration | None = Field(
        default=None, description="Streams: the longest silence once content has begun. Default 60s."
    )
    timeout: Duration | None = Field(
        default=None, description="One attempt at a whole answer, where it is not streamed or is held. Default 10m."
    )
    commit: Commit | None = Field(
        default=None,
        description="When a stream goes to the client, after which no other provider can take over: first-token "
        "(default), whole, {events: 5}, {after: 2s} or {whole: {limit: 8MiB}}.",
    )
    drop_unsupported: bool | None = Field(
        default=None,
        description="Leave out what a provider cannot take, with a warning header, instead of a 400. Default false.",
    )


class FallbackSpec(Section):
    """A model at a provider, tried after the targets."""

    provider: Name = Field(description="Name under providers.")
    model: Name | None = Field(
        default=None, description="The provider's name of the model; default: the catalogue's name."
    )
    max_output_tokens: Annotated[int, Field(ge=1, le=_TOKENS_LIMIT), WHOLE] | None = Field(
        default=None, description="Output limit where the provider requires one and the request names none."
    )
    known_as: Name | None = Field(
        default=None,
        description="The vendor's name of the model, where the name to call it by does not tell it: behind a deployment, "
        "an inference profile, an ARN. Says what the model can take, and what it costs.",
    )
    price: PriceSpec | None = Field(default=None, description="What it costs here; before prices of the provider.")
    context_window: TokenCount | None = Field(
        default=None,
        description="Tokens of prompt and answer together, where the published data does not know the model: 128k.",
    )
    api: ApiName | None = Field(
        default=None,
        description="Which of OpenAI's conversation APIs this model is asked by; before that of the provider.",
    )


class TargetSpec(FallbackSpec):
    """A model at a provider."""

    weight: Annotated[int, Field(ge=0, le=_WEIGHT_LIMIT), WHOLE] = Field(
        default=1, description="Share of the requests it is the first choice for (strategy weighted)."
    )


class ModelSpec(PolicySpec, Metered):
    """An entry of the catalogue: what applications may ask for."""

    targets: tuple[TargetSpec, ...] = Field(description="Who serves it; at least one.", min_length=1)
    fallbacks: tuple[FallbackSpec, ...] = Field(
        default=(), description="Who stands in when the targets fail, in this order."
    )
    aliases: tuple[Name, ...] = Field(default=(), description="Further names that applications may write.")
    enabled: bool = Field(default=True, description="false takes it out of the catalogue.")
    display_name: Text | None = Field(default=None, description="Name for people, shown by /v1/models.")
    created: Instant | None = Field(default=None, description="Date shown by /v1/models.")


class GatewaySpec(Section):
    """The whole file."""

    listen: ListenSpec = Field(default_factory=ListenSpec, description="Where applications reach the gateway.")
    admin: AdminSpec = Field(default_factory=AdminSpec, description="Where operators reach the gateway.")
    drain: Duration = Field(
        default=30.0,
        description="How long requests under way may go on behind SIGTERM (default 30s); give the pod a little more.",
    )
    secret: SigningText | None = Field(
        default=None,
        description="What the ids of kept responses rest on, the same in all replicas, 16 characters or more. "
        "Default: the api_key of the provider that keeps them.",
    )
    workers: Annotated[int, Field(ge=1, le=64), WHOLE] = Field(
        default=2, description="Worker processes; about one per core."
    )
    store: StoreSpec = Field(default_factory=StoreSpec, description="Where state lives that outlives a request.")
    telemetry: TelemetrySpec = Field(
        default_factory=TelemetrySpec, description="Where telemetry goes besides the log and /metrics."
    )
    providers: dict[ProviderName, ProviderSpec] = Field(
        description="Whom the gateway calls, by a name of your choice.", min_length=1
    )
    defaults: PolicySpec = Field(
        default_factory=PolicySpec, description="How models are served where they do not say themselves."
    )
    models: dict[Name, ModelSpec] = Field(description="The catalogue: what applications may ask for.", min_length=1)
    keys: tuple[KeySpec, ...] = Field(default=(), description="Virtual keys, which applications send.")
    teams: dict[Name, TeamSpec] = Field(default_factory=dict[str, TeamSpec], description="Teams.")
    users: dict[Name, UserSpec] = Field(default_factory=dict[str, UserSpec], description="Users.")
    orgs: dict[Name, OrgSpec] = Field(default_factory=dict[str, OrgSpec], description="Organisations.")
    meters: tuple[MeterSpec, ...] = Field(
        default=(), description="Budgets and limits of combinations: of a team at one model, of a tag, of each key."
    )
    guard: Guard | None = Field(
        default=None, description="What each key does at most, whatever its budget. Default: off."
    )
    timezone: TimeZone = Field(
        default="UTC", description="Where the days and months of budgets begin: Europe/Berlin. Default UTC."
    )
    money: MoneySpec = Field(default_factory=MoneySpec, description="Rules of money that hold for everybody.")
    alerts: tuple[WebhookSpec, ...] = Field(
        default=(), description="Who is told when a budget reaches a share of alert_at."
    )
    rules: tuple[RuleSpec, ...] = Field(default=(), description="Routing by tags and content; the first match wins.")
    jwt: tuple[JwtSpec, ...] = Field(
        default=(), description="Identity providers whose bearer tokens are taken in place of virtual keys."
    )
