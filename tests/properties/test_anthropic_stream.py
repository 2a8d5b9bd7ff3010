"""The Anthropic dialect under any chunking, any bytes, any events, any conversation.

Settings are small, for the whole file is to run within seconds; the strategies aim at the borders instead.
"""

from itertools import pairwise
from pathlib import Path

import anthropic
import httpx2
import orjson
from anthropic.types import Message as SdkMessage
from anthropic.types import RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from extproc.dialects.anthropic.parse import parse_answer, parse_request
from extproc.dialects.anthropic.render import render_answer, render_request
from extproc.dialects.anthropic.stream import AnthropicStreamReader
from extproc.dialects.anthropic.stream_writer import AnthropicStreamWriter
from extproc.dialects.base import Frame, RenderOptions
from extproc.domain.answer import (
    Answer,
    Choice,
    Ended,
    Failed,
    Finished,
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
from extproc.domain.conversation import (
    CacheMark,
    Conversation,
    Document,
    Image,
    Message,
    OutputFormat,
    Reasoning,
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

STREAMS = sorted((Path(__file__).parents[1] / "goldens" / "streams" / "anthropic").glob("*.sse"))
BODIES = [
    *(path.read_bytes() for path in STREAMS),
    *(path.read_bytes().replace(b"\n", b"\r\n") for path in STREAMS),
    *(path.read_bytes()[:-40] for path in STREAMS),
    b"<html>\n\n<body>",
    b'\n{"type":"error","error":{"type":"overloaded_error",\n\n"message":"Overloaded"}}',
    b": hello\n\ndata: {}\n\n",
    b'\xef\xbb\xbfevent: ping\ndata: {"type": "ping"}\n\nnonsense\n\n',
]


def read(chunks):
    reader = AnthropicStreamReader()
    frames = [frame for chunk in chunks for frame in reader.feed(chunk)]
    return frames + reader.finish()


def comparable(frames: list[Frame]):
    """Errors compare by identity; here by what they say."""
    return [
        (frame.raw, [repr(vars(event.error)) if isinstance(event, Failed) else event for event in frame.events])
        for frame in frames
    ]


def chunked(body: bytes, cuts: list[int]):
    ends = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    return [body[start:end] for start, end in pairwise(ends)]


@settings(max_examples=300, deadline=None)
@given(body=st.sampled_from(BODIES), cuts=st.lists(st.integers(min_value=0, max_value=10**6), max_size=60))
def test_any_chunking_gives_the_same_frames(body, cuts):
    assert comparable(read(chunked(body, cuts))) == comparable(read([body]))


def test_single_bytes_give_the_same_frames():
    for body in BODIES:
        single = [body[at : at + 1] for at in range(len(body))]
        assert comparable(read(single)) == comparable(read([body]))


FRAGMENTS = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"data: ", b"event: ", b"\n", b"\r\n", b"\n\n", b"{", b"}", b'"type":', b"null", b"[]", b":"]),
    st.sampled_from(BODIES).map(lambda body: body[:300]),
    st.builds(
        lambda kind, rest: b"data: " + orjson.dumps({"type": kind, **rest}) + b"\n\n",
        st.sampled_from(
            [
                "message_start",
                "content_block_start",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "error",
            ]
        ),
        st.dictionaries(
            st.sampled_from(["message", "content_block", "delta", "index", "usage", "error"]),
            st.recursive(
                st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=5),
                lambda inner: (
                    st.lists(inner, max_size=2)
                    | st.dictionaries(st.sampled_from(["type", "text", "id", "index", "usage", "output_tokens"]), inner)
                ),
                max_leaves=5,
            ),
        ),
    ),
)


@settings(max_examples=300, deadline=None)
@given(chunks=st.lists(FRAGMENTS, max_size=12))
def test_no_bytes_make_the_reader_raise_and_every_stream_has_one_end(chunks):
    events = [event for frame in read(chunks) for event in frame.events]
    assert isinstance(events[-1], Ended | Failed)
    assert not any(isinstance(event, Ended | Failed) for event in events[:-1])


TEXTS = st.text(max_size=6)
JSON_OBJECTS = st.dictionaries(st.text(max_size=3), st.none() | st.integers(-9, 9) | st.text(max_size=4), max_size=3)


@st.composite
def tool_calls(draw):
    """One to three calls, each with its arguments in pieces, interleaved in any way that starts them in order."""
    count = draw(st.integers(min_value=1, max_value=3))
    queues = []
    for index in range(count):
        text = orjson.dumps(draw(JSON_OBJECTS)).decode()
        cuts = sorted(draw(st.lists(st.integers(min_value=0, max_value=len(text)), max_size=3)))
        pieces = [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]
        queues.append(
            [ToolCallStarted(index, f"call_{index}", f"f{index}"), *(ToolCallDelta(index, p) for p in pieces)]
        )
    events = []
    started = 0
    while any(queues):
        choices = [index for index in range(count) if queues[index] and index <= started]
        index = draw(st.sampled_from(choices))
        event = queues[index].pop(0)
        if isinstance(event, ToolCallStarted):
            started += 1
        events.append(event)
    return events


