"""Answers, case by case: what lies in ``tests/goldens/responses`` is what clients get, and the vendors' SDKs take it.

``<provider>/<case>.json`` or ``.sse`` is what a provider sends. Beside it: ``<case>.<client dialect>.json`` or ``.sse``,
what a client of the other dialect gets (one of the same dialect gets the provider's bytes; a stream that breaks ends in
the client's own error event); and ``<case>.usage.json``, what the gateway takes down. ``make goldens``
(``LLMGW_REWRITE_GOLDENS=1``) writes them anew.
"""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import httpx2
import orjson
import pytest
from anthropic import Anthropic
from anthropic import APIError as AnthropicAPIError
from anthropic import APIStatusError as AnthropicAPIStatusError
from anthropic.types import Message
from openai import APIError, OpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion

from extproc.domain.answer import FinishReason
from extproc.domain.errors import GatewayError
from extproc.domain.usage import Usage
from extproc.translate.answer import translate_answer
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS, PROVIDER_DIALECTS
from extproc.translate.response import AnswerStream

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
    body = path.read_bytes()
    pair = PAIRS[client, path.parent.name]
    if path.suffix == ".json":
        answer = translate_answer(
            pair.client, pair.provider, body, created=CREATED, same_dialect=pair.same, model=MODEL
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
    if path.suffix == ".sse":
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
        same_as_golden(path.with_name(f"{path.stem}.{client}{path.suffix}"), readable(path, result.data))
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
@pytest.mark.parametrize("suffix", [".json", ".sse"])
def test_there_are_enough_cases(provider: str, suffix: str):
    assert sum(path.parent.name == provider and path.suffix == suffix for path in INPUTS) >= 10


KINDS = {".json": "application/json", ".sse": "text/event-stream"}


def answering(library, data: bytes, suffix: str):
    """A client of this HTTP library that gets this answer to every request."""
    answer = library.Response(200, headers={"content-type": KINDS[suffix]}, content=data)
    return library.Client(transport=library.MockTransport(lambda _: answer))


def read_by_openai(data: bytes, suffix: str) -> ChatCompletion:
    """The SDK's own object, as an application gets it. Raises the SDK's error where the stream holds one."""
    with answering(httpx, data, suffix) as http:
        sdk = OpenAI(api_key="k", base_url="http://gateway/v1", http_client=http, max_retries=0)
        if suffix == ".json":
            answer = sdk.chat.completions.create(model="m", messages=[])
        else:
            state = ChatCompletionStreamState()
            for chunk in sdk.chat.completions.create(model="m", messages=[], stream=True):
                state.handle_chunk(chunk)
            answer = state.current_completion_snapshot
    return ChatCompletion.model_validate(answer.to_dict(), strict=True)


def read_by_anthropic(data: bytes, suffix: str) -> Message:
    """As ``read_by_openai``."""
    with answering(httpx2, data, suffix) as http:
        sdk = Anthropic(api_key="k", base_url="http://gateway", http_client=http, max_retries=0)
        if suffix == ".json":
            answer = sdk.messages.create(model="m", max_tokens=1, messages=[])
        else:
            with sdk.messages.stream(model="m", max_tokens=1, messages=[]) as stream:
                answer = stream.get_final_message()
    return Message.model_validate(answer.to_dict(), strict=True)


READERS = {"openai-chat": read_by_openai, "anthropic-messages": read_by_anthropic}


@pytest.mark.parametrize(("path", "client"), CASES)
def test_the_official_sdk_reads_it(path: Path, client: str):
    """And where the stream broke, the SDK raises the gateway's error."""
    result = run(path, client)
    if result.error is None:
        READERS[client](result.data, path.suffix)
        return
    with pytest.raises((APIError, AnthropicAPIError, AnthropicAPIStatusError)) as caught:
        READERS[client](result.data, path.suffix)
    assert result.error.message in str(caught.value)


@pytest.mark.parametrize(
    "path", [path for path in INPUTS if path.suffix == ".sse"], ids=lambda path: f"{path.parent.name}/{path.stem}"
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
