"""What the phases need of the world, so that tests can give them another one."""

import os
import random
import time
from collections.abc import Awaitable, Sequence
from typing import Protocol

from extproc.domain.ledger import Hold, HoldOrder, Settlement


class Clock(Protocol):
    """Time."""

    def now_ns(self) -> int:
        """Wall clock, Unix nanoseconds: comparable between processes."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step back: for deadlines within a process."""
        ...


class Dice(Protocol):
    """Chance."""

    def pick(self, weights: Sequence[int]) -> int:
        """An index, with probability in proportion to its weight; at least one weight is positive."""
        ...

    def new_id(self) -> str:
        """An id that no other request has."""
        ...


class Ledger(Protocol):
    """The books: see ``extproc.domain.ledger`` for the life of a hold. Only ``hold`` and ``charge`` wait for the store."""

    def hold(self, order: HoldOrder) -> Awaitable[Hold]:
        """Take what the order asks, all or nothing. Raises ``StoreUnavailable`` where the policy is to refuse."""
        ...

    def open(self, order: HoldOrder) -> None:
        """As ``hold``, for an order without lines, which is always granted: nobody waits for it."""
        ...

    def settle(self, settlement: Settlement) -> None:
        """An attempt has ended. Never lost, never counted twice: retried while the store is away."""
        ...

    def charge(self, settlement: Settlement) -> Awaitable[bool]:
        """As ``settle``, not final: a failed attempt cost money. Whether the hold still covers a further attempt."""
        ...

    def resume(self, hold_id: str, attempts: Sequence[int]) -> Awaitable[bool]:
        """A further attempt begins, and nobody said how these earlier ones ended: whether the hold covers it."""
        ...

    def close(self, hold_id: str, attempts: Sequence[int]) -> None:
        """Admission has seen the request's end, which no attempt answered; these attempts are known to have been sent."""
        ...

    def keep(self, hold_id: str) -> None:
        """A request of this hold is under way in this process: renew it until ``drop``."""
        ...

    def drop(self, hold_id: str) -> None:
        """This process has nothing more to do with the hold."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Wall clock, Unix nanoseconds."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()


class SystemDice:
    """The machine's randomness; load balancing needs no secrecy, ids do not either."""

    def __init__(self) -> None:
        self._random = random.Random(os.urandom(16))  # noqa: S311  weights, not secrets

    def pick(self, weights: Sequence[int]) -> int:
        """An index by weight."""
        return self._random.choices(range(len(weights)), weights)[0]

    def new_id(self) -> str:
        """A random UUID (RFC 9562 section 5.4), made by hand: two are made for each request."""
        digits = f"{self._random.getrandbits(128):032x}"
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
