"""Gemini's answers: one ``GenerateContentResponse``, or a stream of them.

Source: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.dialect import Exchange
from extproc.simulator.gemini import signature
from extproc.simulator.gemini.contents import generation, member
from extproc.simulator.gemini.prompt import media_tokens
from extproc.simulator.mind import Call, Finish, Said
from extproc.simulator.wire import Event

_FINISH: Mapping[Finish, str] = {
    "stop": "STOP",
    "stop_sequence": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
}
BLOCKED = "blocked:"
"""The finish of an exchange whose prompt was blocked, before the reason."""
_UNSAFE = frozenset({"SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "IMAGE_SAFETY"})


def whole(exchange: Exchange, *, vertex: bool = False) -> bytes:
    """See ``Dialect.whole``."""
    counts = _Counts(exchange, vertex=vertex)
    document = _envelope(exchange, vertex=vertex)
    if exchange.finish.startswith(BLOCKED):
        document["promptFeedback"] = _feedback(exchange)
    else:
        document["candidates"] = [
            _candidate(exchange, index, said, vertex=vertex) for index, said in enumerate(exchange.said)
        ]
    document["usageMetadata"] = counts.final()
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def events(exchange: Exchange, *, vertex: bool = False) -> Iterator[Event]:
    """See ``Dialect.events``. The last one has the finish reason, and for Vertex alone the usage."""
    counts = _Counts(exchange, vertex=vertex)
    envelope = _envelope(exchange, vertex=vertex)
    if exchange.finish.startswith(BLOCKED):
        yield _event({"promptFeedback": _feedback(exchange), "usageMetadata": counts.final(), **envelope})
        return
    said = exchange.said[0]
    # Thinking that is not shown is paid for all the same: it is spent by the time the first content is there.
    debt = 0 if _shows_thoughts(exchange) else len(said.thinking)
    for part, tokens in _parts(exchange, said, vertex=vertex, stream=True):
        usage = counts.running(tokens + debt, thought="thought" in part)
        candidate: Json = {"content": {"parts": [part], "role": "model"}, "index": 0}
        yield _event({"candidates": [candidate], "usageMetadata": usage, **envelope}, tokens + debt, content=True)
        debt = 0
    last: dict[str, Json] = {"text": ""}
    if _signs_text(exchange, said):
        last["thoughtSignature"] = signature.of_text(exchange.token)
    candidate = {"content": {"parts": [last], "role": "model"}, **_ending(exchange, said), "index": 0}
    yield _event({"candidates": [candidate], "usageMetadata": counts.final(), **envelope}, debt)


def _candidate(exchange: Exchange, index: int, said: Said, *, vertex: bool) -> Json:
    parts: list[Json] = [part for part, _ in _parts(exchange, said, vertex=vertex, stream=False)]
    content: dict[str, Json] = {"role": "model"}
    if parts:
        content["parts"] = parts
    candidate: dict[str, Json] = {"content": content, **_ending(exchange, said), "index": index}
    config = member(exchange.body, "generationConfig") or {}
    if config.get("responseLogprobs") is True:
        chosen: list[Json] = [{"token": piece, "tokenId": 7, "logProbability": -0.25} for piece in said.text]
        candidate["avgLogprobs"] = -0.25
        candidate["logprobsResult"] = {
            "chosenCandidates": chosen,
            "topCandidates": [{"candidates": [one]} for one in chosen] if config.get("logprobs") else [],
        }
    return candidate


def _parts(exchange: Exchange, said: Said, *, vertex: bool, stream: bool) -> Iterator[tuple[dict[str, Json], int]]:
    """The parts and their tokens. In a stream words come one by one, but a call is never cut."""
    if _shows_thoughts(exchange):
        for text, tokens in _texts(said.thinking, stream=stream):
            yield {"text": text, "thought": True}, tokens
    signed = _signs_text(exchange, said) and not stream
    for text, tokens in _texts(said.text, stream=stream):
        part: dict[str, Json] = {"text": text}
        if signed:
            part["thoughtSignature"] = signature.of_text(exchange.token)
        yield part, tokens
    for at, call in enumerate(said.calls):
        yield _call(exchange, call, at, vertex=vertex), len(call.arguments)


def _texts(pieces: tuple[str, ...], *, stream: bool) -> Iterator[tuple[str, int]]:
    if stream:
        yield from ((piece, 1) for piece in pieces)
    elif pieces:
        yield "".join(pieces), len(pieces)


def _call(exchange: Exchange, call: Call, at: int, *, vertex: bool) -> dict[str, Json]:
    arguments: Json = orjson.loads(call.text)
    made: dict[str, Json] = {"name": call.name, "args": arguments}
    if not vertex:
        made["id"] = f"{exchange.token[-10:]}{at:02x}"
    part: dict[str, Json] = {"functionCall": made}
    # Of calls in parallel only the first is signed.
    if at == 0 and (exchange.said[0].thinking or generation(exchange.model) >= 3):
        part["thoughtSignature"] = signature.of_call(exchange.token, call.name, arguments)
    return part


def _signs_text(exchange: Exchange, said: Said) -> bool:
    signs = generation(exchange.model) >= 3 or bool(exchange.ask.tools)
    return bool(said.thinking) and not said.calls and signs


def _shows_thoughts(exchange: Exchange) -> bool:
    config = member(exchange.body, "generationConfig") or {}
    return (member(config, "thinkingConfig") or {}).get("includeThoughts") is True


def _ending(exchange: Exchange, said: Said) -> dict[str, Json]:
    reason = exchange.finish or _FINISH[said.finish]
    ending: dict[str, Json] = {"finishReason": reason}
    if reason in _UNSAFE:
        ending["safetyRatings"] = [
            {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}
        ]
    elif reason not in _FINISH.values():
        ending["finishMessage"] = f"Simulated: {reason}."
    return ending


def _feedback(exchange: Exchange) -> Json:
    rating = {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH"}
    return {"blockReason": exchange.finish.removeprefix(BLOCKED), "safetyRatings": [rating]}


def _envelope(exchange: Exchange, *, vertex: bool) -> dict[str, Json]:
    envelope: dict[str, Json] = {"modelVersion": exchange.model, "responseId": exchange.token[-22:]}
    if vertex:
        envelope["createTime"] = datetime.fromtimestamp(exchange.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    return envelope


class _Counts:
    """``usageMetadata`` as a stream goes on. Thoughts are no part of the candidates' tokens, but of the total."""

    def __init__(self, exchange: Exchange, *, vertex: bool) -> None:
        spent = exchange.spent
        self._vertex = vertex
        self._input = spent.input
        self._thoughts = min(spent.thinking, spent.output)
        self._candidates = spent.output - self._thoughts
        self._media = media_tokens(exchange.body)
        self._cached = spent.cache_read
        self._blocked = exchange.finish.startswith(BLOCKED)
        self._so_far = 0
        self._thought = 0

    def running(self, tokens: int, *, thought: bool) -> Json:
        """After ``tokens`` more of output."""
        if self._vertex:
            return {"trafficType": "ON_DEMAND"}
        if thought:
            self._thought += tokens
        else:
            self._so_far += tokens - (self._thoughts - self._thought)
            self._thought = self._thoughts
        return self._usage(max(0, min(self._so_far, self._candidates)), min(self._thought, self._thoughts))

    def final(self) -> Json:
        """Of the whole answer."""
        return self._usage(self._candidates, self._thoughts)

    def _usage(self, candidates: int, thoughts: int) -> Json:
        text = max(0, self._input - sum(self._media.values()))
        details: list[Json] = [{"modality": "TEXT", "tokenCount": text}]
        details.extend({"modality": name, "tokenCount": tokens} for name, tokens in self._media.items())
        usage: dict[str, Json] = {"promptTokenCount": self._input}
        if not self._blocked:
            usage["candidatesTokenCount"] = candidates
        usage["totalTokenCount"] = self._input + candidates + thoughts
        usage["promptTokensDetails"] = details
        if self._cached:
            usage["cachedContentTokenCount"] = self._cached
            usage["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": self._cached}]
        if thoughts:
            usage["thoughtsTokenCount"] = thoughts
        if self._vertex:
            usage["trafficType"] = "ON_DEMAND"
            if not self._blocked:
                usage["candidatesTokensDetails"] = [{"modality": "TEXT", "tokenCount": candidates}]
        return usage


def _event(document: JsonObject, tokens: int = 0, *, content: bool = False) -> Event:
    return Event(b"data: " + orjson.dumps(document) + b"\r\n\r\n", tokens, content)