CONTENT = st.lists(
    st.one_of(
        st.builds(TextDelta, TEXTS),
        st.builds(ThinkingDelta, TEXTS),
        st.builds(ThinkingSigned, TEXTS),
        st.builds(ThinkingRedacted, TEXTS),
        st.builds(RefusalDelta, TEXTS),
        st.builds(TextDelta, TEXTS, choice=st.just(1)),
        st.builds(UsageSeen, st.builds(Usage, *[st.integers(0, 99)] * 6)),
    ),
    max_size=8,
)
REASONS = st.sampled_from(["stop", "length", "tool_calls", "content_filter", "refusal", "pause", "context_window"])
SDK_EVENT = TypeAdapter(RawMessageStreamEvent)


def accumulated(body: bytes) -> SdkMessage:
    answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    client = anthropic.Anthropic(
        api_key="test",
        base_url="http://gateway",
        http_client=httpx2.Client(transport=httpx2.MockTransport(lambda request: answer)),
    )
    with client.messages.stream(model="m", max_tokens=1, messages=[]) as stream:
        return SdkMessage.model_validate(stream.get_final_message().model_dump(warnings=False))


@settings(max_examples=150, deadline=None)
@given(
    before=CONTENT,
    calls=tool_calls() | st.just([]),
    after=CONTENT,
    reason=REASONS,
    last=st.builds(Usage, *[st.integers(0, 99)] * 6),
)
def test_every_written_stream_is_the_sdks_and_says_all_that_was_said(before, calls, after, reason, last):
    events = [Started("i", "m"), *before, *calls, *after, Finished(reason), UsageSeen(last), Ended()]
    writer = AnthropicStreamWriter()
    body = b"".join(writer.write(event) for event in events)
    for block in body.decode().split("\n\n")[:-1]:
        SDK_EVENT.validate_json(block.split("\ndata: ", 1)[1])
    message = accumulated(body)
    mine = [event for event in events if not getattr(event, "choice", 0)]
    said = "".join(event.text for event in mine if isinstance(event, TextDelta | RefusalDelta))
    thought = "".join(event.text for event in mine if isinstance(event, ThinkingDelta))
    assert "".join(block.text for block in message.content if block.type == "text") == said
    assert "".join(block.thinking for block in message.content if block.type == "thinking") == thought
    arguments = {}
    for event in calls:
        if isinstance(event, ToolCallDelta):
            arguments[f"call_{event.index}"] = arguments.get(f"call_{event.index}", "") + event.arguments
    made = {block.id: block.input for block in message.content if block.type == "tool_use"}
    assert made == {call_id: orjson.loads(text) for call_id, text in arguments.items()}
    total = Usage()
    for event in mine:
        total = total.merged(event.usage) if isinstance(event, UsageSeen) else total
    assert message.usage.output_tokens == total.output
    assert message.usage.cache_creation_input_tokens == total.cache_write


@settings(max_examples=150, deadline=None)
@given(before=CONTENT, calls=tool_calls() | st.just([]), after=CONTENT, reason=REASONS)
def test_what_is_written_is_read_back(before, calls, after, reason):
    """Reading a written stream gives the same text, thinking, calls and usage, and ends well."""
    events = [Started("msg_1", "m"), *before, *calls, *after, Finished(reason), Ended()]
    writer = AnthropicStreamWriter()
    body = b"".join(writer.write(event) for event in events)
    back = [event for frame in read([body]) for event in frame.events]
    mine = [event for event in events if not getattr(event, "choice", 0)]

    def texts(events, *kinds):
        return "".join(event.text for event in events if isinstance(event, kinds))

    assert isinstance(back[-1], Ended)
    assert texts(back, TextDelta) == texts(mine, TextDelta, RefusalDelta)
    assert texts(back, ThinkingDelta) == texts(mine, ThinkingDelta)
    assert [event.name for event in back if isinstance(event, ToolCallStarted)] == [
        event.name for event in calls if isinstance(event, ToolCallStarted)
    ]


# A conversation that Anthropic can express word for word: turns alternate, nothing is blank, ids fit the pattern.
WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6).filter(lambda text: text.strip() == text)
MARKS = st.none() | st.builds(CacheMark, st.sampled_from([None, "5m", "1h"]))
PLAIN = st.builds(Text, WORDS, cache=MARKS)
IMAGES = st.builds(
    Image,
    st.builds(Source, media_type=st.sampled_from(["image/png", "image/webp"]), data=st.just("aW1n"))
    | st.builds(Source, url=st.just("https://x/y"))
    | st.builds(Source, file_id=st.just("file_1")),
    cache=MARKS,
)
DOCUMENTS = st.builds(
    Document,
    st.builds(Source, media_type=st.just("application/pdf"), data=st.just("JVBERi0="))
    | st.builds(Source, media_type=st.just("text/plain"), text=WORDS)
    | st.builds(Source, url=st.just("https://x/y.pdf")),
    title=st.none() | WORDS,
    context=st.none() | WORDS,
    citations=st.none() | st.booleans(),
    cache=MARKS,
)
ARGUMENTS = JSON_OBJECTS.map(lambda value: orjson.dumps(value).decode())


