"""Who asks: virtual keys, the parties they belong to, and the identity providers whose tokens are taken."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema, model_validator

from extproc.config.quantities import seconds_between
from extproc.config.scalars import Digest, Duration, Instant, Name, SecretText, Text, wrong
from extproc.config.sections import Guard, Metered, Section

_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class CredentialSpec(Section):
    """An own key at a provider."""

    api_key: SecretText = Field(description="Sent to this provider in place of the gateway's own key.")


Credentials = dict[Name, CredentialSpec]


class HolderSpec(Metered):
    """What can be said of a key and of the parties it belongs to."""

    models: tuple[Name, ...] | None = Field(
        default=None, description="Models of the catalogue it may use, by name or alias; without it: all.", min_length=1
    )
    enabled: bool = Field(default=True, description="false refuses it.")
    tags: dict[Name, Text] = Field(
        default_factory=dict[str, str], description="Put on every request made with it: {environment: qa}."
    )
    providers: Credentials = Field(
        default_factory=dict[str, CredentialSpec],
        description="Own keys at providers (BYOK): {openai: {api_key: ${TEAM_KEY}}}.",
    )
    residency: Text | None = Field(default=None, description="Only providers of this region serve it.")


class KeySpec(HolderSpec):
    """A virtual key. Exactly one of ``sha256`` and ``key``."""

    name: Name = Field(description="Name in logs, metrics and reports; budgets and limits know the key by it.")
    sha256: Digest | None = Field(
        default=None, description='SHA-256 of the key in hex, as printed by: printf %s "$KEY" | sha256sum'
    )
    key: SecretText | None = Field(default=None, description="The key itself, only by reference: ${ENV} or file:path.")
    org: Name | None = Field(default=None, description="The organisation it belongs to; default: its team's or user's.")
    team: Name | None = Field(default=None, description="The team it belongs to.")
    user: Name | None = Field(default=None, description="The user it belongs to.")
    expires: Instant | None = Field(
        default=None,
        description="The first instant at which it is refused. A bare date is 00:00 UTC of that day; "
        "a time without a zone is UTC.",
    )
    guard: Guard | None = Field(default=None, description="Its own guard in place of the one for all keys, or off.")


class OrgSpec(HolderSpec):
    """An organisation."""


class UserSpec(HolderSpec):
    """A user."""

    org: Name | None = Field(default=None, description="The organisation it belongs to.")


class TeamSpec(HolderSpec):
    """A team."""

    org: Name | None = Field(default=None, description="The organisation it belongs to.")
    guard: Guard | None = Field(
        default=None, description="The guard of its keys in place of the one for all keys, or off."
    )


def _algorithm(value: object) -> str:
    if isinstance(value, str) and value in _ALGORITHMS:
        return value
    mend = f"Use {', '.join(_ALGORITHMS)}"
    if isinstance(value, str) and value.upper().startswith("HS"):
        raise wrong("is a shared secret: whoever can check a token could make one", mend)
    if isinstance(value, str) and value.lower() == "none":
        raise wrong("would take tokens that nobody signed", mend)
    raise wrong("must be an algorithm with a public key", mend, show=True)


def _jwks(value: object) -> str:
    text = value if isinstance(value, str) else ""
    if text.startswith("file:") and len(text) > len("file:"):
        return text
    try:
        url = urlsplit(text)
        scheme, host = url.scheme, url.hostname
    except ValueError:
        scheme, host = "", None
    if host and (scheme == "https" or (scheme == "http" and host in _LOOPBACK)):
        return text
    if host and scheme == "http":
        raise wrong("would fetch keys that anybody on the way could exchange", "Use https:// or file:path")
    raise wrong("must be an https:// URL or file:path", "Identity providers name it as jwks_uri")


def _some(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise wrong("must not be empty", "Remove the line to have the default")
    return values


Algorithm = Annotated[str, PlainValidator(_algorithm), WithJsonSchema({"enum": list(_ALGORITHMS)})]
Jwks = Annotated[str, PlainValidator(_jwks), WithJsonSchema({"type": "string", "pattern": "^(https?://|file:).+"})]
Leeway = Annotated[
    float,
    seconds_between(0, 600, "from 0s to 10m"),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|m|h)?$"}, {"type": "number"}]}),
]


class ClaimsSpec(Section):
    """Which claim says what; a dot leads into an object: ``realm_access.team``."""

    org: Name | None = Field(default=None, description="Claim with the organisation.")
    team: Name | None = Field(default=None, description="Claim with the team.")
    user: Name = Field(default="sub", description="Claim with the user. Default sub.")
    models: Name | None = Field(default=None, description="Claim with the models that may be used; without it: all.")
    tags: dict[Name, Name] = Field(
        default_factory=dict[str, str], description="Tags by their claims: {environment: env}."
    )


class JwtSpec(Section):
    """An identity provider whose bearer tokens are taken in place of virtual keys."""

    issuer: Text = Field(description="As in the claim iss, to the letter.")
    jwks: Jwks = Field(
        description="Its public keys: an https:// URL, or file:path (read again on every refresh; "
        "relative to the folder of this configuration)."
    )
    audiences: tuple[Text, ...] = Field(
        default=(), description="One of these must be in the claim aud; without it tokens for anybody are taken."
    )
    algorithms: Annotated[tuple[Algorithm, ...], AfterValidator(_some)] = Field(
        default=("RS256", "ES256"), description="Signatures that are taken. Default [RS256, ES256]."
    )
    claims: ClaimsSpec = Field(default_factory=ClaimsSpec, description="Which claim says what.")
    require_team: bool = Field(default=False, description="true refuses tokens that name no team.")
    refresh: Duration = Field(default=300.0, description="How often the keys are read again. Default 5m.")
    leeway: Leeway = Field(default=30.0, description="How far clocks may differ. Default 30s.")

    @model_validator(mode="after")
    def _team(self) -> "JwtSpec":
        if self.require_team and self.claims.team is None:
            raise wrong("require_team needs claims.team", "Write claims: {team: ...} with the claim that names it")
        return self
