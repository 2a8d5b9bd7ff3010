"""Who there is: keys by digest, and the parties they belong to.

``Declared`` knows those of the file. ``extproc.state.directory`` adds those made at run time.
"""

from typing import Protocol

from extproc.config.snapshot import Party, PartyKind, Snapshot, VirtualKey


class Directory(Protocol):
    """Answers from memory: nothing here waits."""

    def key(self, sha256: str) -> VirtualKey | None:
        """The key with this digest, also one that is switched off or has expired."""
        ...

    def named(self, key_id: str) -> VirtualKey | None:
        """The key with this id."""
        ...

    def party(self, kind: PartyKind, name: str) -> Party | None:
        """An organisation, team or user."""
        ...

    def lists(self, kind: PartyKind) -> bool:
        """Whether there are any parties of this kind: then a name that is not among them is a mistake."""
        ...

    @property
    def complete(self) -> bool:
        """Whether a digest that is not known here is known nowhere: False while the store was never reached."""
        ...


class Declared(Directory):
    """The file's own keys and parties."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._kinds = {kind for kind, _ in snapshot.parties}
        self._named = {key.id: key for key in snapshot.keys.values()}

    def key(self, sha256: str) -> VirtualKey | None:
        """See ``Directory``."""
        return self._snapshot.keys.get(sha256)

    def named(self, key_id: str) -> VirtualKey | None:
        """See ``Directory``."""
        return self._named.get(key_id)

    def party(self, kind: PartyKind, name: str) -> Party | None:
        """See ``Directory``."""
        return self._snapshot.parties.get((kind, name))

    def lists(self, kind: PartyKind) -> bool:
        """See ``Directory``."""
        return kind in self._kinds

    @property
    def complete(self) -> bool:
        """See ``Directory``."""
        return True
