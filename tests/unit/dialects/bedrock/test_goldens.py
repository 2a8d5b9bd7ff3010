"""The answers in ``tests/goldens/responses/bedrock`` are of the service model, and are read as such."""

from pathlib import Path

import orjson
import pytest

from extproc.dialects.bedrock.dialect import BedrockProvider
from extproc.domain.answer import Ended, Failed
from tests.judges.bedrock import check_answer, check_event
from tests.judges.eventstream import encode

FOLDER = Path(__file__).parents[3] / "goldens" / "responses" / "bedrock"
INPUTS = sorted(path for path in FOLDER.iterdir() if len(path.suffixes) == 1)
WHOLE = [path for path in INPUTS if path.suffix == ".json"]
STREAMS = [path for path in INPUTS if path.suffix == ".aws"]
BROKEN = {
    "stream_ends_early": "provider_truncated",
    "stream_malformed_event": "provider_bad_answer",
    "stream_malformed_tool_use": "provider_error",
    "stream_model_error_midway": "provider_error",
    "stream_throttled_first": "provider_rate_limited",
    "stream_unmodelled_error": "provider_overloaded",
}


def name(path: Path) -> str:
    return path.stem


def frames(data: bytes, size: int):
    reader = BedrockProvider().stream_reader()
    fed = [frame for at in range(0, len(data), size) for frame in reader.feed(data[at : at + size])]
    return fed + reader.finish()


def test_there_are_enough():
    assert len(WHOLE) >= 10
    assert len(STREAMS) >= 10


@pytest.mark.parametrize("path", WHOLE, ids=name)
def test_a_whole_answer_is_of_the_service_model_and_is_read(path: Path):
    body = orjson.loads(path.read_bytes())
    check_answer(body)
    answer = BedrockProvider().parse_answer(body)
    assert answer.choices[0].finish is not None
    assert answer.usage.output == body["usage"]["outputTokens"]
    assert answer.usage.total == body["usage"]["totalTokens"]


@pytest.mark.parametrize("path", STREAMS, ids=name)
def test_a_stream_is_of_the_service_model(path: Path):
    for line in path.read_text().splitlines():
        kind, _, payload = line.partition(" ")
        if not kind.startswith("~") and not (path.stem == "stream_malformed_event" and '"delta"' not in payload):
            check_event(kind.removeprefix("!"), orjson.loads(payload))


@pytest.mark.parametrize("path", STREAMS, ids=name)
def test_a_stream_is_read_alike_in_any_split_and_ends_once(path: Path):
    data = encode(path.read_text())
    whole = frames(data, len(data))
    assert repr(frames(data, 1)) == repr(frames(data, 7)) == repr(whole)
    assert b"".join(frame.raw for frame in whole) == data[: sum(len(frame.raw) for frame in whole)]
    events = [event for frame in whole for event in frame.events]
    assert sum(isinstance(event, Ended | Failed) for event in events) == 1
    last = events[-1]
    if path.stem in BROKEN:
        assert isinstance(last, Failed)
        assert last.error.code == BROKEN[path.stem]
    else:
        assert isinstance(last, Ended)
        assert b"".join(frame.raw for frame in whole) == data
