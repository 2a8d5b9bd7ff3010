"""Streams: what the goldens and the split property cannot show."""

import orjson
import pytest

from extproc.dialects.base import Frame
from extproc.dialects.sse import render_event
from extproc.domain.errors import ProviderBadAnswer, ProviderFailed, ProviderOverloaded, ProviderTruncated
from extproc.domain.usage import Usage
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS
from extproc.translate.response import AnswerStream, Progress
from tests.effort import lines


def stream(client: str, provider: str, *, hide_usage: bool = False) -> AnswerStream:
    pair = PAIRS[client, provider]
    writer = None if pair.same else pair.client.stream_writer(created=1, include_usage=not hide_usage)
    return AnswerStream(pair.provider.stream_reader(), writer, hide_usage=hide_usage, model="asked")


def chunk(delta: dict | None = None, finish: str | None = None, **more) -> bytes:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return render_event(orjson.dumps({"id": "c1", "model": "gpt", "choices": [choice]} | more))


ROLE = chunk({"role": "assistant", "content": ""})
HEL, LO = chunk({"content": "Hel"}), chunk({"content": "lo €"})
STOP = chunk(finish="stop")
USAGE = chunk(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7})
DONE = b"data: [DONE]\n\n"
ERROR = render_event(b'{"error":{"message":"boom","code":500}}')


def event(kind: str, **fields) -> bytes:
    return render_event(orjson.dumps({"type": kind} | fields), name=kind)


START = event(
    "message_start", message={"id": "m1", "model": "claude", "usage": {"input_tokens": 5, "output_tokens": 1}}
)
BLOCK = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
TEXT = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hi"})
PING = event("ping")
CLOSE = event("content_block_stop", index=0)
DELTA = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 9})
END = event("message_stop")
OVERLOADED = event("error", error={"type": "overloaded_error", "message": "busy"})


def test_same_dialect_plays_event_by_event():
    answer = stream("openai-chat", "openai", hide_usage=True)
    assert answer.response_model is None
    assert answer.response_id is None
    assert answer.feed(ROLE) == Progress(ROLE)
    assert not answer.content_seen
    assert answer.feed(HEL[:10]) == Progress()
    assert answer.feed(HEL[10:] + LO) == Progress(HEL + LO, content=2)
    assert answer.content_seen
    assert answer.output_bytes == len("Hello €".encode())
    assert answer.feed(STOP + USAGE[:20]) == Progress(STOP)
    assert answer.finish_reason == "stop"
    assert answer.feed(USAGE[20:]) == Progress()
    assert answer.usage == Usage(input=3, output=4)
    assert not answer.terminal
    assert answer.feed(DONE) == Progress(DONE, ended=True)
    assert answer.terminal
    assert (answer.response_id, answer.response_model) == ("c1", "gpt")


def test_usage_asked_for_is_not_hidden():
    answer = stream("openai-chat", "openai")
    assert answer.feed(ROLE + STOP + USAGE + DONE).data == ROLE + STOP + USAGE + DONE


def test_usage_beside_content_is_not_hidden():
    """Some servers put it on the last content chunk: that has to arrive."""
    last = chunk({"content": "x"}, "stop", usage={"prompt_tokens": 3, "completion_tokens": 4})
    answer = stream("openai-chat", "openai", hide_usage=True)
    assert answer.feed(last + DONE) == Progress(last + DONE, content=1, ended=True)
    assert answer.usage == Usage(input=3, output=4)


def test_comments_and_unknown_events_pass_the_same_dialect():
    answer = stream("anthropic-messages", "anthropic")
    unknown = event("event_of_tomorrow", x=1)
    assert answer.feed(b": hi\n\n" + START + PING + unknown) == Progress(b": hi\n\n" + START + PING + unknown)


def test_keep_alives_of_one_dialect_are_not_content_of_the_other():
    answer = stream("openai-chat", "anthropic")
    assert answer.feed(PING) == Progress()
    assert answer.feed(START).content == 0
    assert answer.feed(BLOCK).content == 0
    assert answer.feed(TEXT).content == 1


