"""``AnswerEvent`` → client bytes. Counterpart: ``stream.py``.

Source: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent. Every event is a whole
``GenerateContentResponse``; a function call comes in one piece, so its arguments are held until the candidate ends; the
last chunk of a candidate has its reason, and usage, which may come after it, so it waits for the stream's end.
"""

import orjson

from extproc.dialects.gemini.citations import render_citations
from extproc.dialects.gemini.errors import render_error_event
from extproc.dialects.gemini.logprobs import render_logprobs
from extproc.dialects.gemini.reasons import finish_reason_of
from extproc.dialects.gemini.render_answer import call_part, sealed_part
from extproc.dialects.gemini.signatures import wrap
from extproc.dialects.gemini.usage import NO_USAGE, render_usage
from extproc.dialects.sse import render_event
from extproc.domain.answer import (
    AnswerEvent,
    CitationAdded,
    Ended,
    Failed,
    Finished,
    Opaque,
    RefusalDelta,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingRedacted,
    ThinkingSigned,
    ToolCallDelta,
    ToolCallStarted,
    UsageSeen,
)
from extproc.domain.conversation import RedactedThinking
from extproc.domain.errors import ProviderBadAnswer
from extproc.domain.reading import Json, JsonObject

MAX_WAITING_CHARS = 16 * 1024 * 1024
"""Of arguments held until their candidate ends: an event's own limit, and far above any model's output."""


class _Call:
    """A function call whose arguments are still coming."""

    __slots__ = ("arguments", "signature", "start")

    def __init__(self, start: ToolCallStarted, signature: str | None) -> None:
        self.start = start
        self.signature = signature
        self.arguments: list[str] = []

    def render(self) -> Json:
        return call_part(
            self.start.id or f"call_{self.start.index}",
            self.start.name,
            "".join(self.arguments),
            self.signature,
        )


class _Candidate:
    """State of one candidate."""

    __slots__ = ("calls", "citations", "finish", "seal")

    def __init__(self) -> None:
        self.calls: dict[int, _Call] = {}
        self.citations: list[JsonObject] = []
        self.finish: Finished | None = None
        self.seal: str | None = None
        """A signature of Gemini's own, for the part behind it."""


class GeminiStreamWriter:
    """A ``StreamWriter`` for one answer."""

    __slots__ = ("_candidates", "_done", "_started", "_usage", "_waiting")

    def __init__(self) -> None:
        self._started = Started("", "")
        self._usage = NO_USAGE
        self._candidates: dict[int, _Candidate] = {0: _Candidate()}
        self._waiting = 0
        self._done = False

    def write(self, event: AnswerEvent) -> bytes:
        """The bytes of this event; empty while there is nothing to say yet, and after the end."""
        if self._done:
            return b""
        match event:
            case Failed():
                self._done = True
                return render_error_event(event.error)
            case Ended():
                self._done = True
                return self._end()
            case Finished():
                candidate = self._candidate(event.choice)
                candidate.finish = candidate.finish or event
                return self._calls(event.choice, candidate)
            case Started() | UsageSeen() | CitationAdded() | ToolCallStarted() | ToolCallDelta():
                self._note(event)
            case Opaque():
                pass  # only clients of the provider's own dialect read it
            case _:
                return self._said(event)
        return b""

    def _note(self, event: Started | UsageSeen | CitationAdded | ToolCallStarted | ToolCallDelta) -> None:
        """What is written later, or with something else."""
        match event:
            case Started():
                self._started = event
            case UsageSeen():
                self._usage = self._usage.merged(event.usage)
            case CitationAdded():
                self._candidate(event.choice).citations.append(event.citation)
            case ToolCallStarted():
                candidate = self._candidate(event.choice)
                candidate.calls.setdefault(event.index, _Call(event, event.signature or candidate.seal))
                if not event.signature:
                    candidate.seal = None
            case _:
                self._arguments(event)

    def _candidate(self, index: int) -> _Candidate:
        return self._candidates.setdefault(index, _Candidate())

    def _arguments(self, event: ToolCallDelta) -> None:
        call = self._candidate(event.choice).calls.get(event.index)
        if call is None:
            return
        call.arguments.append(event.arguments)
        self._waiting += len(event.arguments)
        if self._waiting > MAX_WAITING_CHARS:
            self._done = True
            raise ProviderBadAnswer("the provider's stream holds arguments larger than can be held")

    def _said(self, event: TextDelta | RefusalDelta | ThinkingDelta | ThinkingSigned | ThinkingRedacted) -> bytes:
        candidate = self._candidate(event.choice)
        logprobs: JsonObject | None = None
        match event:
            case TextDelta():
                logprobs = event.logprobs
                if not event.text and logprobs is None:
                    return b""
                part: dict[str, Json] = {"text": event.text}
            case RefusalDelta():
                part = {"text": event.text}
            case ThinkingDelta():
                part = {"text": event.text, "thought": True}
            case ThinkingSigned():
                part = {"text": "", "thought": True, "thoughtSignature": wrap(event.signature, event.origin)}
            case _ if event.origin == "gemini":
                lone, candidate.seal = candidate.seal, event.data
                return b"" if lone is None else self._chunk(event.choice, [_lone(lone)])
            case _:
                part = {**sealed_part(RedactedThinking(event.data, event.origin))}
        if candidate.seal is not None and isinstance(event, TextDelta):
            part["thoughtSignature"], candidate.seal = candidate.seal, None
        return self._chunk(event.choice, [part], logprobs=render_logprobs(logprobs))

    def _calls(self, index: int, candidate: _Candidate) -> bytes:
        """The calls of a candidate that has ended, in order."""
        parts = [call.render() for _, call in sorted(candidate.calls.items())]
        candidate.calls = {}
        return self._chunk(index, parts) if parts else b""

    def _end(self) -> bytes:
        """What is still owed of a whole stream; the last chunk of each candidate, usage in each, for it is a total."""
        out: list[bytes] = []
        usage = render_usage(self._usage)
        for index, candidate in self._candidates.items():
            out.append(self._calls(index, candidate))
            last: dict[str, Json] = {
                "content": {"role": "model", "parts": [_lone(candidate.seal or "")]},
                "finishReason": finish_reason_of(candidate.finish.reason if candidate.finish else None),
                "index": index,
            }
            if (metadata := render_citations(candidate.citations)) is not None:
                last["citationMetadata"] = metadata
            out.append(self._event(last, usage))
        return b"".join(out)

    def _chunk(self, index: int, parts: list[Json], *, logprobs: JsonObject | None = None) -> bytes:
        candidate: dict[str, Json] = {"content": {"role": "model", "parts": parts}, "index": index}
        if logprobs is not None:
            candidate["logprobsResult"] = logprobs
        return self._event(candidate, None)

    def _event(self, candidate: JsonObject, usage: JsonObject | None) -> bytes:
        body: dict[str, Json] = {"candidates": [candidate]}
        if usage is not None:
            body["usageMetadata"] = usage
        body["modelVersion"] = self._started.model
        body["responseId"] = self._started.id
        return render_event(orjson.dumps(body))


def _lone(seal: str) -> JsonObject:
    """A text part without a text, signed where there is something to sign with."""
    return {"text": "", "thoughtSignature": seal} if seal else {"text": ""}
