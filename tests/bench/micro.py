"""Parts of a request in process: CPU time of translating, editing and streaming. ``python -m tests.bench.micro``."""

import base64
import gc
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import orjson

from extproc.simulator import app
from extproc.simulator.wire import Request, Stream, Whole
from extproc.translate.answer import Unsaid, translate_answer
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS, PROVIDER_DIALECTS
from extproc.translate.request import RequestJob, translate_request
from extproc.translate.response import AnswerStream

_BATCH = 0.03
"""Seconds; a batch is long against the clock's step and short against the machine's moods."""
_EVENTS = 400
_CREATED = 1_700_000_000
_TURNS = 10
_LARGE = 10_000_000
_HEADERS = [(b"authorization", b"Bearer k"), (b"x-api-key", b"k"), (b"anthropic-version", b"2023-06-01")]


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure."""

    what: str
    value: float
    unit: str


def measure(*, quick: bool) -> list[Measure]:
    """All of them, median over batches."""
    batches = 3 if quick else 15
    micros = [*_requests(), *_answers(), *_streams()]
    gc.collect()
    gc.freeze()
    try:
        return [Measure(what, _cpu(call, batches) / per * 1e6, f"µs of CPU{each}") for what, call, per, each in micros]
    finally:
        gc.unfreeze()


_Item = tuple[str, Callable[[], object], int, str]
"""What, the call, by how many its time is divided, and what that is."""


def _cpu(call: Callable[[], object], batches: int) -> float:
    """Seconds of CPU for one call."""
    began = time.process_time()
    call()
    once = max(time.process_time() - began, 1e-6)
    calls = max(1, int(_BATCH / once))
    times: list[float] = []
    for _ in range(batches):
        began = time.process_time()
        for _ in range(calls):
            call()
        times.append((time.process_time() - began) / calls)
    return median(times)


def _translation(client: str, provider: str, content: bytes, *, stream: bool = False) -> Callable[[], bytes]:
    job = RequestJob(model="a-model", stream=stream, same_dialect=PAIRS[client, provider].same)
    parties = CLIENT_DIALECTS[client], PROVIDER_DIALECTS[provider]
    return lambda: translate_request(*parties, content, orjson.loads(content), job).body


def _requests() -> Sequence[_Item]:
    conversation = _tool_conversation()
    there = _translation("openai-chat", "anthropic", conversation)
    back = _translation("anthropic-messages", "openai", there())
    large = _with_image(conversation)
    kilobytes = f"{len(conversation) / 1000:.0f} kB"
    named = f"request, {_TURNS} turns with tools, {kilobytes}"
    return [
        (f"{named}: OpenAI to Anthropic", there, 1, ""),
        (f"{named}: Anthropic to OpenAI", back, 1, ""),
        (f"{named}: same dialect", _translation("openai-chat", "openai", conversation), 1, ""),
        ("the same with a 10 MB image: same dialect", _translation("openai-chat", "openai", large), 1, ""),
        ("the same with a 10 MB image: JSON parser alone", lambda: orjson.loads(large), 1, ""),
    ]


def _answers() -> Sequence[_Item]:
    items: list[_Item] = []
    for client, provider in (("openai-chat", "anthropic"), ("openai-chat", "openai"), ("anthropic-messages", "openai")):
        reply = _ask(provider, stream=False)
        assert isinstance(reply, Whole), reply
        parties, same = (CLIENT_DIALECTS[client], PROVIDER_DIALECTS[provider]), PAIRS[client, provider].same

        def call(body: bytes = reply.body, parties=parties, same: bool = same) -> object:  # noqa: FBT001  bound early
            return translate_answer(*parties, body, created=_CREATED, same_dialect=same, unsaid=Unsaid("a-model"))

        items.append((f"answer with two tool calls: {_way(client, provider)}", call, 1, ""))
    return items


def _streams() -> Sequence[_Item]:
    items: list[_Item] = []
    for client, provider in PAIRS:
        reply = _ask(provider, stream=True)
        assert isinstance(reply, Stream), reply
        events = [event.data for event in reply.events()]

        def call(events: Sequence[bytes] = events, client: str = client, provider: str = provider) -> object:
            pair = PAIRS[client, provider]
            writer = None if pair.same else pair.client.stream_writer(created=_CREATED, include_usage=False)
            stream = AnswerStream(pair.provider.stream_reader(), writer, hide_usage=True, model="a-model")
            progress = [stream.feed(event) for event in events]
            assert progress[-1].ended or stream.finish().failed is None
            return progress

        items.append((f"stream, {len(events)} events: {_way(client, provider)}", call, len(events), " an event"))
    return items


def _way(client: str, provider: str) -> str:
    if PAIRS[client, provider].same:
        return f"{provider}, same dialect"
    return f"{provider} provider, {client} client"


def _tool_conversation() -> bytes:
    """A chat of the OpenAI dialect: each turn asks, calls two tools at once, hears from both, and is answered."""
    messages: list[dict[str, object]] = [{"role": "system", "content": "You plan journeys. Use the tools. " * 8}]
    for turn in range(_TURNS):
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
    return orjson.dumps({"model": "a-model", "messages": messages, "max_tokens": 1024, "tools": _tools()})


def _tools() -> list[dict[str, object]]:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city's name"}, "day": {"type": "integer"}},
        "required": ["city"],
    }
    return [
        {"type": "function", "function": {"name": name, "description": f"The {name} of a day", "parameters": schema}}
        for name in ("weather", "trains")
    ]


def _with_image(conversation: bytes) -> bytes:
    data = base64.b64encode(os.urandom(_LARGE * 3 // 4)).decode()
    document = orjson.loads(conversation)
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    document["messages"][-1]["content"] = [{"type": "text", "text": "What is this?"}, image]
    return orjson.dumps(document)


def _ask(provider: str, *, stream: bool) -> Whole | Stream:
    """The simulator's reply: whole with tool calls, or a long stream of text."""
    model = f"a-model@tokens={_EVENTS}"
    content = "Tell me more." if stream else "Please call the tools."
    body: dict[str, object] = {"model": model, "messages": [{"role": "user", "content": content}], "max_tokens": 4096}
    if stream:
        body["stream"] = True
    else:
        body["tools"] = _tools() if provider == "openai" else _anthropic_tools()
    path = "/v1/chat/completions" if provider == "openai" else "/v1/messages"
    plan, _ = app.answer(app.World(), Request("POST", path, _HEADERS, orjson.dumps(body), http11=True))
    return plan.reply


def _anthropic_tools() -> list[dict[str, object]]:
    schema = {"type": "object", "properties": {"city": {"type": "string"}, "day": {"type": "integer"}}}
    return [{"name": name, "input_schema": schema} for name in ("weather", "trains")]


def main() -> None:
    """Print them."""
    for item in measure(quick=False):
        print(f"{item.what:<72} {item.value:>10.1f} {item.unit}")


if __name__ == "__main__":
    main()
