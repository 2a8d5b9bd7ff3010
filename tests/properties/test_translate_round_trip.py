"""There and back again: what a dialect can say is read as it was meant, and survives the way over another dialect."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from extproc.dialects.base import RenderOptions
from extproc.domain.answer import (
    Answer,
    AnswerEvent,
    AnswerPart,
    Choice,
    Ended,
    Finished,
    FinishReason,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageSeen,
)
from extproc.domain.conversation import (
    Conversation,
    Image,
    Message,
    OutputFormat,
    Part,
    RedactedThinking,
    Source,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from extproc.domain.usage import Usage
from extproc.translate.answer import translate_answer
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS, PROVIDER_DIALECTS
from extproc.translate.request import RequestJob, translate_request
from extproc.translate.response import AnswerStream
from tests.judges.answers import pieces, streamed, whole

CLAUDE = "claude-sonnet-4-6"
PNG = "iVBORw0KGgo="

texts = st.text(alphabet='ab "\\é😀\n{}:', min_size=1, max_size=12).filter(str.strip)
words = st.text(alphabet="abcXYZ019_-", min_size=1, max_size=8)
numbers = st.integers(-(2**53), 2**53) | st.sampled_from([0.5, -1.25, 1e30])
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
inputs = st.dictionaries(words, json_values, max_size=3)
SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}, "additionalProperties": False}


def translated_request(client: str, provider: str, request: dict, model: str) -> dict:
    pair = PAIRS[client, provider]
    job = RequestJob(model, stream=False, same_dialect=False)
    return orjson.loads(translate_request(pair.client, pair.provider, orjson.dumps(request), request, job).body)


def translated_answer(client: str, provider: str, body: bytes) -> dict:
    pair = PAIRS[client, provider]
    return orjson.loads(translate_answer(pair.client, pair.provider, body, created=1, same_dialect=False).body)


# What Claude says: thinking with its signatures, then text, then parallel calls.
thoughts = st.lists(st.builds(Thinking, texts, words) | st.builds(RedactedThinking, words), max_size=3)
said = st.lists(st.builds(Text, texts), max_size=1)
calls = st.lists(st.tuples(words, inputs), min_size=1, max_size=3).map(
    lambda pairs: [ToolCall(f"toolu_{at}", name, orjson.dumps(args).decode()) for at, (name, args) in enumerate(pairs)]
)
claude_turns = st.tuples(thoughts, said, calls).map(lambda parts: [*parts[0], *parts[1], *parts[2]])


def as_openai_sdk_message(stream: bytes) -> dict:
    """The message that an application gets when it lets the SDK join the stream."""
    state = ChatCompletionStreamState()
    for event in stream.split(b"\n\n"):
        data = event.removeprefix(b"data: ")
        if data not in {b"", b"[DONE]"}:
            state.handle_chunk(ChatCompletionChunk.model_validate(orjson.loads(data)))
    return state.current_completion_snapshot.choices[0].message.to_dict()


def next_openai_request(message: dict) -> dict:
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": f"result of {call['id']}"}
        for call in message["tool_calls"]
    ]
    return {"model": CLAUDE, "max_tokens": 9, "messages": [{"role": "user", "content": "Go."}, message, *results]}


def check_claudes_turn(parts: list, message: dict) -> None:
    blocks = orjson.loads(whole("anthropic", parts))["content"]
    turns = translated_request("openai-chat", "anthropic", next_openai_request(message), CLAUDE)["messages"]
    assert turns[1] == {"role": "assistant", "content": blocks}
    calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
    assert [block["tool_use_id"] for block in turns[2]["content"]] == calls


@given(claude_turns)
def test_an_openai_agent_on_claude_gives_back_every_block_in_its_place(parts):
    answer = translated_answer("openai-chat", "anthropic", whole("anthropic", parts))
    check_claudes_turn(parts, answer["choices"][0]["message"])


@given(claude_turns)
def test_an_openai_agent_that_streams_gives_them_back_too(parts):
    pair = PAIRS["openai-chat", "anthropic"]
    writer = pair.client.stream_writer(created=1, include_usage=True)
    stream = AnswerStream(pair.provider.stream_reader(), writer, hide_usage=False, model="m")
    progress = stream.feed(streamed("anthropic", parts))
    assert progress.ended
    check_claudes_turn(parts, as_openai_sdk_message(progress.data))


# What a GPT says: text, then parallel calls.
gpt_calls = st.lists(st.tuples(words, inputs), min_size=1, max_size=3).map(
    lambda pairs: [
        {
            "id": f"call_{n}",
            "type": "function",
            "function": {"name": name, "arguments": orjson.dumps(arguments).decode()},
        }
        for n, (name, arguments) in enumerate(pairs)
    ]
)


@given(st.none() | texts, gpt_calls)
def test_an_anthropic_agent_on_openai_gives_back_text_and_calls(content, tool_calls):
    message = {"role": "assistant", "content": content, "tool_calls": tool_calls, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt", "choices": [choice]}
    blocks = translated_answer("anthropic-messages", "openai", orjson.dumps(answer))["content"]
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "ok"}
        for block in blocks
        if block["type"] == "tool_use"
    ]
    request = {
        "model": "gpt",
        "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "Go."},
            {"role": "assistant", "content": blocks},
            {"role": "user", "content": results},
        ],
    }
    turns = translated_request("anthropic-messages", "openai", request, "gpt")["messages"]
    assert turns[1]["content"] == content
    assert turns[1]["tool_calls"] == tool_calls
    assert [turn["tool_call_id"] for turn in turns[2:]] == [call["id"] for call in tool_calls]


# Whole requests: what a dialect can say is said and read back; what two can say comes back through both.
MATCHING = {
    "openai": "openai-chat",
    "openai-responses": "openai-responses",
    "openai-completions": "openai-completions",
    "anthropic": "anthropic-messages",
    "gemini": "gemini",
}
"""Format → the client dialect of the same wire."""
TALKING = [name for name in MATCHING if name != "openai-completions"]
"""Those that have turns."""
SEAL = st.binary(min_size=3, max_size=9).map(lambda data: b64encode(data).decode())
asked = st.builds(Text, texts) | st.just(Image(Source(media_type="image/png", data=PNG)))
choices = st.sampled_from(
    [None, *(ToolChoice(mode) for mode in ("auto", "none", "required")), ToolChoice("named", "t0")]
)
tool_lists = st.lists(texts, min_size=1, max_size=2).map(
    lambda descriptions: tuple(Tool(f"t{at}", text, SCHEMA) for at, text in enumerate(descriptions))
)


NO_THOUGHTS, UNSIGNED = st.just([]), st.none()


@st.composite
def steps(draw: st.DrawFn, thoughts: st.SearchStrategy, signature: st.SearchStrategy) -> list[Message]:
    """The model says something and calls tools, and hears from them. ``signature`` is of the first call."""
    calls = [
        ToolCall(f"toolu_{at}", draw(st.sampled_from(["t0", "t1"])), orjson.dumps(given_input).decode())
        for at, given_input in enumerate(draw(st.lists(inputs, min_size=1, max_size=3)))
    ]
    calls[0] = replace(calls[0], signature=draw(signature))
    said = [Text(text) for text in draw(st.lists(texts, max_size=1))]
    results = [ToolResult(call.id, (Text(draw(words)),)) for call in calls]
    return [Message("assistant", (*draw(thoughts), *said, *calls)), Message("tool", tuple(results))]


@st.composite
def conversations(
    draw: st.DrawFn, options: dict[str, st.SearchStrategy], thoughts=NO_THOUGHTS, signature=UNSIGNED
) -> Conversation:
    messages = [Message("user", (Text(draw(texts)), *draw(st.lists(asked, max_size=2))))]
    if draw(st.booleans()):
        messages.insert(0, Message("system", (Text(draw(texts)),)))
    messages += draw(steps(thoughts, signature))
    messages += [Message("assistant", (Text(draw(texts)),)), Message("user", (Text(draw(texts)),))]
    return Conversation(
        CLAUDE, tuple(messages), tools=draw(tool_lists), **draw(st.fixed_dictionaries({}, optional=options))
    )


COMMON = {
    "tool_choice": choices,
    "max_output_tokens": st.integers(16, 99),  # a smaller one is not what OpenAI's Responses get
    "temperature": st.sampled_from([0, 0.5, 1]),
    "output_format": st.just(OutputFormat("json_schema", schema=SCHEMA)),
}
"""What every dialect with turns has a word for."""
STOP = {"stop": st.lists(texts, min_size=1, max_size=2).map(tuple)}
USER = {"user": words}
OPENAI = {"parallel_tool_calls": st.booleans(), "service_tier": st.sampled_from(["default", "flex"])}
PENALTIES = {name: st.sampled_from([0.5, -1.25]) for name in ("frequency_penalty", "presence_penalty")}
SAMPLING = {"top_p": st.sampled_from([0.5, 0.9]), "seed": st.integers(0, 2**31 - 1)}
OPTIONS: dict[str, dict[str, st.SearchStrategy]] = {
    "openai": COMMON | STOP | USER | OPENAI | PENALTIES | SAMPLING,
    "openai-responses": COMMON | USER | OPENAI | {"top_p": SAMPLING["top_p"]},
    "anthropic": COMMON | STOP | USER,
    "gemini": COMMON | STOP | SAMPLING,
}
MODEL_OF_FORMAT = {
    "openai": "gpt-4.1",
    "openai-responses": "gpt-4.1",
    "anthropic": CLAUDE,
    "gemini": "gemini-3-pro",
}


def thoughts_of(spoken: str) -> st.SearchStrategy:
    """Reasoning that its own vendor takes back."""
    match spoken:
        case "anthropic":
            block = st.builds(Thinking, texts, SEAL) | st.builds(RedactedThinking, SEAL)
        case "openai-responses":
            block = st.builds(lambda text, seal: Thinking(text, f"rs_1.{seal}", "openai"), texts, SEAL)
        case _:  # Gemini's seals are signatures of what is said
            return NO_THOUGHTS
    return st.lists(block, max_size=2)


def rendered(spoken: str, conversation: Conversation) -> dict:
    found = PROVIDER_DIALECTS[spoken].render_request(conversation, RenderOptions())
    assert found.dropped == ()
    return orjson.loads(orjson.dumps(found.body))


@pytest.mark.parametrize("spoken", TALKING)
def test_a_request_is_read_as_it_was_meant(spoken: str):
    @settings(max_examples=60)
    @given(conversations(OPTIONS[spoken], thoughts_of(spoken), SEAL if spoken == "gemini" else UNSIGNED))
    def run(conversation: Conversation):
        conversation = replace(conversation, model=MODEL_OF_FORMAT[spoken])
        if spoken == "anthropic" and conversation.max_output_tokens is None:
            conversation = replace(conversation, max_output_tokens=RenderOptions().default_max_output_tokens)
        read = CLIENT_DIALECTS[MATCHING[spoken]].parse_request(rendered(spoken, conversation))
        assert comparable(read) == comparable(conversation)

    run()


def comparable(conversation: Conversation) -> Conversation:
    """Without what is said in the path, or in a part that others have no word for."""
    messages = tuple(
        replace(message, parts=tuple(map(_comparable, message.parts))) for message in conversation.messages
    )
    tools = tuple(replace(tool, strict=None) for tool in conversation.tools)  # Responses writes its absence out
    shape = conversation.output_format and replace(conversation.output_format, name=None, strict=None)
    return replace(conversation, model="", include_usage=False, messages=messages, tools=tools, output_format=shape)


def _comparable(part: Part) -> Part:
    match part:
        case ToolResult():
            return replace(part, name=None)  # Gemini's results name their function
        case Image():
            return replace(part, detail=None)
        case _:
            return part


@given(
    st.builds(lambda text: Conversation("m", (Message("user", (Text(text),)),)), texts),
    st.fixed_dictionaries({}, optional=STOP | USER | PENALTIES | SAMPLING | {"max_output_tokens": st.integers(1, 99)}),
)
def test_a_completion_is_read_as_it_was_meant(conversation, options):
    conversation = replace(conversation, **options)
    read = CLIENT_DIALECTS["openai-completions"].parse_request(rendered("openai-completions", conversation))
    limit = conversation.max_output_tokens or 16  # the dialect's own default, said aloud
    assert comparable(read) == comparable(replace(conversation, max_output_tokens=limit))


@pytest.mark.parametrize("there", TALKING)
@pytest.mark.parametrize("back", TALKING)
def test_a_request_survives_both_translations(there: str, back: str):
    """What an application says in one dialect, over a provider of another, and from there in its own again."""
    if there == back:
        return

    @settings(max_examples=25)
    @given(conversations(COMMON))
    def run(conversation: Conversation):
        original = rendered(back, replace(conversation, model=MODEL_OF_FORMAT[back]))
        if back == "anthropic":
            conversation = replace(conversation, max_output_tokens=original["max_tokens"])
        abroad = translated_request(MATCHING[back], there, original, MODEL_OF_FORMAT[there])
        again = translated_request(MATCHING[there], back, abroad, MODEL_OF_FORMAT[back])
        if conversation.max_output_tokens is None and "anthropic" in {there, back}:
            again = without_limit(again)
        assert lax(again) == lax(original)

    run()


IDLE = {"strict": False, "detail": "auto"}


def lax(value):
    """Without what Responses has to say, and Chat says by saying nothing."""
    if isinstance(value, list):
        return [lax(item) for item in value]
    if isinstance(value, dict):
        return {name: lax(item) for name, item in value.items() if IDLE.get(name, ...) != item}
    return value


def without_limit(body: dict) -> dict:
    """Anthropic demands an output limit, and so one is there where the client named none."""
    settings_of_gemini = {k: v for k, v in body.get("generationConfig", {}).items() if k != "maxOutputTokens"}
    rest = {
        k: v for k, v in body.items() if k not in {"max_completion_tokens", "max_output_tokens", "generationConfig"}
    }
    return rest | ({"generationConfig": settings_of_gemini} if settings_of_gemini else {})


# Whole answers, and streams.
said_by_model = st.lists(
    st.builds(Text, texts) | st.builds(lambda name, given_input: (name, given_input), words, inputs),
    min_size=1,
    max_size=4,
)
finishes = st.sampled_from(["stop", "length", "content_filter"])
usages = st.builds(
    Usage,
    input=st.integers(1, 99),
    cache_read=st.integers(0, 9),
    output=st.integers(9, 99),
    reasoning=st.integers(0, 9),
)


def answer_parts(said: list) -> tuple[AnswerPart, ...]:
    """One text, then calls: what every dialect can say."""
    text = "".join(each.text for each in said if isinstance(each, Text))
    calls = [each for each in said if not isinstance(each, Text)]
    made = [ToolCall(f"call_{at}", name, orjson.dumps(args).decode()) for at, (name, args) in enumerate(calls)]
    return (*([Text(text)] if text else []), *made)


@pytest.mark.parametrize("spoken", MATCHING)
def test_an_answer_is_read_as_it_was_meant(spoken: str):
    client, provider = CLIENT_DIALECTS[MATCHING[spoken]], PROVIDER_DIALECTS[spoken]

    @settings(max_examples=60)
    @given(said_by_model, finishes, usages)
    def run(said, finish, usage):
        parts = answer_parts(said)
        if spoken == "openai-completions":
            parts = tuple(part for part in parts if isinstance(part, Text)) or (Text("x"),)
        called = any(isinstance(part, ToolCall) for part in parts)
        finish = "tool_calls" if called and finish == "stop" else finish
        answer = Answer("x-1", "m", (Choice(parts, finish),), usage, created=7)
        read = provider.parse_answer(orjson.loads(orjson.dumps(client.render_answer(answer, created=7))))
        assert [part for part in read.choices[0].parts if part != Text("")] == list(parts)
        assert (read.model, read.choices[0].finish) == ("m", finish_in(spoken, finish))
        assert read.usage == usage
        assert joined(client, provider, answer) == (list(parts), finish_in(spoken, finish), usage)

    run()


def finish_in(spoken: str, finish: FinishReason) -> FinishReason:
    """Anthropic's word for a filtered answer is that of a refusal."""
    return "refusal" if spoken == "anthropic" and finish == "content_filter" else finish


