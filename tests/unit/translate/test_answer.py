"""Whole answers: what the goldens cannot show."""

import contextlib

import orjson
import pytest

from extproc.domain.errors import (
    ProviderBadAnswer,
    ProviderError,
    ProviderOverloaded,
    ProviderRateLimited,
)
from extproc.translate.answer import Unsaid, translate_answer
from extproc.translate.pairs import PAIRS

OPENAI = {"id": "c1", "object": "chat.completion", "created": 7, "model": "gpt", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}  # fmt: skip
ANTHROPIC = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 2}}  # fmt: skip
ALL = list(PAIRS.items())
IDS = [f"{client}<{provider}" for (client, provider), _ in ALL]


def translate(pair, body: bytes, **more):
    return translate_answer(pair.client, pair.provider, body, created=99, same_dialect=pair.same, **more)


@pytest.mark.parametrize(("names", "pair"), ALL, ids=IDS)
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"1", b"{}", b'{"choices":[]}', b'{"content":3}', b"\xff", b'{"error":null}'])  # fmt: skip
def test_what_is_no_answer_is_the_providers_fault(names, pair, body):
    with pytest.raises(ProviderBadAnswer):
        translate(pair, body)


@pytest.mark.parametrize("client", ["openai-chat", "anthropic-messages"])
@pytest.mark.parametrize(
    ("provider", "body", "kind"),
    [
        ("openai", {"error": {"message": "slow down", "code": 429}}, ProviderRateLimited),
        ("openai", {"error": {"message": "boom"}}, ProviderError),
        ("anthropic", {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, ProviderOverloaded),
    ],
)
def test_an_error_inside_a_200_is_that_error(client, provider, body, kind):
    with pytest.raises(kind) as caught:
        translate(PAIRS[client, provider], orjson.dumps(body))
    assert caught.value.message in {"slow down", "boom", "busy"}


def test_an_error_member_that_is_null_is_none():
    body = orjson.dumps(OPENAI | {"error": None})
    assert translate(PAIRS["openai-chat", "openai"], body).body == body


def test_the_same_dialect_keeps_bytes_that_decoding_would_lose():
    body = orjson.dumps(OPENAI)[:-1] + b' , "tomorrow" : 1.0e5 , "big":123456789012345678901234567890}'
    assert translate(PAIRS["openai-chat", "openai"], body).body == body
    body = orjson.dumps(ANTHROPIC)[:-1] + b',"content_of_tomorrow":[{"type":"x"}]}\n'
    assert translate(PAIRS["anthropic-messages", "anthropic"], body).body == body


def test_the_same_dialect_keeps_content_that_the_gateway_does_not_know():
    body = orjson.dumps(ANTHROPIC | {"content": [{"type": "block_of_tomorrow", "x": 1}], "stop_reason": "tomorrow"})
    assert translate(PAIRS["anthropic-messages", "anthropic"], body).body == body


def test_what_the_answer_does_not_say_is_filled_in():
    unnamed = {name: value for name, value in OPENAI.items() if name not in {"model", "created", "id"}}
    answer = translate(PAIRS["anthropic-messages", "openai"], orjson.dumps(unnamed), unsaid=Unsaid("asked"))
    assert orjson.loads(answer.body)["model"] == "asked"
    assert answer.response_model == "asked"
    assert answer.response_id is None
    assert orjson.loads(translate(PAIRS["openai-chat", "anthropic"], orjson.dumps(ANTHROPIC)).body)["created"] == 99


@pytest.mark.parametrize(("names", "pair"), ALL, ids=IDS)
def test_an_answer_too_deep_to_write_never_crashes(names, pair):
    """Tool arguments of a thousand levels, which orjson reads but does not write."""
    deep = '{"a":' * 900 + "1" + "}" * 900
    if names[1] == "openai":
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": deep}}
        body = orjson.dumps(OPENAI | {"choices": [{"index": 0, "message": {"tool_calls": [call]}}]})
    else:
        body = orjson.dumps(ANTHROPIC | {"content": [{"type": "tool_use", "id": "t", "name": "f", "input": "@"}]})
        body = body.replace(b'"@"', deep.encode())
    with contextlib.suppress(ProviderBadAnswer):
        translate(pair, body)
