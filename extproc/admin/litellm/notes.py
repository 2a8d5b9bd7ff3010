"""What LiteLLM's clients say of a record that the gateway itself has no use for: kept in the record's metadata, under one name.

The gateway's own fields are the truth; a note counts only as long as it says the same in other words.
"""

from collections.abc import Mapping

from pydantic import JsonValue

from extproc.state.records import Holder, JsonDict

NOTES = "litellm"
"""The name in the metadata."""


def notes_of(holder: Holder | None) -> Mapping[str, JsonValue]:
    """The notes of a record; empty where there are none."""
    notes = holder.metadata.get(NOTES) if holder is not None else None
    return notes if isinstance(notes, dict) else {}


def without_notes(holder: Holder | None) -> JsonDict:
    """The metadata as its owner wrote it."""
    return {} if holder is None else {name: value for name, value in holder.metadata.items() if name != NOTES}


def noted(metadata: Mapping[str, JsonValue], notes: Mapping[str, JsonValue]) -> JsonDict:
    """Metadata with notes; those that are null are left out."""
    kept: dict[str, JsonValue] = {name: value for name, value in notes.items() if value is not None}
    return {**metadata, NOTES: kept} if kept else dict(metadata)


def text_note(notes: Mapping[str, JsonValue], name: str) -> str | None:
    """A note that is a text."""
    value = notes.get(name)
    return value if isinstance(value, str) else None
