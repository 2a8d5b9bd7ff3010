"""Any split of a provider's stream gives the client the same bytes and the gateway the same usage, for all four pairs."""

import gzip
import random
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.answer import FinishReason
from extproc.domain.usage import Usage
from extproc.translate.content_coding import decoder_for
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS
from extproc.translate.response import AnswerStream

GOLDENS = Path(__file__).parents[1] / "goldens"
PROVIDER_OF_FOLDER = {
    "openai-chat": "openai",
    "openai": "openai",
    "anthropic-messages": "anthropic",
    "anthropic": "anthropic",
}
STREAMS = sorted(
    path
    for folder in ("streams", "responses")
    for path in (GOLDENS / folder).rglob("*.sse")
    if len(path.suffixes) == 1  # the others are what clients get
)
CASES = [
    pytest.param(path, client, id=f"{client}<{path.parent.name}/{path.stem}")
    for path in STREAMS
    for client in CLIENT_DIALECTS
]


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
    output_bytes: int


def run(provider: str, client: str, chunks: list[bytes], *, include_usage: bool) -> Outcome:
    pair = PAIRS[client, provider]
    writer = None if pair.same else pair.client.stream_writer(created=1, include_usage=include_usage)
    stream = AnswerStream(pair.provider.stream_reader(), writer, hide_usage=not include_usage, model="m")
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
        output_bytes=stream.output_bytes,
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


def test_there_are_streams_of_both_providers():
    assert {PROVIDER_OF_FOLDER[path.parent.name] for path in STREAMS} == {"openai", "anthropic"}


@pytest.mark.parametrize("include_usage", [True, False], ids=["usage", "no-usage"])
@pytest.mark.parametrize(("path", "client"), CASES)
def test_any_split_gives_the_same(path: Path, client: str, include_usage):
    provider = PROVIDER_OF_FOLDER[path.parent.name]
    data = path.read_bytes()
    whole = run(provider, client, [data], include_usage=include_usage)

    single = [data[at : at + 1] for at in range(len(data))]
    assert run(provider, client, single, include_usage=include_usage) == whole

    rng = random.Random(path.name)
    for _ in range(4):
        places = [rng.randrange(len(data) + 1) for _ in range(rng.choice([1, 5, 50]))]
        assert run(provider, client, cut(data, places), include_usage=include_usage) == whole
        assert run(provider, client, gunzipped(data, places), include_usage=include_usage) == whole


@given(st.sampled_from(CASES), st.lists(st.integers(0, 2**16), max_size=12), st.booleans(), st.booleans())
def test_splits_that_a_shrinker_looks_for(case, places, include_usage, compressed):
    path, client = case.values
    provider = PROVIDER_OF_FOLDER[path.parent.name]
    data = path.read_bytes()
    chunks = gunzipped(data, places) if compressed else cut(data, places)
    assert run(provider, client, chunks, include_usage=include_usage) == run(
        provider, client, [data], include_usage=include_usage
    )


def check_cut(path: Path, client: str, place: int) -> None:
    provider = PROVIDER_OF_FOLDER[path.parent.name]
    data = path.read_bytes()
    part = data[: place % (len(data) + 1)]
    outcome = run(provider, client, [part], include_usage=True)
    whole = run(provider, client, [data], include_usage=True)
    assert outcome.output_bytes <= whole.output_bytes
    assert outcome.data == b"" or outcome.data.endswith((b"\n\n", b"\r\n\r\n"))
    for line in outcome.data.splitlines():
        if line.startswith(b"data: ") and line != b"data: [DONE]":
            orjson.loads(line.removeprefix(b"data: "))  # whatever was sent as an event is whole
    if outcome.ended:
        assert outcome.finish_reason is not None or b"[DONE]" in part
        assert outcome.output_bytes == whole.output_bytes
    else:
        assert not outcome.data.endswith((b"[DONE]\n\n", b'{"type":"message_stop"}\n\n'))


@given(st.sampled_from(CASES), st.integers(0, 2**16))
def test_a_stream_cut_anywhere_never_looks_whole(case, place):
    """Whatever is missing before the end of the answer, the client is not told that it is complete."""
    check_cut(*case.values, place)


@pytest.mark.parametrize("client", CLIENT_DIALECTS)
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_stream_cut_at_every_byte_of_its_end_never_looks_whole(provider: str, client: str):
    """The last events hold the finish reason, usage and the end marker."""
    path = GOLDENS / "responses" / provider / "stream_text.sse"
    size = len(path.read_bytes())
    for place in range(size - 900, size):
        check_cut(path, client, place)


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_same_dialect_keeps_its_bytes(path: Path):
    """What a client gets is the provider's stream up to the failure or the end marker, and nothing else."""
    provider = PROVIDER_OF_FOLDER[path.parent.name]
    client = next(name for name in CLIENT_DIALECTS if PAIRS[name, provider].same)
    data = path.read_bytes()
    outcome = run(provider, client, [data], include_usage=True)
    assert (data + b"\n\n").startswith(outcome.data)
    assert outcome.data == b"" or outcome.data.endswith((b"\n\n", b"\r\n\r\n"))
