"""What a cut answer came to, where the provider had no chance to say it. Its counterpart is ``cost``.

What the provider has reported stays as it is. The rest is told from what was delivered, by one of two measures: the
events of the stream, of which most vendors and servers send one for each token, or the bytes of its text, for those that
put several tokens into one event. Which is truer differs by provider and model, so both are tried on every complete
answer, and the one that was less wrong of late is believed. Before anything is learnt, events that are no longer than a
token is taken to be tokens.
"""

from dataclasses import dataclass, field, replace

from extproc.accounting.bound import Bound
from extproc.domain.usage import Usage
from extproc.domain.valueclass import valueclass

_MILLI = 1000
_DEFAULT_BYTES = 4 * _MILLI
"""Four bytes for a token is what OpenAI says of English text: https://developers.openai.com/tokenizer"""
_TOKEN_BYTES = 8
"""Events of so few bytes on average cannot hold two tokens each: those would have nine, in English."""
_MEMORY = 16
"""Answers that a ratio remembers: each one counts a sixteenth less with every further one."""
_SCALE = 1 << 20
"""Sums are kept in this fraction of their unit, so that what is forgotten is not rounded away."""
_MODELS = 1_000
"""Kept at most; the one that has learnt nothing for the longest time goes first."""


@valueclass
class Ratio:
    """How tokens of a model relate to what can be counted of them. Thousandths, but for ``hidden``."""

    input_bytes: int = _DEFAULT_BYTES
    """Of the request's text (``Bound.text_bytes``) for one prompt token."""
    output_bytes: int = _DEFAULT_BYTES
    """Of delivered text for one output token."""
    event_tokens: int = _MILLI
    """Output tokens in one event."""
    by_events: bool | None = None
    """Whether events are the truer measure; None: not known yet."""
    hidden: int = 0
    """Tokens of an answer, whole ones, that were billed and never shown: reasoning of which the vendor sends nothing."""
    error: int = 0
    """Of late, the share by which estimates of complete answers were off."""

    def output_tokens(self, output_bytes: int, output_events: int) -> int:
        """Output tokens of what was delivered, without those that are never shown."""
        by_events = self.by_events
        if by_events is None:
            by_events = output_bytes <= output_events * _TOKEN_BYTES
        if by_events:
            return _rounded(output_events * self.event_tokens, _MILLI)
        return _rounded(output_bytes * _MILLI, self.output_bytes)


UNLEARNT = Ratio()

_IMAGE_BYTES = 4_000
"""Of text that would be as many tokens as a common image: a thousand. 1024 x 1024 pixels are 765 to 1,450."""


def prompt_bytes(bound: Bound) -> int:
    """The ``input_bytes`` of a request for ``estimate_usage``: its text, and images as if they were text."""
    return bound.text_bytes + bound.images * _IMAGE_BYTES


@dataclass(slots=True)
class Delivered:
    """What has come of one answer."""

    output_bytes: int = 0
    """UTF-8 bytes of text, thinking, refusals and arguments of tool calls."""
    output_events: int = 0
    """Events with such content."""
    thinking: bool = False
    """Whether reasoning was shown."""


def estimate_usage(
    known: Usage,
    *,
    output_bytes: int,
    input_bytes: int,
    output_events: int = 0,
    ratio: Ratio = UNLEARNT,
    limit: int | None = None,
) -> Usage:
    """The usage of an answer that was cut. ``known``: what its provider has reported, which is never lowered.

    ``input_bytes``: ``prompt_bytes`` of the request; ``limit``: the output tokens that were granted, in all answers. Mark it as an estimate.
    """
    shown = ratio.output_tokens(output_bytes, output_events)
    # Reasoning comes before the answer: once there is some of that, all of it has been spent.
    output = shown + ratio.hidden if output_events else 0
    if limit is not None:
        output = min(output, limit)
    found = replace(
        known,
        output=max(known.output, output),
        reasoning=max(known.reasoning, output - shown) if output > known.output and output > shown else known.reasoning,
    )
    return found if known.prompt else replace(found, input=_rounded(input_bytes * _MILLI, ratio.input_bytes))


