"""What the tests of Gemini's clients share: requests as a client sends them, answers as it gets them."""

from pathlib import Path

import orjson

from extproc.dialects.gemini.dialect import GeminiClient
from extproc.domain.answer import (
    Answer,
    Choice,
    Ended,
    Finished,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingRedacted,
    ThinkingSigned,
    ToolCallDelta,
    ToolCallStarted,
    UsageSeen,
)
from extproc.domain.conversation import Message, RedactedThinking, Text, Thinking, ToolCall
from extproc.domain.usage import Usage

GOLDENS = Path(__file__).parents[3] / "goldens"
CLIENT = GeminiClient()
SIGNED_CALL = "Z2VtaW5pLXNpZ25hdHVyZS1vZi10aGUtZmlyc3Qtc3RlcA=="
HI = Message("user", (Text("Hi"),))


def parse(body):
    return CLIENT.parse_request(body)


def golden(name):
    return parse(orjson.loads((GOLDENS / "requests" / "gemini" / f"{name}.json").read_bytes()))


def asked(*parts, role="user", **fields):
    return parse({"contents": [{"role": role, "parts": list(parts)}], **fields})


def configured(**config):
    return asked({"text": "Hi"}, generationConfig=config)


PARTS = (
    Thinking("hm", "c2ln", "anthropic"),
    RedactedThinking("ZGF0YQ==", "anthropic"),
    RedactedThinking("rs_1.ZW5j", "openai"),
    Text("Let me see."),
    ToolCall("c1", "get_weather", '{"city":"Oslo"}'),
)
USAGE = Usage(9, cache_read=3, output=7, reasoning=2)


def events_of(parts, finish):
    """The same answer as a stream, its texts in two pieces."""
    events = [Started("r1", "claude"), UsageSeen(Usage(9, cache_read=3))]
    calls = 0
    for part in parts:
        match part:
            case Thinking():
                events += [ThinkingDelta(part.text[:1]), ThinkingDelta(part.text[1:])]
                events.append(ThinkingSigned(part.signature, 0, part.origin))
            case RedactedThinking():
                events.append(ThinkingRedacted(part.data, 0, part.origin))
            case Text():
                events += [TextDelta(part.text[:3]), TextDelta(part.text[3:])]
            case ToolCall():
                events.append(ToolCallStarted(calls, part.id, part.name, 0, part.signature))
                events += [ToolCallDelta(calls, part.arguments[:4]), ToolCallDelta(calls, part.arguments[4:])]
                calls += 1
    return [*events, Finished(finish), UsageSeen(USAGE), Ended()]


def written(events):
    writer = CLIENT.stream_writer(created=1, include_usage=False)
    return b"".join(writer.write(event) for event in events)


def whole(*parts, finish="stop", **choice):
    answer = Answer("r1", "claude", (Choice(parts, finish, **choice),), USAGE)
    return orjson.dumps(CLIENT.render_answer(answer, created=1))
