"""A ledger in this process alone: the fake of ``RedisLedger``, with the same meaning and no store to be away."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from extproc.domain.ledger import Hold, HoldOrder, Settlement
from extproc.state.books import Books

_Answer = TypeVar("_Answer")


class MemoryLedger:
    """Implements ``extproc.phases.ports.Ledger``. ``now_ns``: Unix nanoseconds. ``books`` shows what is in it."""

    def __init__(self, now_ns: Callable[[], int], hold_seconds: int = 60) -> None:
        self.books = Books(hold_seconds)
        self.kept: dict[str, int] = {}
        """How often each hold is kept."""
        self._now_ns = now_ns

    def _now(self) -> int:
        return self._now_ns() // 1_000_000

    def hold(self, order: HoldOrder) -> Awaitable[Hold]:
        """Take what the order asks, all or nothing."""
        return _ready(self.books.hold(order, self._now()))

    def open(self, order: HoldOrder) -> None:
        """As ``hold``, for an order without lines."""
        self.books.hold(order, self._now(), ask=False)

    def settle(self, settlement: Settlement) -> None:
        """An attempt has ended."""
        self.books.settle(settlement, self._now())

    def charge(self, settlement: Settlement) -> Awaitable[bool]:
        """As ``settle``; whether the hold still covers a further attempt."""
        return _ready(self.books.settle(settlement, self._now()).covered)

    def resume(self, hold_id: str, attempts: Sequence[int]) -> Awaitable[bool]:
        """A further attempt begins: whether the hold covers it."""
        return _ready(self.books.cover(hold_id, attempts, self._now()) or False)

    def close(self, hold_id: str, attempts: Sequence[int]) -> None:
        """Admission has seen the request's end."""
        self.books.close(hold_id, attempts, self._now())

    def keep(self, hold_id: str) -> None:
        """A request of this hold is under way."""
        self.kept[hold_id] = self.kept.get(hold_id, 0) + 1

    def drop(self, hold_id: str) -> None:
        """It is not any more."""
        left = self.kept.get(hold_id, 0) - 1
        if left > 0:
            self.kept[hold_id] = left
        else:
            self.kept.pop(hold_id, None)

    def renew(self) -> None:
        """What ``RedisLedger`` does by itself now and then."""
        self.books.renew([*self.kept], self._now())


def _ready(answer: _Answer) -> asyncio.Future[_Answer]:
    future: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
    future.set_result(answer)
    return future
