"""Any split of a provider's stream gives the client the same bytes and the gateway the same usage, for every pair."""

import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.base import StreamReader
from extproc.dialects.bedrock_anthropic import AnthropicOverBedrock
from extproc.domain.answer import FinishReason
from extproc.domain.usage import Usage
from extproc.translate.content_coding import decoder_for
from extproc.translate.framing import Framed
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS, PROVIDER_DIALECTS
from extproc.translate.response import AnswerStream
from tests.judges.eventstream import chunk
from tests.judges.registry import stream_bytes

GOLDENS = Path(__file__).parents[1] / "goldens"
FORMAT_OF_FOLDER = {"openai-chat": "openai", **{name: name for name in PROVIDER_DIALECTS}}
SHOWS_USAGE_WHEN_ASKED = ("openai-chat", "openai-completions")
FEW_BYTES = 450
"""Of a stream that is cut at every place."""
SOME_BYTES = 2500
"""Of a stream that every client gets byte by byte; longer ones are read so for one of them."""
END_MARKS = (b"[DONE]\n\n", b'{"type":"message_stop"}\n\n')
ENDINGS = (b'"type":"response.completed"', b'"type":"response.incomplete"')


@dataclass(frozen=True)
class Source:
    """What a provider sends. ``packed``: Anthropic's events, each in a message of AWS."""

    name: str
    format: str
    data: bytes
    packed: bool = False

    def reader(self) -> StreamReader:
        reader = PROVIDER_DIALECTS[self.format].stream_reader()
        return Framed(AnthropicOverBedrock(), reader) if self.packed else reader


def sources() -> Iterator[Source]:
    for path in sorted((*GOLDENS.glob("streams/*/*.sse"), *GOLDENS.glob("responses/*/*.[as][ws][se]"))):
        if len(path.suffixes) > 1:
            continue  # what clients get
        spoken, data = FORMAT_OF_FOLDER[path.parent.name], stream_bytes(path)
        yield Source(f"{path.parent.name}/{path.stem}", spoken, data)
        if path.parts[-3:-1] == ("responses", "anthropic"):
            yield Source(f"packed-{path.parent.name}/{path.stem}", spoken, packed(data), packed=True)


def packed(stream: bytes) -> bytes:
    """As Bedrock's InvokeModelWithResponseStream has it: one message for each event that is JSON."""
    data = (event.partition(b"data: ")[2] for event in stream.split(b"\n\n"))
    return b"".join(chunk(event) for event in data if event)


SOURCES = list(sources())
CASES = [(source, client) for source in SOURCES for client in CLIENT_DIALECTS]
PARAMS = [pytest.param(source, client, id=f"{client}<{source.name}") for source, client in CASES]


@dataclass(frozen=True)
class Outcome:
    """All that may not depend on the split."""

    data: bytes
    content: int
    ended: bool
    failed: str | None
    usage: Usage
    finish_reason: FinishReason | None
    response_model: str | None
    response_id: str | None
    service_tier: str | None
    output_bytes: int
    output_events: int


def run(source: Source, client: str, chunks: list[bytes], *, include_usage: bool) -> Outcome:
    pair = PAIRS[client, source.format]
    writer = None if pair.same else pair.client.stream_writer(created=1, include_usage=include_usage)
    stream = AnswerStream(source.reader(), writer, hide_usage=not include_usage, model="m", answer_id="a")
    steps = [*(stream.feed(chunk) for chunk in chunks), stream.finish()]
    failures = [step.failed for step in steps if step.failed]
    assert len(failures) + sum(step.ended for step in steps) == 1
    return Outcome(
        data=b"".join(step.data for step in steps),
        content=sum(step.content for step in steps),
        ended=any(step.ended for step in steps),
        failed=f"{failures[0].code}: {failures[0].message}" if failures else None,
        usage=stream.usage,
        finish_reason=stream.finish_reason,
        response_model=stream.response_model,
        response_id=stream.response_id,
        service_tier=stream.service_tier,
        output_bytes=stream.output_bytes,
        output_events=stream.output_events,
    )


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def gunzipped(data: bytes, places: list[int]) -> list[bytes]:
    """What a decoder makes of the compressed stream, cut there."""
    decoder = decoder_for("gzip")
    chunks = [decoder.feed(chunk) for chunk in cut(gzip.compress(data), places)]
    decoder.finish()
    return chunks


def single_bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def one_client(source: Source) -> str:
    """One of them for each stream, all of them in turn."""
    return list(CLIENT_DIALECTS)[SOURCES.index(source) % len(CLIENT_DIALECTS)]


