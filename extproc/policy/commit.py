"""When a withheld stream goes to the client: from then on no other provider can take over.

The gate is asked after each piece of the answer and when its deadline passes; it holds no bytes itself.
"""

from extproc.config.snapshot import Commit


class CommitGate:
    """Decides for one answer. Times are monotonic seconds."""

    __slots__ = ("_commit", "_content", "_window_ends")

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._content = 0
        self._window_ends: float | None = None

    @property
    def deadline(self) -> float | None:
        """When to ask again though nothing came: the end of the probe window of ``after``."""
        return self._window_ends

    def opens(self, *, content: int, ended: bool, held: int, now: float) -> bool:
        """Whether to commit, given ``content`` further content events, the answer's end, and the bytes held so far."""
        self._content += content
        if ended or held > self._commit.buffer_limit:
            return True
        if self._content == 0:
            return False
        match self._commit.mode:
            case "first-token":
                return True
            case "events":
                return self._content >= self._commit.events
            case "after":
                if self._window_ends is None:
                    self._window_ends = now + self._commit.after
                return now >= self._window_ends
            case _:  # whole
                return False
