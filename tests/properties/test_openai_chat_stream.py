"""Properties of the OpenAI Chat Completions dialect.

Any split of a stream gives the same frames, no input makes the reader raise, what the writers write the readers read.
"""

from itertools import pairwise
from pathlib import Path

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.dialects.base import RenderOptions
from extproc.dialects.openai_chat.parse import parse_request
from extproc.dialects.openai_chat.render import render_request
from extproc.dialects.openai_chat.stream import OpenAIStreamReader
from extproc.dialects.openai_chat.stream_writer import OpenAIStreamWriter
from extproc.domain.answer import (
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
    Audio,
    Conversation,
    Document,
    Image,
    Message,
    OutputFormat,
    Reasoning,
    Refusal,
    Source,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from extproc.domain.usage import Usage

GOLDENS = Path(__file__).parents[1] / "goldens" / "streams" / "openai-chat"
STREAMS = {path.stem: path.read_bytes() for path in sorted(GOLDENS.glob("*.sse"))}
BODIES = (
    b'{"error":{"message":"slow \xc3\xa4","code":"rate_limit_exceeded"}}\n\nrest',
    b"\xef\xbb\xbf <html>502</html>",
    b'[{"error":{"code":503}}]',
)


def frames(pieces):
    """Frames in a form that compares: an error is its class, message and status."""
    reader = OpenAIStreamReader()
    read = [frame for piece in pieces for frame in reader.feed(piece)] + reader.finish()
    return [(frame.raw, [comparable(event) for event in frame.events], frame.usage_only) for frame in read]


def comparable(event):
    if isinstance(event, Failed):
        return type(event.error), event.error.message, event.error.retry_status
    return event


def split(data, cuts):
    bounds = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]


CUTS = st.lists(st.integers(0, 10_000), max_size=40)
RECORDED = st.sampled_from([*STREAMS.values(), *BODIES])


@given(data=RECORDED, cuts=CUTS)
@settings(max_examples=300, deadline=None)
def test_any_split_of_a_recorded_stream_gives_the_same_frames(data, cuts):
    assert frames(split(data, cuts)) == frames([data])


def test_single_bytes_give_the_same_frames():
    for data in (*STREAMS.values(), *BODIES):
        assert frames([data[i : i + 1] for i in range(len(data))]) == frames([data])


@given(data=RECORDED, cuts=CUTS, at=st.integers(0, 10_000), gone=st.integers(0, 40), new=st.binary(max_size=20))
@settings(max_examples=300, deadline=None)
def test_a_damaged_stream_never_raises_and_its_split_does_not_matter(data, cuts, at, gone, new):
    at %= len(data)
    damaged = data[:at] + new + data[at + gone :]
    assert frames(split(damaged, cuts)) == frames([damaged])


FRAGMENTS = st.sampled_from(
    [
        b"data: ",
        b"\n\n",
        b"\r\n\r\n",
        b"\n",
        b"{",
        b"}",
        b"[DONE]",
        b'{"choices":[]}',
        b'{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}',
        b'{"error":"x"}',
        b"event: error\n",
        b": c",
        b"\xef\xbb\xbf",
    ]
)
NOISE = st.lists(FRAGMENTS | st.binary(max_size=8), max_size=12).map(b"".join)


@given(data=NOISE, cuts=CUTS)
@settings(max_examples=500, deadline=None)
def test_noise_never_raises_and_ends_in_a_verdict(data, cuts):
    read = frames(split(data, cuts))
    assert read == frames([data])
    last = read[-1][1][-1]
    assert isinstance(last, Ended | tuple)
    verdicts = [event for _, events, _ in read for event in events if isinstance(event, Ended | tuple)]
    assert verdicts == [last]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "content",
                    "tool_calls",
                    "function",
                    "name",
                    "arguments",
                    "index",
                    "id",
                    "usage",
                    "error",
                    "finish_reason",
                    "thinking_blocks",
                    "reasoning",
                    "message",
                    "code",
                    "x_groq",
                    "prompt_tokens",
                    "prompt_tokens_details",
                    "logprobs",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(values=st.lists(JSON, min_size=1, max_size=4))
@settings(max_examples=500, deadline=None)
def test_json_of_any_shape_never_raises(values):
    data = b"".join(b"data: " + orjson.dumps(value) + b"\n\n" for value in values)
    read = frames([data])
    assert data.startswith(b"".join(raw for raw, _, _ in read))
    assert isinstance(read[-1][1][-1], Ended | tuple)


# --- What is written is read -------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
NAME = st.text("abcXYZ09_-", min_size=1, max_size=8)
COUNT = st.integers(0, 1_000_000)


@st.composite
def answers(draw):
    """The events of a whole answer with one choice, as a provider's reader gives them."""
    events = [Started("chatcmpl-" + draw(NAME), draw(NAME), draw(st.integers(1, 2_000_000_000)))]
    for _ in range(draw(st.integers(0, 2))):
        run = draw(st.lists(TEXT, min_size=1, max_size=3))
        events += [*map(ThinkingDelta, run), ThinkingSigned(draw(NAME))]
    events += [ThinkingRedacted(data) for data in draw(st.lists(NAME, max_size=2))]
    events += [TextDelta(text) for text in draw(st.lists(TEXT, max_size=4))]
    events += [RefusalDelta(text) for text in draw(st.lists(TEXT, max_size=1))]
    calls = draw(st.lists(NAME, max_size=3, unique=True))
    for index, call_id in enumerate(calls):
        events.append(ToolCallStarted(index, call_id, draw(NAME)))
        events += [ToolCallDelta(index, text) for text in draw(st.lists(TEXT, max_size=3))]
    events.append(Finished("tool_calls" if calls else draw(st.sampled_from(["stop", "length", "content_filter"]))))
    reasoning, cached, written = draw(COUNT), draw(COUNT), draw(COUNT)
    output = reasoning + draw(COUNT)
    events.append(
        UsageSeen(
            Usage(input=draw(COUNT), cache_read=cached, cache_write_5m=written, output=output, reasoning=reasoning)
        )
    )
    return [*events, Ended()]


