"""What an attempt has used of its provider, and what that costs: as the provider says, or as far as one can tell."""

from extproc.accounting.estimate import Delivered
from extproc.domain.errors import Aborted, InternalError, NoAnswer, ProviderTimeout
from extproc.domain.usage import Usage
from extproc.phases.settlement import Account
from extproc.telemetry.records import OK
from extproc.translate.answer import TranslatedAnswer
from extproc.translate.response import AnswerStream

_BYTES_OF_EVENT = 4
"""A whole answer has no events to count: about as many bytes as streams have in one."""
_AT_WORK = 0.1
"""Seconds behind which a provider without a word is taken to work on the request."""
_PACE = 100
"""Output tokens a second, where nothing is delivered that could be counted: about what the vendors' middle models write."""
_CRASHED = InternalError("").outcome
_BROKEN_OFF = frozenset({Aborted("").outcome, NoAnswer("").outcome, ProviderTimeout("").outcome})


class Spending:
    """Of one attempt at ``operation``. Times ``waited`` are seconds since it began."""

    def __init__(self, account: Account, operation: str) -> None:
        self.status: int | None = None
        """The provider's; None: it has sent none."""
        self.usage = Usage()
        self.estimated = False
        self.cost: int | None = None
        """Nano-dollars, once reckoned; None: nobody knows the price."""
        self._account = account
        self._is_chat = operation == "chat"
        self._request = b""
        self._stream: AnswerStream | None = None
        self._whole_bytes = 0
        self._service_tier: str | None = None

    def sent(self, request: bytes) -> None:
        """The request goes out; this is the client's body."""
        self._request = request

    def answered(self, status: int) -> None:
        """The provider has answered with this status."""
        self.status = status

    def progress(self, stream: AnswerStream) -> None:
        """A piece of a streamed answer was read."""
        self._stream = stream
        self.usage = stream.usage
        self._service_tier = stream.service_tier

    def whole(self, answer: TranslatedAnswer) -> None:
        """A whole answer was read."""
        self.usage = answer.usage
        # Of an answer without a word (a sound, a file) all of it: rather too much than free.
        self._whole_bytes = answer.written_bytes or len(answer.body)
        self._service_tier = answer.service_tier

    def cut_short(self, size: int) -> None:
        """Of a whole answer so many bytes came, and then no more: the provider had written all of it."""
        self._whole_bytes = size

    def shown_cost(self) -> int | None:
        """Nano-dollars, as ``reckon`` will find them for the answer that is here; None where nobody knows them yet.

        Without a word from the provider a stream's are known at its end.
        """
        if self.usage.total:
            return self._cost_of(self.usage)
        if self._stream is not None and not self._stream.terminal:
            return None
        delivered = self._delivered()
        if not delivered.output_events and not self._account.read:
            return self._cost_of(self.usage)
        return self._cost_of(self._account.estimate(self.usage, self._request, delivered, unseen=0))

    def _cost_of(self, usage: Usage) -> int | None:
        return self._account.cost(usage, self._service_tier)

    def _delivered(self) -> Delivered:
        if self._stream is not None:
            stream = self._stream
            return Delivered(stream.output_bytes, stream.output_events, stream.thinking_shown)
        if self._whole_bytes and self._is_chat:
            return Delivered(self._whole_bytes, -(-self._whole_bytes // _BYTES_OF_EVENT))
        return Delivered()

    def is_any(self, outcome: str, waited: float) -> bool:
        """Whether an attempt that ends with this outcome has cost something: for what was counted, or delivered."""
        delivered = self._whole_bytes > 0 or (self._stream is not None and self._stream.output_events > 0)
        return self.usage.total > 0 or delivered or self._left_reading(outcome, waited)

    def reckon(self, outcome: str, waited: float) -> None:
        """The attempt ends with this outcome: its usage is estimated where it has to be, and priced."""
        delivered = self._delivered()
        if outcome == OK and self.usage.total:
            if self._stream is not None:
                self._account.learn(self.usage, self._request, delivered)
        elif (
            self.usage.total
            or delivered.output_events
            or self._left_reading(outcome, waited)
            or (outcome == OK and self._account.read)
        ):
            unseen = self._unseen(outcome, waited)
            self.usage = self._account.estimate(self.usage, self._request, delivered, unseen=unseen)
            self.estimated = True
        self.cost = self._cost_of(self.usage)
        if self.cost is not None and outcome != OK and not self.usage.total:
            self.cost = 0  # vendors bill no fee for a request that they refuse

    def _unseen(self, outcome: str, waited: float) -> int:
        """Output tokens that were written, and billed, with nothing delivered yet: whole answers, hidden reasoning.

        A stream that tells its usage at the start shows its reasoning, too.
        """
        shown = self._stream is not None and (self._stream.output_events > 0 or self.usage.total > 0)
        return 0 if shown or not self._left_reading(outcome, waited) else int(waited * _PACE)

    def _left_reading(self, outcome: str, waited: float) -> bool:
        """Whether the transfer broke off while the provider was at work: it has read the prompt by then, and bills it.

        A provider that resets a request instead of answering does so at once, and one that refuses it sends a status.
        """
        if outcome == _CRASHED:  # of our own: the provider has done its part
            return self.status is not None and self.status < 300
        at_work = waited >= _AT_WORK if self.status is None else self.status < 300
        return at_work and outcome in _BROKEN_OFF
