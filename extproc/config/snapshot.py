"""What the rest of the gateway reads of the configuration: frozen, resolved, no defaults left open.

A request takes one snapshot and keeps it to its end; a reload makes a new one. Durations are seconds, sizes bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from extproc.domain.meters import Meter
from extproc.domain.quirks import OPENAI, ChatQuirks

RetryCondition = int | Literal["connect", "timeout"]
"""A provider status (also one that an in-stream error counts as), or a way to get no answer at all."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A credential. Its text is in ``reveal`` only: repr, str and logs show nothing of it."""

    _value: str

    def reveal(self) -> str:
        """The plain text, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        """Hide the value."""
        return "Secret(***)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in US dollars: per million tokens, but for ``request`` (each) and ``web_search`` (a thousand).

    None: as ``input`` for what goes in, as ``output`` for what comes out, nothing for fees.
    """

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    audio_input: Decimal | None = None
    audio_output: Decimal | None = None
    request: Decimal | None = None
    web_search: Decimal | None = None
    above: tuple[tuple[int, "Price"], ...] = ()
    """Long context: from more than so many prompt tokens on, all of the request costs this. Ascending."""
    service_tiers: Mapping[str, "Price"] | None = None
    """By the name of the service tier that served the request: ``priority``, ``batch``, ``flex``."""


@dataclass(frozen=True, slots=True)
class AwsLogin:
    """AWS credentials: these keys, or those of the default chain (environment, profile, web identity, container, IMDS)."""

    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    profile: str | None = None
    """Of the shared configuration files, in place of the one the environment names."""
    role_arn: str | None = None
    """Assumed with the credentials that the rest gives."""


@dataclass(frozen=True, slots=True)
class GcpLogin:
    """Google Cloud credentials: this token, this file's, or the application default."""

    access_token: Secret | None = None
    service_account_file: str | None = None


@dataclass(frozen=True, slots=True)
class AzureLogin:
    """Microsoft Entra credentials: this client's, or the default chain. ``scope``: what the token is for."""

    scope: str
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None


Login = AwsLogin | GcpLogin | AzureLogin
Api = Literal["chat", "responses", "completions"]
"""One of OpenAI's conversation APIs."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Somebody we call. ``base_url`` has no trailing slash; for ``openai`` it ends in ``/v1``."""

    name: str
    dialect: str
    base_url: str
    api_key: Secret | None = None
    headers: Mapping[str, str] | None = None
    """Sent on every request to this provider (an organisation id, a beta flag)."""
    region: str | None = None
    ca_file: str | None = None
    connect_timeout: float = 5.0
    prices: Mapping[str, Price] | None = None
    """By the provider's name of a model; they come before the published ones."""
    older_limit: bool = False
    """It heeds OpenAI's ``max_tokens`` only; the newer ``max_completion_tokens`` is passed over, or refused."""
    priced_as: str | None = None
    """Whose published prices hold (a provider id of genai-prices); None: told from dialect and host."""
    login: Login | None = None
    """In place of ``api_key``: credentials that are fetched and refreshed."""
    project: str | None = None
    """Google Cloud project (Vertex)."""
    location: str | None = None
    """Google Cloud location (Vertex)."""
    api_version: str | None = None
    """In the address, where it is not the dialect's own: ``api-version`` at Azure, ``v1beta`` at Google."""
    vendor: str | None = None
    """The record of ``vendors.yaml`` that it is after."""
    api: Api | None = None
    """Which of OpenAI's APIs is spoken; None: chat, or the client's own where ``apis`` has it."""
    apis: frozenset[str] = frozenset({"chat", "embeddings", "rerank"})
    """What it serves of OpenAI's shape, as far as is known: ``chat responses completions embeddings rerank``."""
    passthrough: frozenset[str] = frozenset()
    """APIs of the account that clients may use: ``files``, ``batches``."""
    key_header: str | None = None
    """Carries ``api_key`` alone, where that is not ``Authorization: Bearer``."""
    rerank_path: str = "/rerank"
    """Behind ``base_url`` (``openai``)."""
    replay_reasoning: bool = False
    """It wants ``reasoning_content`` of earlier turns back (``openai``)."""
    quirks: ChatQuirks = OPENAI
    """How it differs from OpenAI, whose API it speaks (``openai``)."""
    drop: tuple[str, ...] = ()
    """Top-level fields that it refuses and whose absence changes nothing about the answer (``openai``)."""