HALVES = {
    "openai": ("openai-chat", chunk({"content": "@"})),
    "anthropic": ("anthropic-messages", START + BLOCK + event("content_block_delta", index=0, delta={"type": "text_delta", "text": "@"})),
    "gemini": ("gemini", render_event(b'{"candidates":[{"content":{"parts":[{"text":"@"}]}}]}')),
    "openai-responses": ("openai-responses", event("response.created", response={"id": "r", "model": "m"}) + event("response.output_text.delta", item_id="m", output_index=0, content_index=0, delta="@")),
}  # fmt: skip


@pytest.mark.parametrize("provider", HALVES)
def test_half_a_character_is_no_failure(provider):
    """Servers that cut their output between the halves of a surrogate pair send one in each of two chunks."""
    client, cut = HALVES[provider]
    cut = cut.replace(b"@", b"\\ud83d")
    progress = stream(client, provider).feed(cut)
    assert (progress.data, progress.content, progress.failed) == (cut, 1, None)
    other = "openai-chat" if provider != "openai" else "anthropic-messages"
    written = stream(other, provider).feed(cut)
    assert "\N{REPLACEMENT CHARACTER}" in written.data.decode()
    assert written.failed is None


@pytest.mark.parametrize("client", CLIENT_DIALECTS)
@pytest.mark.parametrize(
    ("provider", "before", "failing", "kind"),
    [
        ("openai", ROLE + HEL, ERROR, ProviderFailed),
        ("openai", ROLE + HEL, b"data: {nonsense\n\n", ProviderBadAnswer),
        ("anthropic", START + BLOCK + TEXT, OVERLOADED, ProviderOverloaded),
        ("anthropic", START + BLOCK + TEXT, b"data: {nonsense\n\n", ProviderBadAnswer),
    ],
)
def test_a_failure_ends_the_stream_and_none_of_its_bytes_are_sent(client, provider, before, failing, kind):
    reference = stream(client, provider).feed(before)
    answer = stream(client, provider)
    progress = answer.feed(before + failing + LO + DONE + TEXT + END)
    assert isinstance(progress.failed, kind)
    assert progress.data == reference.data
    assert progress.content == reference.content == 1
    assert not progress.ended
    assert answer.terminal
    assert answer.feed(LO + DONE + TEXT + END) == Progress()
    assert answer.finish() == Progress()


@pytest.mark.parametrize(
    ("provider", "whole"),
    [("openai", ROLE + HEL + STOP + DONE), ("anthropic", START + BLOCK + TEXT + CLOSE + DELTA + END)],
)
@pytest.mark.parametrize("client", CLIENT_DIALECTS)
def test_what_follows_the_end_marker_is_ignored(client, provider, whole):
    answer = stream(client, provider)
    progress = answer.feed(whole + ERROR + OVERLOADED + LO)
    assert progress.ended
    assert progress.failed is None
    assert progress.data == stream(client, provider).feed(whole).data
    assert answer.feed(ERROR) == answer.finish() == Progress()


@pytest.mark.parametrize("client", CLIENT_DIALECTS)
@pytest.mark.parametrize(
    ("provider", "part"),
    [("openai", ROLE + HEL), ("anthropic", START + BLOCK + TEXT), ("openai", b""), ("anthropic", b"")],
)
def test_an_end_too_early_is_a_failure(client, provider, part):
    answer = stream(client, provider)
    answer.feed(part)
    progress = answer.finish()
    assert isinstance(progress.failed, ProviderTruncated)
    assert progress.data == b""
    assert answer.terminal
    assert answer.finish() == Progress()


class SilentReader:
    """A reader that breaks its promise to end in ``Ended`` or ``Failed``."""

    def feed(self, data: bytes) -> list[Frame]:
        return [Frame(data, ())]

    def finish(self) -> list[Frame]:
        return [Frame(b": bye\n\n", ())]


