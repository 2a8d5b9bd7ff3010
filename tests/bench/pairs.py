"""What translating costs, for every client's dialect with every provider's format: CPU time in process.

A request of ten turns with tools, a whole answer with reasoning, text and tool calls, and a stream, by the chunk.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from extproc.domain.answer import (
    Answer,
    AnswerEvent,
    Choice,
    Ended,
    Finished,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageSeen,
)
from extproc.domain.conversation import Text, Thinking, ToolCall
from extproc.domain.errors import InvalidRequest
from extproc.domain.usage import Usage
from extproc.translate.answer import Unsaid, translate_answer
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS, PROVIDER_DIALECTS, is_same
from extproc.translate.request import RequestJob, translate_request
from extproc.translate.response import AnswerStream
from tests.bench.cost import cpu
from tests.judges import answers, eventstream

TURNS = 10
CREATED = 1_700_000_000
_WORDS = 300
"""Text deltas of a stream; a sixth as many of reasoning, and of the arguments of each of its two calls."""
_MODELS: Mapping[str, str] = {
    "openai-completions": "gpt-3.5-turbo-instruct",
    "anthropic": "claude-sonnet-4-6",
    "bedrock": "anthropic.claude-sonnet-4-6-v1",
    "gemini": "gemini-3-pro",
}
_USAGE = Usage(input=900, output=400, reasoning=60)


@dataclass(frozen=True, slots=True)
class PairCost:
    """Microseconds of CPU. ``request`` is None where the format cannot take the request."""

    client: str
    format: str
    request: float | None
    answer: float
    chunk: float

    @property
    def name(self) -> str:
        """Who talks to whom."""
        return f"{self.client} > {self.format}"


def measure(*, quick: bool) -> list[PairCost]:
    """All pairs, median over batches."""
    batches = 2 if quick else 9
    return [_cost(client, spoken, batches) for client, spoken in PAIRS]


def _cost(client: str, spoken: str, batches: int) -> PairCost:
    request = _request(client, spoken)
    stream, chunks = _stream(client, spoken)
    return PairCost(
        client,
        spoken,
        None if request is None else cpu(request, batches) * 1e6,
        cpu(_answer(client, spoken), batches) * 1e6,
        cpu(stream, batches) / chunks * 1e6,
    )


def translation(client: str, spoken: str, content: bytes, *, stream: bool = False) -> Callable[[], bytes]:
    """The client's request in the provider's words, from bytes to bytes."""
    pair = PAIRS[client, spoken]
    job = RequestJob(_MODELS.get(spoken, "gpt-4.1"), stream=stream, same_dialect=pair.same)
    return lambda: translate_request(pair.client, pair.provider, content, orjson.loads(content), job).body


def _request(client: str, spoken: str) -> Callable[[], bytes] | None:
    call = translation(client, spoken, client_request(client))
    try:
        call()
    except InvalidRequest:  # legacy Completions has no turns
        return None
    return call


def client_request(client: str) -> bytes:
    """The conversation as this client says it; as one prompt where there are no turns."""
    conversation = tool_conversation()
    if client == "openai-chat":
        return conversation
    if client == "openai-completions":
        return orjson.dumps({"model": "a-model", "max_tokens": 1024, "prompt": conversation.decode()})
    return translation("openai-chat", _own_format(client), conversation)()


def _own_format(client: str) -> str:
    return next(spoken for spoken in PROVIDER_DIALECTS if is_same(client, spoken))


def _own_client(spoken: str) -> str | None:
    return next((client for client in CLIENT_DIALECTS if is_same(client, spoken)), None)


def _answer(client: str, spoken: str) -> Callable[[], object]:
    parts = (
        Thinking("Let me see what there is. " * 20, "c2VhbA=="),
        Text("Take the train at nine, and see the castle in the morning. " * 10),
        *(ToolCall(f"call_{name}", name, '{"city":"Tours","day":3}') for name in ("weather", "trains")),
    )
    own, pair = _own_client(spoken), PAIRS[client, spoken]
    if own is None:
        body = answers.whole(spoken, parts)
    else:
        answer = Answer("a-1", "a-model", (Choice(parts, "tool_calls"),), _USAGE)
        body = orjson.dumps(CLIENT_DIALECTS[own].render_answer(answer, created=CREATED))
    return lambda: translate_answer(
        pair.client, pair.provider, body, created=CREATED, same_dialect=pair.same, unsaid=Unsaid("a-model", "a-1")
    )


def _stream(client: str, spoken: str) -> tuple[Callable[[], object], int]:
    chunks = list(_chunks(spoken))
    pair = PAIRS[client, spoken]

    def call() -> object:
        writer = None if pair.same else pair.client.stream_writer(created=CREATED, include_usage=False)
        stream = AnswerStream(pair.provider.stream_reader(), writer, hide_usage=True, model="a-model")
        progress = [stream.feed(chunk) for chunk in chunks]
        assert progress[-1].ended or stream.finish().ended
        return progress

    return call, len(chunks)


def _chunks(spoken: str) -> Iterator[bytes]:
    """A stream as the provider sends it, event by event."""
    own = _own_client(spoken)
    if own is None:
        yield from (eventstream.encode(line) for line in _bedrock_lines())
        return
    writer = CLIENT_DIALECTS[own].stream_writer(created=CREATED, include_usage=True)
    yield from (chunk for event in _events() if (chunk := writer.write(event)))


def _events() -> Iterator[AnswerEvent]:
    yield Started("a-1", "a-model", CREATED)
    yield from (ThinkingDelta(f"thought {at} ") for at in range(_WORDS // 6))
    yield from (TextDelta(f"word {at} ") for at in range(_WORDS))
    for index, name in enumerate(("weather", "trains")):
        yield ToolCallStarted(index, f"call_{index}", name)
        yield from (ToolCallDelta(index, piece) for piece in _arguments())
    yield UsageSeen(_USAGE)
    yield Finished("tool_calls")
    yield Ended()


def _arguments() -> Iterator[str]:
    yield '{"cities":["Tours"'
    yield from (f',"city {at}"' for at in range(_WORDS // 6))
    yield "]}"


def _bedrock_lines() -> Iterator[str]:
    yield 'messageStart {"role":"assistant","p":"abcdefgh"}'
    deltas: Sequence[tuple[int, list[dict[str, object]]]] = [
        (0, [{"reasoningContent": {"text": f"thought {at} "}} for at in range(_WORDS // 6)]),
        (1, [{"text": f"word {at} "} for at in range(_WORDS)]),
        (2, [{"toolUse": {"input": piece}} for piece in _arguments()]),
        (3, [{"toolUse": {"input": piece}} for piece in _arguments()]),
    ]
    for index, pieces in deltas:
        if "toolUse" in pieces[0]:
            start = {"toolUse": {"toolUseId": f"call_{index}", "name": "weather"}}
            yield f"contentBlockStart {orjson.dumps({'contentBlockIndex': index, 'start': start}).decode()}"
        for piece in pieces:
            delta = {"contentBlockIndex": index, "delta": piece, "p": "abcdefghijkl"}
            yield f"contentBlockDelta {orjson.dumps(delta).decode()}"
        yield f'contentBlockStop {{"contentBlockIndex":{index}}}'
    yield 'messageStop {"stopReason":"tool_use"}'
    yield 'metadata {"usage":{"inputTokens":900,"outputTokens":400,"totalTokens":1300},"metrics":{"latencyMs":9}}'


def tool_conversation() -> bytes:
    """A chat of the OpenAI dialect: each turn asks, calls two tools at once, hears from both, and is answered."""
    messages: list[dict[str, object]] = [{"role": "system", "content": "You plan journeys. Use the tools. " * 8}]
    for turn in range(TURNS):
        calls = [
            {
                "id": f"call_{turn}_{name}",
                "type": "function",
                "function": {"name": name, "arguments": orjson.dumps({"city": "Tours", "day": turn}).decode()},
            }
            for name in ("weather", "trains")
        ]
        messages += [
            {"role": "user", "content": f"And what about day {turn}? The children would like to see a castle."},
            {"role": "assistant", "content": None, "tool_calls": calls},
            *({"role": "tool", "tool_call_id": call["id"], "content": "Sunny, 19 degrees. " * 6} for call in calls),
            {"role": "assistant", "content": "Take the train at nine, and see the castle in the morning. " * 3},
        ]
    messages.append({"role": "user", "content": "Please sum it up: call the tools once more."})
    return orjson.dumps({"model": "a-model", "messages": messages, "max_tokens": 1024, "tools": tools()})


def tools() -> list[dict[str, object]]:
    """The two functions of the conversation."""
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city's name"}, "day": {"type": "integer"}},
        "required": ["city"],
    }
    return [
        {"type": "function", "function": {"name": name, "description": f"The {name} of a day", "parameters": schema}}
        for name in ("weather", "trains")
    ]
