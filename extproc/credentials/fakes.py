"""A source that gives what a test lays out for it."""

from collections import deque
from collections.abc import Iterable

from extproc.credentials.fetched import Fetched


class FakeSource:
    """Gives its answers in order, the last one again and again; an exception is raised."""

    def __init__(self, answers: Iterable[Fetched | Exception]) -> None:
        self._answers = deque(answers)
        self.asked = 0

    def fetch(self) -> Fetched:
        """See ``Source``."""
        self.asked += 1
        answer = self._answers.popleft() if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer
