"""Answers, case by case: what lies in ``tests/goldens/responses`` is what clients get, and the vendors' SDKs take it.

``<provider>/<case>.json`` or ``.sse`` is what a provider sends (``.aws``: a binary event stream, written as text).
Beside it: ``<case>.<client dialect>.json`` or ``.sse``, what a client of another dialect gets (one of the same dialect gets the provider's bytes; a stream that breaks ends in
the client's own error event); and ``<case>.usage.json``, what the gateway takes down. ``make goldens``
(``LLMGW_REWRITE_GOLDENS=1``) writes them anew.
"""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import pytest
from anthropic import APIError as AnthropicAPIError
from google.genai.errors import APIError as GoogleAPIError
from openai import APIError

from extproc.domain.answer import FinishReason
from extproc.domain.errors import GatewayError
from extproc.domain.usage import Usage
from extproc.translate.answer import Unsaid, translate_answer
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS, PROVIDER_DIALECTS
from extproc.translate.response import AnswerStream
from tests.judges.registry import READ_ANSWER, SUFFIXES, stream_bytes

FOLDER = Path(__file__).parents[2] / "goldens" / "responses"
REWRITE = os.environ.get("LLMGW_REWRITE_GOLDENS") == "1"
CREATED = 1_700_000_000
MODEL = "model-asked-for"

INPUTS = sorted(path for path in FOLDER.glob("*/*") if len(path.suffixes) == 1)
CASES = [
    pytest.param(path, client, id=f"{client}<{path.parent.name}/{path.name}")
    for path in INPUTS
    for client in CLIENT_DIALECTS
]


@dataclass(frozen=True)
class Result:
    """What the client gets, and what is taken down about it."""

    data: bytes
    usage: Usage
    finish_reason: FinishReason | None
    response_model: str | None
    response_id: str | None
    output_bytes: int | None = None
    error: GatewayError | None = None

    def record(self) -> bytes:
        record = {
            "usage": {name: count for name, count in asdict(self.usage).items() if count},
            "finish_reason": self.finish_reason,
            "response_model": self.response_model,
            "response_id": self.response_id,
        }
        if self.output_bytes is not None:
            record["output_bytes"] = self.output_bytes
        if self.error is not None:
            record["error"] = self.error.code
        return orjson.dumps(record, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def run(path: Path, client: str, *, include_usage: bool = True) -> Result:
    body = stream_bytes(path)
    pair = PAIRS[client, path.parent.name]
    if path.suffix == ".json":
        answer = translate_answer(
            pair.client, pair.provider, body, created=CREATED, same_dialect=pair.same, unsaid=Unsaid(MODEL)
        )
        return Result(answer.body, answer.usage, answer.finish_reason, answer.response_model, answer.response_id)
    writer = None if pair.same else pair.client.stream_writer(created=CREATED, include_usage=include_usage)
    stream = AnswerStream(pair.provider.stream_reader(), writer, hide_usage=not include_usage, model=MODEL)
    steps = (stream.feed(body), stream.finish())
    error = steps[0].failed or steps[1].failed
    data = steps[0].data + steps[1].data + (pair.client.render_error_event(error) if error else b"")
    return Result(
        data,
        stream.usage,
        stream.finish_reason,
        stream.response_model,
        stream.response_id,
        stream.output_bytes,
        error,
    )


def readable(path: Path, data: bytes) -> bytes:
    if path.suffix != ".json":
        return data
    return orjson.dumps(orjson.loads(data), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def same_as_golden(golden: Path, content: bytes) -> None:
    if REWRITE:
        golden.write_bytes(content)
    else:
        assert content == golden.read_bytes()


@pytest.mark.parametrize(("path", "client"), CASES)
def test_golden(path: Path, client: str):
    result = run(path, client)
    if not PAIRS[client, path.parent.name].same:
        same_as_golden(path.with_name(f"{path.stem}.{client}{SUFFIXES[path.suffix]}"), readable(path, result.data))
        same_as_golden(path.with_name(f"{path.stem}.usage.json"), result.record())


@pytest.mark.parametrize(("path", "client"), CASES)
def test_the_same_dialect_gets_the_providers_bytes_and_the_same_is_taken_down(path: Path, client: str):
    if not PAIRS[client, path.parent.name].same:
        return
    result = run(path, client)
    if result.error is None:
        assert result.data == path.read_bytes()
    other = next(name for name in CLIENT_DIALECTS if name != client)
    assert result.record() == run(path, other).record()


@pytest.mark.parametrize("provider", PROVIDER_DIALECTS)
@pytest.mark.parametrize("form", ["whole", "stream"])
def test_there_are_enough_cases(provider: str, form: str):
    cases = sum(path.parent.name == provider and (path.suffix == ".json") == (form == "whole") for path in INPUTS)
    assert cases >= (4 if provider == "openai-completions" else 10)


@pytest.mark.parametrize(("path", "client"), CASES)
def test_the_official_sdk_reads_it(path: Path, client: str):
    """And where the stream broke, the SDK raises the gateway's error. In its own dialect it gets its vendor's bytes."""
    if PAIRS[client, path.parent.name].same:
        return
    result = run(path, client)
    if result.error is None:
        READ_ANSWER[client](result.data, SUFFIXES[path.suffix])
        return
    with pytest.raises((APIError, AnthropicAPIError, GoogleAPIError)) as caught:
        READ_ANSWER[client](result.data, SUFFIXES[path.suffix])
    assert result.error.message in str(caught.value)


@pytest.mark.parametrize(
    "path", [path for path in INPUTS if path.suffix != ".json"], ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_usage_that_was_not_asked_for_is_hidden_but_counted(path: Path):
    shown, hidden = (run(path, "openai-chat", include_usage=wanted) for wanted in (True, False))
    assert b'"completion_tokens"' not in hidden.data
    assert hidden.record() == shown.record()


def test_no_golden_is_left_over():
    """Every file is a case or lies beside one, and no case has two bodies."""
    cases = [(path.parent, path.stem) for path in INPUTS]
    assert len(set(cases)) == len(cases)
    assert {(path.parent, path.name.split(".")[0]) for path in FOLDER.glob("*/*")} == set(cases)
