"""Provider bytes → frames; its counterpart is ``stream_writer``.

A chunk has the shape of a whole answer (openai.types.Completion), with the text that is new and ``finish_reason`` null
until the choice ends.
"""

from extproc.dialects.openai_completions.logprobs import parse_logprobs
from extproc.dialects.openai_completions.vocabulary import finish_reason
from extproc.dialects.openai_stream import ChunkStreamReader
from extproc.dialects.openai_usage import parse_usage
from extproc.domain.answer import AnswerEvent, Finished, Started, TextDelta, UsageSeen
from extproc.domain.errors import ProviderBadAnswer
from extproc.domain.reading import Json, JsonObject

MAX_CHOICES = 4096
"""Prompts of a request times ``n``: OpenAI takes far fewer of both. More is no answer, and would grow our memory."""


class CompletionsStreamReader(ChunkStreamReader):
    """Reads one stream (see ``extproc.dialects.base.StreamReader``)."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(_ChunkReader())


class _ChunkReader:
    """See ``extproc.dialects.openai_stream.ChunkReader``."""

    __slots__ = ("_finished", "started")

    def __init__(self) -> None:
        self.started = False
        self._finished: dict[int, bool] = {}

    @property
    def complete(self) -> bool:
        return bool(self._finished) and all(self._finished.values())

    def read(self, chunk: JsonObject, events: list[AnswerEvent]) -> bool:
        choices = chunk.get("choices")
        usage = parse_usage(chunk.get("usage"))
        if choices is None and usage is not None:
            choices = []
        if not isinstance(choices, list):
            raise ProviderBadAnswer("the provider's stream holds an event that is not a text completion")
        # Azure opens with a chunk about its prompt filter that has neither an id nor choices.
        if not self.started and (choices or usage is not None or chunk.get("id")):
            self._start(chunk, events)
        for choice in choices:
            self._choice(choice, events)
        if usage is None:
            return False
        events.append(UsageSeen(usage))
        return not choices

    def _start(self, chunk: JsonObject, events: list[AnswerEvent]) -> None:
        self.started = True
        created = chunk.get("created")
        events.append(
            Started(
                _text(chunk, "id"),
                _text(chunk, "model"),
                created if isinstance(created, int) and created > 0 else None,
                system_fingerprint=_text(chunk, "system_fingerprint") or None,
            )
        )

    def _choice(self, value: Json, events: list[AnswerEvent]) -> None:
        if not isinstance(value, dict):
            raise ProviderBadAnswer("the provider's stream holds a choice that is not an object")
        number = value.get("index")
        index = number if isinstance(number, int) else 0
        finished = self._finished.setdefault(index, False)
        if len(self._finished) > MAX_CHOICES:
            raise ProviderBadAnswer(f"the provider's stream has more than {MAX_CHOICES} choices")
        text = value.get("text")
        if text is not None and not isinstance(text, str):
            raise ProviderBadAnswer("the provider's stream holds a text that is no string")
        logprobs = parse_logprobs(value.get("logprobs"))
        # A token may have no text of its own (part of a character), but it has its log probability.
        if text or logprobs:
            events.append(TextDelta(text or "", index, logprobs))
        reason = value.get("finish_reason")
        if isinstance(reason, str) and reason and not finished:
            events.append(Finished(finish_reason(reason), index))
            self._finished[index] = True


def _text(value: JsonObject, name: str) -> str:
    text = value.get(name)
    return text if isinstance(text, str) else ""