@st.composite
def conversations(draw):
    messages = []
    if draw(st.booleans()):
        messages.append(Message("system", tuple(draw(st.lists(PLAIN, min_size=1, max_size=2)))))
    calls = []
    for _ in range(draw(st.integers(min_value=1, max_value=3))):
        results = tuple(
            ToolResult(
                call.id,
                tuple(draw(st.lists(PLAIN | IMAGES | DOCUMENTS, max_size=2))),
                is_error=draw(st.booleans()),
                cache=draw(MARKS),
            )
            for call in calls
        )
        if results:
            messages.append(Message("tool", results))
        user = tuple(draw(st.lists(PLAIN | IMAGES | DOCUMENTS, min_size=0 if results else 1, max_size=3)))
        if user:
            messages.append(Message("user", user))
        thinking = draw(st.lists(st.builds(Thinking, WORDS, WORDS) | st.builds(RedactedThinking, WORDS), max_size=2))
        ids = draw(st.lists(st.from_regex(r"[a-zA-Z0-9_-]{1,8}", fullmatch=True), max_size=2, unique=True))
        calls = [ToolCall(call_id, "look", draw(ARGUMENTS), cache=draw(MARKS)) for call_id in ids]
        messages.append(Message("assistant", (*thinking, *draw(st.lists(PLAIN, min_size=1, max_size=2)), *calls)))
    # This model goes on with no answer that was begun for it, nor by a budget with one that began without thinking.
    thought = all(isinstance(m.parts[0], Thinking | RedactedThinking) for m in messages if m.role == "assistant")
    if answers := tuple(ToolResult(call.id, (draw(PLAIN),)) for call in calls):
        messages.append(Message("tool", answers))
    messages.append(Message("user", (draw(PLAIN),)))
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    tools = draw(
        st.lists(
            st.builds(
                Tool,
                st.sampled_from(["look", "find"]),
                st.none() | WORDS,
                st.just(schema),
                strict=st.sampled_from([None, True]),
                cache=MARKS,
            ),
            min_size=1,
            max_size=2,
        )
    )
    choices = [None, ToolChoice("auto"), ToolChoice("none"), ToolChoice("required"), ToolChoice("named", "look")]
    choice = draw(st.sampled_from(choices))
    free = choice is None or choice.mode in {"auto", "none"}
    thinks = [Reasoning(adaptive=True, effort="max", display="omitted")]
    if thought:
        thinks.append(Reasoning(budget_tokens=2048))
    reasoning = draw(st.sampled_from([None, Reasoning(enabled=False), *(thinks if free else [])]))
    may_sample = reasoning is None or not reasoning.enabled
    return Conversation(
        model="claude-opus-4-6",
        messages=tuple(messages),
        tools=tuple(tools),
        tool_choice=choice,
        parallel_tool_calls=draw(st.sampled_from([None, False])) if choice and choice.mode != "none" else None,
        max_output_tokens=draw(st.integers(min_value=4096, max_value=9999)),
        temperature=draw(st.none() | st.sampled_from([0, 0.5, 1])) if may_sample else None,
        top_k=draw(st.none() | st.integers(1, 9)) if may_sample else None,
        stop=tuple(draw(st.lists(WORDS, max_size=2))),
        stream=draw(st.booleans()),
        output_format=draw(st.sampled_from([None, OutputFormat("json_schema", schema=schema)])),
        reasoning=reasoning,
        user=draw(st.none() | WORDS),
        service_tier=draw(st.sampled_from([None, "auto", "default"])),
    )


@settings(max_examples=100, deadline=None)
@given(conversation=conversations())
def test_a_conversation_survives_the_way_there_and_back(conversation):
    rendered = render_request(conversation, RenderOptions())
    assert rendered.dropped == ()
    assert parse_request(orjson.loads(orjson.dumps(rendered.body))) == conversation


@settings(max_examples=100, deadline=None)
@given(
    parts=st.lists(
        st.builds(Text, WORDS)
        | st.builds(Thinking, TEXTS, st.none() | WORDS)
        | st.builds(RedactedThinking, TEXTS)
        | st.builds(ToolCall, WORDS, WORDS, ARGUMENTS),
        max_size=4,
    ),
    reason=st.sampled_from(["length", "tool_calls", "refusal", "pause", "context_window"]),
    usage=st.builds(Usage, *[st.integers(0, 99)] * 6),
)
def test_an_answer_survives_the_way_there_and_back(parts, reason, usage):
    answer = Answer("msg_1", "m", (Choice(tuple(parts), reason),), usage)
    rendered = render_answer(answer)
    SdkMessage.model_validate(rendered)
    assert parse_answer(orjson.loads(orjson.dumps(rendered))) == answer
