"""What a model sealed comes back to its vendor unchanged, through clients of every dialect, and reaches nobody else.

An answer (whole, or streamed) goes to the client; the vendor's SDK reads it there, and the application sends it back
with the results of its calls, to this vendor or to another one.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.domain.answer import AnswerPart
from extproc.domain.conversation import RedactedThinking, Text, Thinking, ToolCall
from extproc.translate.answer import translate_answer
from extproc.translate.pairs import PAIRS
from extproc.translate.request import RequestJob, translate_request
from extproc.translate.response import AnswerStream
from tests.judges.answers import ORIGINS, seals_in, seals_of, streamed, whole
from tests.judges.registry import CHECK_REQUEST, MODELS, READ_ANSWER

CLIENTS = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")
"""Legacy Completions has no word for reasoning, nor for a turn."""
TARGETS = ("openai", "openai-responses", "anthropic", "bedrock", "gemini")
MARKS = (b"llmgw.", b64encode(b"llmgw."))
"""What no provider may ever see."""
KEPT_FOR_GOOGLE = ("openai-chat", "openai")
"""Its servers of OpenAI's dialect want a call's ``extra_content`` back, so it stays where bytes are passed on."""
NAMES = ("get_weather", "find-train")

texts = st.text(alphabet='ab "é😀\n{}:', min_size=1, max_size=12).filter(str.strip)
base64 = st.binary(min_size=12, max_size=24).map(lambda data: b64encode(data).decode())
arguments = st.dictionaries(st.text(alphabet="abc", min_size=1, max_size=3), texts, max_size=2).map(
    lambda value: orjson.dumps(value).decode()
)


@st.composite
def calls(draw: st.DrawFn, signature: st.SearchStrategy[str] | None) -> list[ToolCall]:
    """Parallel calls; Gemini signs the first."""
    made = []
    for at in range(draw(st.integers(0, 3))):
        signed = draw(signature) if signature is not None and at == 0 else None
        made.append(ToolCall(f"call_{at}", draw(st.sampled_from(NAMES)), draw(arguments), signature=signed))
    return made


@st.composite
def claude_says(draw: st.DrawFn) -> list[AnswerPart]:
    thinking = st.builds(Thinking, texts, base64) | st.builds(RedactedThinking, base64)
    said = [Text(draw(texts))]
    parts = [*draw(st.lists(thinking, min_size=1, max_size=3)), *draw(st.sampled_from([said, []])), *draw(calls(None))]
    return parts if isinstance(parts[-1], Text | ToolCall) else [*parts, *said]


@st.composite
def gpt_says(draw: st.DrawFn) -> list[AnswerPart]:
    count = draw(st.integers(1, 3))
    parts = [Thinking(draw(texts | st.just("")), f"rs_{at}.{draw(base64)}", "openai") for at in range(count)]
    return [*parts, Text(draw(texts)), *draw(calls(None))]


@st.composite
def gemini_says(draw: st.DrawFn) -> list[AnswerPart]:
    thought = st.builds(lambda text: Thinking(text, None, "gemini"), texts)
    called = draw(calls(base64))
    parts: list[AnswerPart] = draw(st.lists(thought, max_size=1))
    if called:
        return [*parts, *draw(st.sampled_from([[], [Text("Let me see.")]])), *called]
    return [*parts, RedactedThinking(draw(base64), "gemini"), Text(draw(texts))]


SCRIPTS: Mapping[str, st.SearchStrategy[list[AnswerPart]]] = {
    "anthropic": claude_says(),
    "bedrock": claude_says(),
    "openai-responses": gpt_says(),
    "gemini": gemini_says(),
}


def answered(client: str, spoken: str, parts: Sequence[AnswerPart], *, stream: bool) -> object:
    """What the application gets from its SDK."""
    pair = PAIRS[client, spoken]
    if not stream:
        body = whole(spoken, parts)
        translated = translate_answer(pair.client, pair.provider, body, created=1, same_dialect=pair.same).body
        return READ_ANSWER[client](translated, ".json")
    writer = None if pair.same else pair.client.stream_writer(created=1, include_usage=True)
    answer = AnswerStream(pair.provider.stream_reader(), writer, hide_usage=False, model="m")
    steps = [answer.feed(streamed(spoken, parts)), answer.finish()]
    assert [step.failed for step in steps] == [None, None]
    return READ_ANSWER[client](b"".join(step.data for step in steps), ".sse")


def chat_turn(answer) -> dict:
    message = answer.choices[0].message.to_dict()
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": "done"} for call in message.get("tool_calls") or ()
    ]
    more = results or [{"role": "user", "content": "And?"}]
    schema = {"type": "object", "properties": {}}
    tools = [{"type": "function", "function": {"name": name, "parameters": schema}} for name in NAMES]
    return {"model": "m", "tools": tools, "messages": [{"role": "user", "content": "Go."}, message, *more]}


def responses_turn(answer) -> dict:
    items = [item.to_dict() for item in answer.output]
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "done"}
        for item in items
        if item["type"] == "function_call"
    ]
    more = results or [{"role": "user", "content": "And?"}]
    tools = [
        {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}, "strict": False}
        for name in NAMES
    ]
    return {"model": "m", "tools": tools, "input": [{"role": "user", "content": "Go."}, *items, *more]}


def messages_turn(answer) -> dict:
    blocks = [block.to_dict() for block in answer.content]
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "done"}
        for block in blocks
        if block["type"] == "tool_use"
    ]
    turns = [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": results or "And?"},
    ]
    tools = [{"name": name, "input_schema": {"type": "object", "properties": {}}} for name in NAMES]
    return {"model": "m", "max_tokens": 2000, "tools": tools, "messages": turns}


def contents_turn(answer) -> dict:
    content = answer.candidates[0].content.model_dump(mode="json", by_alias=True, exclude_none=True)
    called = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
    results = [
        {"functionResponse": {"id": call["id"], "name": call["name"], "response": {"output": "done"}}}
        for call in called
    ]
    turns = [
        {"role": "user", "parts": [{"text": "Go."}]},
        content,
        {"role": "user", "parts": results or [{"text": "And?"}]},
    ]
    declarations = [{"name": name} for name in NAMES]
    return {"contents": turns, "tools": [{"functionDeclarations": declarations}]}


NEXT_TURN: Mapping[str, Callable[[object], dict]] = {
    "openai-chat": chat_turn,
    "openai-responses": responses_turn,
    "anthropic-messages": messages_turn,
    "gemini": contents_turn,
}


def sent(client: str, target: str, request: dict) -> dict:
    """What the provider gets. Nothing is dropped."""
    pair = PAIRS[client, target]
    job = RequestJob(MODELS[target], stream=False, same_dialect=pair.same)
    translated = translate_request(pair.client, pair.provider, orjson.dumps(request), request, job)
    assert translated.dropped == ()
    return orjson.loads(translated.body)


def check(client: str, spoken: str, parts: Sequence[AnswerPart], *, stream: bool) -> None:
    request = NEXT_TURN[client](answered(client, spoken, parts, stream=stream))
    seals = seals_of(parts)
    for target in TARGETS:
        body = sent(client, target, request)
        own = ORIGINS.get(target) == ORIGINS[spoken]
        assert seals_in(target, body) == (seals if own else [])
        raw = orjson.dumps(body)
        assert not any(mark in raw for mark in MARKS)
        if not own and (client, target) != KEPT_FOR_GOOGLE:
            assert not any(seal.rpartition(".")[2].encode() in raw for seal in seals)
        if not PAIRS[client, target].same:
            CHECK_REQUEST[target](body, stream=False)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("spoken", ORIGINS)
def test_a_seal_comes_back_to_its_vendor_and_to_nobody_else(spoken: str, client: str, stream):
    @settings(max_examples=8)
    @given(SCRIPTS[spoken])
    def run(parts):
        check(client, spoken, parts, stream=stream)

    run()
