"""What a changed file did to keys that were made at run time, for the log of a gateway that starts."""

from collections.abc import Iterator

from extproc.config.problems import listed
from extproc.config.snapshot import PartyKind, Snapshot
from extproc.policy.keys import unknown_party
from extproc.state.directory import LiveDirectory
from extproc.state.records import KeyRecord


def slips(directory: LiveDirectory, snapshot: Snapshot) -> Iterator[str]:
    """One message for each party that is gone from above some keys, and for each name that means two keys."""
    orphans: dict[tuple[PartyKind, str], list[str]] = {}
    for record in directory.roll.records():
        key = directory.roll.key_by_id(record.id) if isinstance(record, KeyRecord) else None
        if key is not None and (gone := unknown_party(directory, key)) is not None:
            orphans.setdefault(gone, []).append(key.name)
    for (kind, name), keys in orphans.items():
        yield f"keys made at run time are refused, for nobody declares their {kind} '{name}' any more: {listed(keys)}"
    for declared in snapshot.keys.values():
        if (other := directory.roll.key_record(declared.name)) is not None:
            yield (
                f"the key '{declared.name}' of the file has the name of one made at run time, "
                f"which only its id means now: {other.id}"
            )
