"""What vendors keep between requests: responses, their items, files, batches. Bounded, and separate for each account."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.dialect import Exchange

T = TypeVar("T")

CAPACITY = 1_000
"""Of each kind, over all accounts; the oldest goes first. Tests keep few things, and a soak must not fill the memory."""
FILE_BYTES = 256 * 1024 * 1024
"""Contents of all files together: one of the largest that a request can bring."""

RESPONSE_BYTES = 128 * 1024 * 1024
"""Requests of all stored responses together."""


class Kept(Generic[T]):
    """Things by account and id, oldest first; the oldest go where there are too many, or they are too large together."""

    def __init__(self, capacity: int = CAPACITY, budget: int = 0) -> None:
        self._things: OrderedDict[tuple[str, str], tuple[T, int]] = OrderedDict()
        self._capacity = capacity
        self._budget = budget
        self._size = 0

    def __len__(self) -> int:
        return len(self._things)

    def put(self, account: str, identity: str, thing: T, size: int = 0) -> None:
        """Keep one of ``size`` bytes under an id of its own; others may have to go."""
        self._things[account, identity] = thing, size
        self._size += size
        while len(self._things) > self._capacity or self._size > self._budget:
            _, (_, freed) = self._things.popitem(last=False)
            self._size -= freed

    def get(self, account: str, identity: str) -> T | None:
        """The account's thing of this id."""
        found = self._things.get((account, identity))
        return None if found is None else found[0]

    def drop(self, account: str, identity: str) -> None:
        """Forget one that is there."""
        _, size = self._things.pop((account, identity))
        self._size -= size

    def of(self, account: str) -> Iterator[T]:
        """The account's things, oldest first."""
        return (thing for (owner, _), (thing, _) in self._things.items() if owner == account)


@dataclass(frozen=True, slots=True)
class KeptItem:
    """An output item of a stored response, and the reasoning item that it came from (empty: none)."""

    item: JsonObject
    reasoning: str


@dataclass(frozen=True, slots=True)
class KeptResponse:
    """A stored response; ``items``: the whole conversation up to and with its output."""

    exchange: Exchange
    items: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file: its object as the API shows it, and its content."""

    document: JsonObject
    content: bytes


@dataclass(slots=True)
class KeptBatch:
    """A batch: its object in each of its coming states, which the reads of it go through."""

    states: list[JsonObject]


class Shelf:
    """Everything that is kept."""

    def __init__(self) -> None:
        self.responses: Kept[KeptResponse] = Kept(budget=RESPONSE_BYTES)
        self.items: Kept[KeptItem] = Kept(10 * CAPACITY)
        self.batches: Kept[KeptBatch] = Kept()
        self._files: Kept[KeptFile] = Kept()
        self._bytes = 0

    @property
    def files(self) -> Kept[KeptFile]:
        """The files; to be added to by ``add_file`` only."""
        return self._files

    def add_file(self, account: str, file: KeptFile) -> bool:
        """Keep a file; false where there is no room for it."""
        if self._bytes + len(file.content) > FILE_BYTES or len(self._files) >= CAPACITY:
            return False
        self._bytes += len(file.content)
        self._files.put(account, str(file.document["id"]), file)
        return True

    def drop_file(self, account: str, file: KeptFile) -> None:
        """Forget a file that is there."""
        self._bytes -= len(file.content)
        self._files.drop(account, str(file.document["id"]))