def test_a_reader_without_a_verdict_is_a_failure_too():
    answer = AnswerStream(SilentReader(), None, hide_usage=False, model="m")
    assert answer.feed(b"x") == Progress(b"x")
    progress = answer.finish()
    assert progress.data == b": bye\n\n"
    assert isinstance(progress.failed, ProviderTruncated)
    assert answer.terminal


@pytest.mark.parametrize(("ending", "added"), [(b"", b"\n\n"), (b"\n", b"\n"), (b"\r\n", b"\n")])
def test_an_end_marker_without_its_blank_line_gets_one(ending, added):
    """Clients drop an event that no blank line ends, and would take the answer for cut."""
    answer = stream("anthropic-messages", "anthropic")
    before, marker = START + BLOCK + TEXT + CLOSE + DELTA, END.rstrip(b"\n") + ending
    assert answer.feed(before + marker) == Progress(before, content=1)
    assert answer.finish() == Progress(marker + added, ended=True)


@pytest.mark.parametrize("cut", [b": keep-al", USAGE[:-9], USAGE[:3]])
def test_what_the_end_cuts_behind_a_whole_answer_is_left_out(cut):
    """A client would trip over half an event."""
    answer = stream("openai-chat", "openai")
    answer.feed(ROLE + HEL + STOP + cut)
    assert answer.finish() == Progress(b"", ended=True)


def test_a_model_that_the_stream_does_not_name_is_the_one_asked_for():
    answer = stream("anthropic-messages", "openai")
    unnamed = render_event(b'{"choices":[{"index":0,"delta":{"content":"x"}}]}')
    assert b'"model":"asked"' in answer.feed(unnamed).data
    assert answer.response_model == "asked"
    assert answer.response_id is None


def test_empty_deltas_are_no_content():
    answer = stream("anthropic-messages", "anthropic")
    empty = event("content_block_delta", index=0, delta={"type": "text_delta", "text": ""})
    assert answer.feed(START + BLOCK + empty) == Progress(START + BLOCK + empty)
    assert not answer.content_seen


def test_content_that_waits_counts_when_it_is_written():
    """A second call's arguments are held until the first one's are complete: nothing has reached the client yet."""
    answer = stream("anthropic-messages", "openai")
    answer.feed(ROLE)

    def call(index: int, arguments: str, name: str | None = None) -> bytes:
        function = {"arguments": arguments} | ({"name": name} if name else {})
        return chunk({"tool_calls": [{"index": index, "id": f"c{index}" if name else None, "function": function}]})

    assert answer.feed(call(0, '{"a":', "f")).content == 2
    held = answer.feed(call(1, "{}", "g"))
    assert (held.data, held.content) == (b"", 0)
    assert answer.output_bytes == len('{"a":{}')
    assert b'"name":"g"' in answer.feed(call(0, "1}")).data


def test_the_first_choice_says_why_it_ended():
    def other(index: int, finish: str) -> bytes:
        return render_event(
            orjson.dumps({"id": "c", "choices": [{"index": index, "delta": {}, "finish_reason": finish}]})
        )

    answer = stream("openai-chat", "openai")
    answer.feed(other(1, "length"))
    assert answer.finish_reason == "length"
    answer.feed(other(0, "stop") + other(2, "length"))
    assert answer.finish_reason == "stop"


@pytest.mark.parametrize("client", CLIENT_DIALECTS)
@pytest.mark.parametrize(("provider", "head", "delta"), [("openai", ROLE, HEL), ("anthropic", START + BLOCK, TEXT)])
def test_an_event_costs_the_same_whatever_came_before(client, provider, head, delta):
    answer = stream(client, provider)
    answer.feed(head)
    answer.feed(delta)
    second = lines(lambda: answer.feed(delta))
    for _ in range(5000):
        answer.feed(delta)
    assert lines(lambda: answer.feed(delta)) == second
