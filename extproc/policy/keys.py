"""Which virtual key a request carries, and whether it may pass."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

from extproc.config.snapshot import Model, Snapshot, VirtualKey
from extproc.domain.errors import ModelNotAllowed, Unauthenticated, UnknownModel

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


def authenticate(snapshot: Snapshot, headers: Mapping[str, str], now_ns: int) -> VirtualKey:
    """The virtual key of a request. Raises ``Unauthenticated``; the message never says more than the caller knows.

    The lookup is by digest, so its timing tells nothing of the stored keys; the comparison is constant-time besides.
    """
    digest = hashlib.sha256(presented_key(headers).encode()).hexdigest()
    key = snapshot.keys.get(digest)
    if key is None or not hmac.compare_digest(key.sha256, digest):
        raise Unauthenticated(
            "This API key is not known here. Use a virtual key of this gateway, not a provider's key."
        )
    if not key.enabled:
        raise Unauthenticated("This API key is switched off. Ask the platform team.")
    if key.expires is not None and datetime.fromtimestamp(now_ns / 1e9, UTC) >= key.expires:
        raise Unauthenticated(
            f"This API key expired at {key.expires.isoformat()}. Ask the platform team for a new one."
        )
    return key


def usable_models(snapshot: Snapshot, key: VirtualKey) -> list[Model]:
    """The catalogue as this key sees it, in the order of the file."""
    return [m for m in snapshot.models.values() if m.enabled and (key.models is None or m.name in key.models)]


def resolve_model(snapshot: Snapshot, key: VirtualKey, asked: str) -> Model:
    """The catalogue entry of a name. Raises ``UnknownModel`` (404) or ``ModelNotAllowed`` (403), naming what is allowed."""
    name = snapshot.names.get(asked)
    model = snapshot.models[name] if name is not None else None
    if model is None or not model.enabled:
        state = "is switched off" if model is not None else "is not in the catalogue"
        raise UnknownModel(f"The model '{asked[:100]}' {state}. {_allowed(snapshot, key)}", param="model")
    if key.models is not None and model.name not in key.models:
        raise ModelNotAllowed(f"This API key may not use the model '{asked}'. {_allowed(snapshot, key)}", param="model")
    return model


def _allowed(snapshot: Snapshot, key: VirtualKey) -> str:
    names = [model.name for model in usable_models(snapshot, key)]
    if not names:
        return "This key may use no model at present."
    more = f" and {len(names) - _LISTED} more (GET /v1/models lists all)" if len(names) > _LISTED else ""
    return f"This key may use: {', '.join(names[:_LISTED])}{more}."