@given(events=answers(), cuts=CUTS, crlf=st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_written_stream_reads_back_however_it_is_split(events, cuts, crlf):
    writer = OpenAIStreamWriter(created=1, include_usage=True)
    data = b"".join(writer.write(event) for event in events)
    data = data.replace(b"\n", b"\r\n") if crlf else data
    assert [event for _, means, _ in frames(split(data, cuts)) for event in means] == events


BASE64 = st.text("ABCDabcd0123+/", min_size=1, max_size=8)
MEDIA = st.sampled_from(["image/png", "application/pdf", "text/plain"])
IMAGE = st.builds(
    Image,
    st.builds(Source, media_type=st.none() | MEDIA, data=BASE64)
    | st.builds(Source, url=NAME.map("https://x/".__add__)),
    detail=st.none() | st.sampled_from(["low", "high"]),
)
DOCUMENT = st.builds(
    Document,
    st.builds(Source, media_type=st.none() | MEDIA, data=BASE64) | st.builds(Source, file_id=NAME),
    title=TEXT,  # an inline file without one gets one
)
PLAIN_TEXT = st.builds(Text, TEXT)
USER_PART = PLAIN_TEXT | IMAGE | DOCUMENT | st.builds(Audio, BASE64, st.sampled_from(["wav", "mp3"]))
CALL = st.builds(ToolCall, NAME, NAME, TEXT)
RESULT = st.builds(ToolResult, NAME, st.lists(PLAIN_TEXT, max_size=3).map(tuple))


@st.composite
def messages(draw):
    """Messages as OpenAI can express them: tool results right behind the answer that asked for them."""
    drawn = []
    for role in draw(st.lists(st.sampled_from(["system", "developer", "user", "assistant", "tool"]), max_size=6)):
        name = draw(st.none() | NAME)
        if role == "tool":
            if drawn and drawn[-1].role == "assistant":
                drawn.append(Message("tool", tuple(draw(st.lists(RESULT, min_size=1, max_size=3)))))
        elif role == "assistant":
            said = draw(st.lists(PLAIN_TEXT, max_size=2)) + draw(st.lists(st.builds(Refusal, TEXT), max_size=1))
            drawn.append(Message(role, (*said, *draw(st.lists(CALL, max_size=2))), name))
        else:
            part = USER_PART if role == "user" else PLAIN_TEXT
            drawn.append(Message(role, tuple(draw(st.lists(part, min_size=1, max_size=3))), name))
    return tuple(drawn)


SCHEMA = st.dictionaries(NAME, st.integers(-9, 9) | st.lists(TEXT, max_size=2), max_size=3)
OPTIONAL_BOOL = st.none() | st.booleans()
FORMAT = st.just(OutputFormat("json")) | st.builds(
    OutputFormat,
    st.just("json_schema"),
    name=NAME,
    schema=st.none() | SCHEMA,
    strict=OPTIONAL_BOOL,
    description=st.none() | TEXT,
)
CHOICE = st.sampled_from([ToolChoice("auto"), ToolChoice("none"), ToolChoice("required")]) | st.builds(
    ToolChoice, st.just("named"), NAME
)
EFFORT = st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"])


@st.composite
def conversations(draw):
    tools = tuple(
        draw(st.lists(st.builds(Tool, NAME, st.none() | TEXT, st.none() | SCHEMA, strict=OPTIONAL_BOOL), max_size=2))
    )
    stream = draw(st.booleans())
    effort = draw(st.none() | EFFORT)
    number = st.none() | st.floats(0.125, 2)
    return Conversation(
        model=draw(NAME),
        messages=draw(messages()),
        tools=tools,
        tool_choice=draw(st.none() | CHOICE) if tools else None,
        parallel_tool_calls=draw(OPTIONAL_BOOL) if tools else None,
        max_output_tokens=draw(st.none() | COUNT),
        temperature=draw(st.none() | st.integers(0, 2) | st.floats(0, 2)),
        top_p=draw(number),
        stop=tuple(draw(st.lists(TEXT, max_size=4))),
        seed=draw(st.none() | st.integers(-(2**53), 2**53)),
        n=draw(st.none() | st.integers(2, 128)),
        stream=stream,
        include_usage=stream,
        output_format=draw(st.none() | FORMAT),
        reasoning=None if effort is None else Reasoning(enabled=effort != "none", effort=effort),
        frequency_penalty=draw(number),
        presence_penalty=draw(number),
        logit_bias=draw(st.none() | st.dictionaries(NAME, st.integers(-100, 100), min_size=1, max_size=2)),
        logprobs=draw(st.sampled_from([None, True])),
        top_logprobs=draw(st.none() | st.integers(1, 20)),
        user=draw(st.none() | TEXT),
        service_tier=draw(st.none() | st.sampled_from(["auto", "default", "flex", "priority"])),
        verbosity=draw(st.sampled_from([None, "low", "high"])),
    )


@given(conversation=conversations())
@settings(max_examples=300, deadline=None)
def test_a_request_that_openai_can_express_survives_the_wire(conversation):
    body = render_request(conversation, RenderOptions()).body
    assert parse_request(orjson.loads(orjson.dumps(body))) == conversation
