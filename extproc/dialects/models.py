"""``GET /v1/models`` in OpenAI's and in Anthropic's shape.

Sources: https://platform.openai.com/docs/api-reference/models, https://docs.anthropic.com/en/api/models-list.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass


@valueclass
class ModelEntry:
    """One name a key may write. ``created`` is Unix seconds; ``owner`` the one who lists it."""

    id: str
    display_name: str
    created: int
    owner: str


def openai_model(entry: ModelEntry) -> JsonObject:
    """One model, OpenAI's shape."""
    return {"id": entry.id, "object": "model", "created": entry.created, "owned_by": entry.owner}


def openai_models(entries: Sequence[ModelEntry]) -> JsonObject:
    """The list, OpenAI's shape."""
    return {"object": "list", "data": [openai_model(entry) for entry in entries]}


def anthropic_model(entry: ModelEntry) -> JsonObject:
    """One model, Anthropic's shape."""
    created = datetime.fromtimestamp(entry.created, UTC).isoformat().replace("+00:00", "Z")
    return {
        "type": "model",
        "id": entry.id,
        "display_name": entry.display_name,
        "created_at": created,
        "lifecycle": "active",  # a model that is switched off is not listed
    }


def anthropic_models(entries: Sequence[ModelEntry]) -> JsonObject:
    """The list, Anthropic's shape: one page holds all."""
    data: list[Json] = [anthropic_model(entry) for entry in entries]
    return {
        "data": data,
        "has_more": False,
        "first_id": entries[0].id if entries else None,
        "last_id": entries[-1].id if entries else None,
    }
