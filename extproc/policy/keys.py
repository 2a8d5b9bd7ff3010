"""Which virtual key a request carries, and whether it may pass."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

from extproc.config.directory import Directory
from extproc.config.snapshot import Model, PartyKind, Snapshot, VirtualKey
from extproc.domain.errors import ModelNotAllowed, StoreUnavailable, Unauthenticated, UnknownModel, UnknownParty
from extproc.policy.meters import Principal, principal

KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
"""Where SDKs put keys: OpenAI, Anthropic, Azure, Google. All are removed before a provider sees the request."""

_LISTED = 20
"""How many model names an error lists; a catalogue may hold hundreds."""


def presented_key(headers: Mapping[str, str]) -> str:
    """The plain key of a request. Raises ``Unauthenticated`` where there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    for name in KEY_HEADERS[1:]:
        if value := headers.get(name, "").strip():
            return value
    raise Unauthenticated(
        "No API key was given. Send a virtual key of this gateway as 'Authorization: Bearer <key>' or 'x-api-key: <key>'."
    )


class TokenCheck(Protocol):
    """Who tells a bearer token of an identity provider (``extproc.policy.tokens``)."""

    async def identify(self, token: str, now_ns: int) -> VirtualKey:
        """The key that the token stands for. Raises ``Unauthenticated``, or ``IdentityUnavailable`` if nobody can tell."""
        ...


def authenticate(directory: Directory, presented: str, now_ns: int) -> Principal:
    """Who asks. Raises ``Unauthenticated``; the message never says more than the caller knows.

    The lookup is by digest, so its timing tells nothing of the stored keys; the comparison is constant-time besides.
    """
    digest = hashlib.sha256(presented.encode("utf-8", "surrogatepass")).hexdigest()
    key = directory.key(digest)
    if key is None and not directory.complete:
        raise StoreUnavailable(
            "Keys made at run time cannot be looked up at the moment: the gateway's store is away. Try again.",
            retry_after=5.0,
        )
    if key is None or not hmac.compare_digest(key.sha256, digest):
        raise Unauthenticated(
            "This API key is not known here. Use a virtual key of this gateway, not a provider's key."
        )
    if not key.enabled:
        raise Unauthenticated("This API key is switched off. Ask the platform team.")
    check_expiry(key, now_ns)
    return with_parties(directory, key)


def check_expiry(key: VirtualKey, now_ns: int) -> None:
    """Raises ``Unauthenticated`` from the key's last instant on."""
    if key.expires is not None and datetime.fromtimestamp(now_ns / 1e9, UTC) >= key.expires:
        raise Unauthenticated(
            f"This API key expired at {key.expires.isoformat()}. Ask the platform team for a new one."
        )


def with_parties(directory: Directory, key: VirtualKey) -> Principal:
    """A key that was checked, with what it belongs to.

    Raises ``Unauthenticated`` where that is switched off, ``UnknownParty`` where it is gone and its budgets with it.
    """
    who = principal(directory, key)
    if (unknown := _unknown_party(directory, who)) is not None:
        kind, name = unknown
        raise UnknownParty(
            f'The {kind} "{name}" of this API key is not known here, so neither are its budgets. Ask the platform'
            " team to declare it, or to move the key."
        )
    for party in who.parties:
        if not party.enabled:
            raise Unauthenticated(f'The {party.kind} "{party.name}" of this API key is switched off.')
    return who


def unknown_party(directory: Directory, key: VirtualKey) -> tuple[PartyKind, str] | None:
    """What a key belongs to that is gone, so that ``with_parties`` refuses it."""
    return _unknown_party(directory, principal(directory, key))


def _unknown_party(directory: Directory, who: Principal) -> tuple[PartyKind, str] | None:
    belongs: tuple[tuple[PartyKind, str | None], ...] = (("team", who.key.team), ("org", who.org))
    for kind, name in belongs:
        if name is not None and directory.party(kind, name) is None and directory.lists(kind):
            return kind, name
    return None


def _allowed_names(snapshot: Snapshot, who: Principal) -> frozenset[str] | None:
    """What key and parties all allow; None: everything. Tokens may say aliases."""
    allowed = who.key.models
    if allowed is not None and not allowed <= snapshot.models.keys():
        allowed = frozenset(snapshot.names.get(name, name) for name in allowed)
    for party in who.parties:
        if party.models is not None:
            allowed = party.models if allowed is None else allowed & party.models
    return allowed


def confined(snapshot: Snapshot, who: Principal) -> bool:
    """Whether there are models that this key, or what it belongs to, may not use."""
    return _allowed_names(snapshot, who) is not None


def usable_models(snapshot: Snapshot, who: Principal) -> list[Model]:
    """The catalogue as this key sees it, in the order of the file."""
    allowed = _allowed_names(snapshot, who)
    return [m for m in snapshot.models.values() if m.enabled and (allowed is None or m.name in allowed)]


def resolve_model(snapshot: Snapshot, who: Principal, asked: str) -> Model:
    """The catalogue entry of a name. Raises ``UnknownModel`` (404) or ``ModelNotAllowed`` (403), naming what is allowed."""
    name = snapshot.names.get(asked)
    model = snapshot.models[name] if name is not None else None
    if model is None or not model.enabled:
        state = "is switched off" if model is not None else "is not in the catalogue"
        raise UnknownModel(f"The model '{asked[:100]}' {state}. {_allowed(snapshot, who)}", param="model")
    allowed = _allowed_names(snapshot, who)
    if allowed is not None and model.name not in allowed:
        raise ModelNotAllowed(f"This API key may not use the model '{asked}'. {_allowed(snapshot, who)}", param="model")
    return model


def _allowed(snapshot: Snapshot, who: Principal) -> str:
    names = [model.name for model in usable_models(snapshot, who)]
    if who.key.models is not None and not who.key.models:  # only a token's claim can be empty
        claims = {issuer.models_claim for issuer in snapshot.issuers}
        listed = " or ".join(sorted(f"'{claim}'" for claim in claims if claim is not None))
        return f"This token may use no model: its claim {listed} lists none, or is not there."
    if not names:
        return "This key may use no model at present."
    more = f" and {len(names) - _LISTED} more (GET /v1/models lists all)" if len(names) > _LISTED else ""
    return f"This key may use: {', '.join(names[:_LISTED])}{more}."