@dataclass(frozen=True, slots=True)
class Target:
    """A model at a provider."""

    provider: str
    model: str
    weight: int = 1
    max_output_tokens: int | None = None
    """Stands in where the provider's dialect requires a limit and the client named none."""
    price: Price | None = None
    context_window: int | None = None
    """Tokens of prompt and answer together, where the published data does not know the model or is wrong."""
    api: Api | None = None
    """As ``Provider.api``, and before it."""
    known_as: str | None = None
    """The vendor's name of the model, where ``model`` is one that does not tell it (a deployment, an ARN)."""


@dataclass(frozen=True, slots=True)
class Commit:
    """When a stream's 200 goes to the client, after which no other provider can take over.

    ``first-token``: with the first content; ``events``: after ``events`` content events; ``after``: ``after`` seconds
    behind the first content; ``whole``: when the answer is complete (held up to ``buffer_limit`` bytes).
    """

    mode: Literal["first-token", "events", "after", "whole"] = "first-token"
    events: int = 0
    after: float = 0.0
    buffer_limit: int = 8 * 1024 * 1024


MAX_ATTEMPTS = 16
"""Of one request: longer chains only keep a client waiting."""


@dataclass(frozen=True, slots=True)
class Model:
    """An entry of the catalogue: what applications may ask for."""

    name: str
    targets: tuple[Target, ...]
    fallbacks: tuple[Target, ...] = ()
    aliases: tuple[str, ...] = ()
    enabled: bool = True
    strategy: Literal["weighted", "priority"] = "weighted"
    retry_on: frozenset[RetryCondition] = frozenset()
    retries: int = 0
    """Further tries of the same target before the next one; fewer where each target would not get its first any more."""
    first_token_timeout: float = 30.0
    """Streams: from the request to the first content, then the next target is tried."""
    stall_timeout: float = 60.0
    """Streams: the longest silence of the provider once content has begun."""
    timeout: float = 600.0
    """The whole answer of one attempt where it is not streamed, or is held until it is whole."""
    commit: Commit = Commit()
    drop_unsupported: bool = False
    created: int = 0
    """Unix seconds, shown by ``/v1/models``."""
    display_name: str | None = None


@dataclass(frozen=True, slots=True)
class VirtualKey:
    """A key of an application, declared in the file or made at run time.

    ``sha256`` is the lower-case hex digest of its plain text, which is stored nowhere.
    """

    name: str
    sha256: str
    id: str = ""
    """Never changes, also where the key is rotated; ledger and meters know the key by it. Declared keys: the name."""
    org: str | None = None
    team: str | None = None
    user: str | None = None
    models: frozenset[str] | None = None
    """Catalogue names it may use; None: all."""
    expires: datetime | None = None
    """The first instant at which it is refused, with time zone."""
    enabled: bool = True
    tags: Mapping[str, str] | None = None
    meters: tuple[Meter, ...] = ()
    credentials: Mapping[str, Secret] | None = None
    """Own keys at providers (BYOK), by the provider's name in the configuration."""
    unguarded: bool = False
    """Guards of its team and of the file do not hold for it; one in its own ``meters`` does."""


PartyKind = Literal["org", "team", "user"]


