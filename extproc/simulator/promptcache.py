"""A memory of prompt prefixes, so that usage can tell cache writes from cache reads.

A prompt is a chain of blocks. Where a block is marked, the prefix up to it is remembered; a later prompt reads the longest
prefix that is remembered, at any block of its own, and writes its own marked prefixes beyond that. Entries expire as the
vendors' do. There is no minimum size, unlike the vendors', so that short tests can use it.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from extproc.domain.reading import Json

CAPACITY = 10_000
"""Remembered prefixes; about 1 MB. The oldest goes first."""

SHORT = 300
LONG = 3600


class Block(NamedTuple):
    """A part of a prompt: its content, its input tokens, and for how many seconds the prefix up to it is to be kept."""

    content: Json
    tokens: int
    keep: int | None = None


class CacheUse(NamedTuple):
    """Input tokens read from the cache, and written to it by lifetime."""

    read: int = 0
    written_short: int = 0
    written_long: int = 0


class PromptCache:
    """Prefixes seen before, per scope (account and model)."""

    def __init__(self) -> None:
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def use(self, scope: str, blocks: Iterable[Block], now: float) -> CacheUse:
        """Read what can be read, write what is marked. ``now`` in seconds of any steady clock."""
        chain = _chain(scope, blocks)
        read = max((total for digest, total, _ in chain if self._until.get(digest, -1.0) > now), default=0)
        short = long = 0
        reached = read
        for digest, total, keep in chain:
            if keep is None:
                continue
            self._remember(digest, now + keep)
            if total > reached:
                if keep > SHORT:
                    long += total - reached
                else:
                    short += total - reached
                reached = total
        return CacheUse(read, short, long)

    def _remember(self, digest: bytes, until: float) -> None:
        self._until[digest] = max(until, self._until.get(digest, 0.0))
        self._until.move_to_end(digest)
        while len(self._until) > CAPACITY:
            self._until.popitem(last=False)


def _chain(scope: str, blocks: Iterable[Block]) -> Sequence[tuple[bytes, int, int | None]]:
    digest = hashlib.sha256(scope.encode())
    total = 0
    chain: list[tuple[bytes, int, int | None]] = []
    for block in blocks:
        digest.update(orjson.dumps(block.content, option=orjson.OPT_SORT_KEYS) + b"\n")
        total += block.tokens
        chain.append((digest.digest(), total, block.keep))
    return chain