@dataclass(slots=True)
class _Learnt:
    """Sums over the last answers, newer ones counting more; ``_SCALE`` of each unit."""

    prompt_tokens: int = 0
    prompt_bytes: int = 0
    tokens: int = 0
    bytes: int = 0
    events: int = 0
    answers: int = 0
    hidden: int = 0
    byte_error: int = 0
    event_error: int = 0
    ratio: Ratio = UNLEARNT

    def add(self, name: str, amount: int) -> None:
        """Forget a sixteenth, add the new."""
        old: int = getattr(self, name)
        setattr(self, name, old - old // _MEMORY + amount * _SCALE)


@dataclass(slots=True)
class Ratios:
    """What complete answers have taught, by provider and the provider's name of the model. Bounded; not shared."""

    _models: dict[tuple[str, str], _Learnt] = field(default_factory=dict[tuple[str, str], _Learnt], repr=False)

    def ratio(self, provider: str, model: str) -> Ratio:
        """What is known of a model; ``UNLEARNT`` at first."""
        learnt = self._models.get((provider, model))
        return UNLEARNT if learnt is None else learnt.ratio

    def learn(self, key: tuple[str, str], usage: Usage, delivered: Delivered, input_bytes: int) -> None:
        """Take a complete answer's usage to heart. ``key``: provider, model.

        ``input_bytes`` is 0 where the prompt held more than text: nothing can be learnt of it then.
        """
        learnt = self._models.pop(key, None) or _Learnt()
        self._models[key] = learnt
        if len(self._models) > _MODELS:
            del self._models[next(iter(self._models))]
        if input_bytes and usage.prompt:
            learnt.add("prompt_tokens", usage.prompt)
            learnt.add("prompt_bytes", input_bytes)
        hidden = 0 if delivered.thinking else usage.reasoning
        shown = usage.output - hidden
        if delivered.output_events and shown > 0 and not usage.audio_output:
            _learn_output(learnt, shown, hidden, delivered)
        learnt.ratio = _ratio(learnt)


def _learn_output(learnt: _Learnt, shown: int, hidden: int, delivered: Delivered) -> None:
    """The error counts before the lesson: it is that of a true forecast."""
    before = learnt.ratio
    by_bytes = replace(before, by_events=False).output_tokens(delivered.output_bytes, delivered.output_events)
    by_events = replace(before, by_events=True).output_tokens(delivered.output_bytes, delivered.output_events)
    learnt.add("byte_error", abs(by_bytes - shown))
    learnt.add("event_error", abs(by_events - shown))
    learnt.add("tokens", shown)
    learnt.add("bytes", delivered.output_bytes)
    learnt.add("events", delivered.output_events)
    learnt.add("answers", 1)
    learnt.add("hidden", hidden)


def _ratio(learnt: _Learnt) -> Ratio:
    ratio = UNLEARNT
    if learnt.prompt_tokens and learnt.prompt_bytes:
        ratio = replace(ratio, input_bytes=max(_rounded(learnt.prompt_bytes * _MILLI, learnt.prompt_tokens), 1))
    if not learnt.answers:
        return ratio
    by_events = learnt.event_error <= learnt.byte_error
    return replace(
        ratio,
        output_bytes=max(_rounded(learnt.bytes * _MILLI, learnt.tokens), 1),
        event_tokens=_rounded(learnt.tokens * _MILLI, learnt.events),
        by_events=by_events,
        hidden=_rounded(learnt.hidden, learnt.answers),
        error=_rounded((learnt.event_error if by_events else learnt.byte_error) * _MILLI, learnt.tokens),
    )


def _rounded(amount: int, unit: int) -> int:
    return (amount + unit // 2) // unit