def test_there_are_streams_of_all_formats():
    assert {source.format for source in SOURCES} == set(PROVIDER_DIALECTS)
    assert sum(source.packed for source in SOURCES) > 5
    assert sum(source.format == "bedrock" for source in SOURCES) > 5


@pytest.mark.parametrize(("source", "client"), PARAMS)
def test_any_split_gives_the_same(source: Source, client: str):
    rng = random.Random(source.name)
    for include_usage in (True, False) if client in SHOWS_USAGE_WHEN_ASKED else (True,):
        whole = run(source, client, [source.data], include_usage=include_usage)
        for cuts in (1, 5, 50):
            places = [rng.randrange(len(source.data) + 1) for _ in range(cuts)]
            assert run(source, client, cut(source.data, places), include_usage=include_usage) == whole
        assert run(source, client, gunzipped(source.data, places), include_usage=include_usage) == whole
        if len(source.data) <= SOME_BYTES or client == one_client(source):
            assert run(source, client, single_bytes(source.data), include_usage=include_usage) == whole


@pytest.mark.parametrize(
    "source", [source for source in SOURCES if len(source.data) <= FEW_BYTES], ids=lambda source: source.name
)
def test_a_short_stream_may_be_cut_at_every_place(source: Source):
    client = one_client(source)
    whole = run(source, client, [source.data], include_usage=True)
    for place in range(len(source.data) + 1):
        assert run(source, client, [source.data[:place], source.data[place:]], include_usage=True) == whole


@given(st.sampled_from(CASES), st.lists(st.integers(0, 2**16), max_size=12), st.booleans(), st.booleans())
def test_splits_that_a_shrinker_looks_for(case, places, include_usage, compressed):
    source, client = case
    chunks = gunzipped(source.data, places) if compressed else cut(source.data, places)
    assert run(source, client, chunks, include_usage=include_usage) == run(
        source, client, [source.data], include_usage=include_usage
    )


def check_cut(source: Source, client: str, place: int) -> None:
    part = source.data[: place % (len(source.data) + 1)]
    outcome = run(source, client, [part], include_usage=True)
    whole = run(source, client, [source.data], include_usage=True)
    assert outcome.output_bytes <= whole.output_bytes
    assert outcome.data == b"" or outcome.data.endswith((b"\n\n", b"\r\n\r\n"))
    for line in outcome.data.splitlines():
        if line.startswith(b"data: ") and line != b"data: [DONE]":
            orjson.loads(line.removeprefix(b"data: "))  # whatever was sent as an event is whole
    if outcome.ended:
        assert outcome.finish_reason is not None or b"[DONE]" in part
        assert outcome.output_bytes == whole.output_bytes
    else:
        assert not outcome.data.endswith(END_MARKS)
        assert not any(ending in outcome.data for ending in ENDINGS)
        if client == "gemini" and source.format != "gemini":  # else the vendor's own, which has no end marker
            assert b'"finishReason"' not in outcome.data


@given(st.sampled_from(CASES), st.integers(0, 2**16))
def test_a_stream_cut_anywhere_never_looks_whole(case, place):
    """Whatever is missing before the end of the answer, the client is not told that it is complete."""
    check_cut(*case, place)


@pytest.mark.parametrize("client", CLIENT_DIALECTS)
@pytest.mark.parametrize(
    "name", [*(f"{name}/stream_text" for name in PROVIDER_DIALECTS), "packed-anthropic/stream_text"]
)
def test_a_stream_cut_anywhere_in_its_end_never_looks_whole(name: str, client: str):
    """The last events hold the finish reason, usage and the end marker."""
    source = next(source for source in SOURCES if source.name == name)
    size = len(source.data)
    for place in range(max(size - 900, 0), size, 1 if client == one_client(source) else 7):
        check_cut(source, client, place)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_same_dialect_keeps_its_bytes(source: Source):
    """What a client gets is the provider's stream up to the failure or the end marker, and nothing else."""
    client = next((name for name in CLIENT_DIALECTS if PAIRS[name, source.format].same), None)
    if client is None:
        return  # no client speaks Converse
    outcome = run(source, client, [source.data], include_usage=True)
    assert outcome.data == b"" or outcome.data.endswith((b"\n\n", b"\r\n\r\n"))
    if not source.packed:
        assert (source.data + b"\n\n").startswith(outcome.data)
        return
    plain = next(each for each in SOURCES if f"packed-{each.name}" == source.name)
    assert outcome == run(plain, client, [plain.data], include_usage=True) or outcome.failed
