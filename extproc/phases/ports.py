"""What the phases need of the world, so that tests can give them another one."""

import os
import random
import time
import uuid
from collections.abc import Sequence
from typing import Protocol


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
        """A random UUID."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