@dataclass(frozen=True, slots=True)
class Party:
    """An organisation, team or user: what holds for every key of it."""

    kind: PartyKind
    name: str
    org: str | None = None
    models: frozenset[str] | None = None
    """Catalogue names its keys may use at most; None: all."""
    enabled: bool = True
    tags: Mapping[str, str] | None = None
    meters: tuple[Meter, ...] = ()
    credentials: Mapping[str, Secret] | None = None
    """Own keys at providers (BYOK), by the provider's name in the configuration."""
    unguarded: bool = False
    """Guards of the file do not hold for its keys; one in its own ``meters`` does."""


@dataclass(frozen=True, slots=True)
class Store:
    """Where state lives that outlives a request."""

    url: Secret = Secret("embedded")
    """``embedded``, ``none`` (no ledger: budgets and limits cannot be set), or a Redis URL, which may hold a password."""
    prefix: str = "llmgw"
    """Of every key. It is a hash tag too, so a cluster keeps one gateway's ledger in one slot."""
    directory: str | None = None
    """State of the embedded store and journals; None: the platform's state folder."""
    ca_file: str | None = None
    hold_seconds: int = 60
    """After which a hold that nobody renews is charged at its bound."""
    keep_events_days: int = 90
    keep_events_max: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Webhook:
    """Somebody who is told of alerts."""

    url: Secret
    """May hold a token."""
    format: Literal["generic", "slack"] = "generic"
    secret: Secret | None = None
    """Signs generic webhooks: HMAC-SHA256 of the body."""


@dataclass(frozen=True, slots=True)
class JwtIssuer:
    """An identity provider whose bearer tokens are taken. Claims are paths with dots (``realm_access.team``)."""

    issuer: str
    jwks: str
    """``https://...`` or ``file:path``."""
    audiences: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    org_claim: str | None = None
    team_claim: str | None = None
    user_claim: str | None = "sub"
    models_claim: str | None = None
    tags_claims: Mapping[str, str] | None = None
    """Tag name → claim."""
    team_required: bool = False
    refresh_seconds: float = 300.0
    leeway_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Money:
    """Rules of money and limits that hold for everybody."""

    unknown_price: Literal["refuse", "free"] = "refuse"
    """What becomes of a request under a budget whose model has no price."""
    output_default: int = 16_384
    """The output limit of a request that names none, where budgets or limits on tokens count it."""
    output_floor: int = 256
    """The fewest output tokens that an answer is worth having; what is left below is a refusal."""
    budget_status: int = 402
    """Of a refusal for an exhausted budget."""
    show_cost: bool = False
    """Tell every client what its request cost; else only those that ask."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Where telemetry goes besides the log and ``/metrics``."""

    otlp_endpoint: str | None = None
    """Base URL of an OTLP/HTTP collector; None: no spans are made."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole configuration. ``version`` is a digest of the file: it names the snapshot in logs."""

    version: str
    listen_host: str
    listen_port: int
    admin_host: str
    admin_port: int
    admin_token: Secret | None
    workers: int
    max_request_bytes: int
    providers: Mapping[str, Provider]
    models: Mapping[str, Model]
    """By catalogue name; aliases are in ``names``."""
    names: Mapping[str, str]
    """Every name a client may write, aliases included → catalogue name."""
    keys: Mapping[str, VirtualKey]
    """By sha256."""
    telemetry: Telemetry
    admin_read_token: Secret | None = None
    """May look at everything of the admin API and change nothing."""
    drain: float = 30.0
    """Seconds that requests under way may go on behind SIGTERM."""
    secret: Secret | None = None
    """What ids of kept responses rest on; None: each provider's own key."""
    parties: Mapping[tuple[PartyKind, str], Party] = field(default_factory=dict[tuple[PartyKind, str], Party])
    meters: tuple[Meter, ...] = ()
    """Those of models, providers, tags and combinations. A ``*`` in a scope stands for any value: each has a meter."""
    store: Store = Store()
    money: Money = Money()
    alerts: tuple[Webhook, ...] = ()
    issuers: tuple[JwtIssuer, ...] = ()
    timezone: str = "UTC"
    """Of calendar windows of budgets that name none, those made at run time too."""