def joined(client, provider, answer: Answer) -> tuple[list[AnswerPart], FinishReason | None, Usage]:
    """What the stream of this answer says, put together again."""
    writer = client.stream_writer(created=7, include_usage=True)
    data = b"".join(map(writer.write, events_of(answer)))
    reader = provider.stream_reader()
    events = [event for frame in (*reader.feed(data), *reader.finish()) for event in frame.events]
    assert isinstance(events[-1], Ended)
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    calls = [
        ToolCall(
            event.id,
            event.name,
            "".join(e.arguments for e in events if isinstance(e, ToolCallDelta) and e.index == event.index) or "{}",
        )
        for event in events
        if isinstance(event, ToolCallStarted)
    ]
    usage = Usage()
    for event in events:
        usage = usage.merged(event.usage) if isinstance(event, UsageSeen) else usage
    finish = next((event.reason for event in events if isinstance(event, Finished)), None)
    return [*([Text(text)] if text else []), *calls], finish, usage


def events_of(answer: Answer) -> Iterator[AnswerEvent]:
    yield Started(answer.id, answer.model, answer.created)
    calls = 0
    for part in answer.choices[0].parts:
        if isinstance(part, Text):
            yield from (TextDelta(piece) for piece in pieces(part.text))
        else:
            yield ToolCallStarted(calls, part.id, part.name)
            yield from (ToolCallDelta(calls, piece) for piece in pieces(part.arguments))
            calls += 1
    yield UsageSeen(answer.usage)
    yield Finished(answer.choices[0].finish)
    yield Ended()
