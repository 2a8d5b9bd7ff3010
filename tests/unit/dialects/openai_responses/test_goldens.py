"""The golden inputs of this dialect: the SDK takes them as they are, and as this dialect writes them anew."""

from pathlib import Path

import orjson
import pytest
from openai import APIError

from extproc.dialects.base import RenderOptions
from extproc.dialects.openai_responses.dialect import OpenAIResponsesClient, OpenAIResponsesProvider
from extproc.translate.answer import translate_answer
from extproc.translate.response import AnswerStream
from tests.judges.openai_responses import check_request, read_answer

GOLDENS = Path(__file__).parents[3] / "goldens"
REQUESTS = sorted(path for path in (GOLDENS / "requests" / "openai-responses").glob("*.json") if "." not in path.stem)
STORED = "item_reference_refused"
"""Rests on what a provider has stored: refused by the reader, for no other provider can serve it."""
ANSWERS = sorted(path for path in (GOLDENS / "responses" / "openai-responses").glob("*") if len(path.suffixes) == 1)
WHOLE = [path for path in ANSWERS if path.suffix == ".json"]
STREAMS = [path for path in ANSWERS if path.suffix == ".sse"]
BROKEN = {
    "stream_ends_early",
    "stream_malformed_line",
    "stream_error_midway",
    "stream_rate_limited_first",
    "stream_failed_midway",
}

CLIENT, PROVIDER = OpenAIResponsesClient(), OpenAIResponsesProvider()


def by_stem(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


def test_there_are_enough():
    assert len(REQUESTS) >= 14
    assert len(WHOLE) >= 10
    assert len(STREAMS) >= 10


@by_stem([path for path in REQUESTS if path.stem != STORED])
def test_requests(path):
    conversation = CLIENT.parse_request(orjson.loads(path.read_bytes()))
    body = PROVIDER.render_request(conversation, RenderOptions(drop_unsupported=True)).body
    check_request(orjson.loads(orjson.dumps(body)), stream=conversation.stream)


@by_stem(WHOLE)
def test_whole_answers(path):
    data = path.read_bytes()
    theirs = read_answer(data, ".json")
    ours = read_answer(translate_answer(CLIENT, PROVIDER, data, created=1, same_dialect=False).body, ".json")
    assert ours.output_text == theirs.output_text
    assert (ours.status, ours.incomplete_details) == (theirs.status, theirs.incomplete_details)
    assert (ours.usage, ours.service_tier, ours.model) == (theirs.usage, theirs.service_tier, theirs.model)
    for mine, its in zip(*([i for i in r.output if i.type == "reasoning"] for r in (ours, theirs)), strict=True):
        # What no seal is on comes back under ours, and under another id.
        assert mine.id == its.id or its.encrypted_content is None


@by_stem(STREAMS)
def test_streams(path):
    data = path.read_bytes()
    stream = AnswerStream(
        PROVIDER.stream_reader(), CLIENT.stream_writer(created=1, include_usage=True), hide_usage=False, model="m"
    )
    steps = stream.feed(data), stream.finish()
    error = steps[0].failed or steps[1].failed
    ours = steps[0].data + steps[1].data
    assert (error is not None) == (path.stem in BROKEN)
    if error is not None:
        with pytest.raises(APIError, match=error.message[:20]):
            read_answer(ours + CLIENT.render_error_event(error), ".sse")
        return
    mine, its = read_answer(ours, ".sse"), read_answer(data, ".sse")
    assert (mine.output_text, mine.status, mine.usage) == (its.output_text, its.status, its.usage)
    assert (mine.incomplete_details, mine.service_tier) == (its.incomplete_details, its.service_tier)
