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
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS

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


@pytest.mark.parametrize("client", CLIENT_DIALECTS)
@pytest.mark.parametrize(
    ("provider", "body", "kind"),
    [
        ("openai", {"error": {"message": "slow down", "code": 429}}, ProviderRateLimited),
        ("openai", {"error": {"message": "boom"}}, ProviderError),
        ("openai-responses", {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, ProviderRateLimited),
        (
            "openai-responses",
            {"object": "response", "status": "failed", "error": {"code": "server_error", "message": "boom"}},
            ProviderError,
        ),
        ("openai-completions", {"error": {"message": "slow down", "code": 429}}, ProviderRateLimited),
        ("anthropic", {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, ProviderOverloaded),
        ("bedrock", {"message": "boom"}, ProviderError),
        ("gemini", {"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}}, ProviderOverloaded),
        (
            "gemini",
            [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow down"}}],
            ProviderRateLimited,
        ),
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


def deep_answer(spoken: str, deep: bytes) -> bytes:
    """A call of a tool with these arguments; in legacy Completions, logprobs that hold them."""
    text = deep.decode()
    match spoken:
        case "openai":
            call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": text}}
            body: dict = OPENAI | {"choices": [{"index": 0, "message": {"tool_calls": [call]}}]}
        case "openai-responses":
            call = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": text}
            body = {"id": "r", "object": "response", "status": "completed", "model": "gpt", "output": [call]}
        case "openai-completions":
            body = {"id": "c", "choices": [{"index": 0, "text": "Hi", "finish_reason": "stop", "logprobs": "@"}]}
        case "anthropic":
            body = ANTHROPIC | {"content": [{"type": "tool_use", "id": "t", "name": "f", "input": "@"}]}
        case "bedrock":
            content = [{"toolUse": {"toolUseId": "t", "name": "f", "input": "@"}}]
            body = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "tool_use"}
        case _:
            content = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": "@"}}]}
            body = {"candidates": [{"content": content, "finishReason": "STOP"}]}
    return orjson.dumps(body).replace(b'"@"', deep)


@pytest.mark.parametrize(("names", "pair"), ALL, ids=IDS)
def test_an_answer_too_deep_to_write_never_crashes(names, pair):
    """Tool arguments of a thousand levels, which orjson reads but does not write."""
    with contextlib.suppress(ProviderBadAnswer):
        translate(pair, deep_answer(names[1], b'{"a":' * 900 + b"1" + b"}" * 900))


@pytest.mark.parametrize(("names", "pair"), ALL, ids=IDS)
def test_an_answer_as_deep_as_can_be_written_arrives(names, pair):
    body = translate(pair, deep_answer(names[1], b'{"a":' * 100 + b"1" + b"}" * 100)).body
    assert body.replace(b"\\", b"").count(b'{"a":') == (0 if "openai-completions" in names and not pair.same else 100)


HALF = b'{"id":"c1","object":"chat.completion","created":7,"model":"gpt","choices":[{"index":0,"message":{"role":"assistant","content":"cut \\ud83d"},"finish_reason":"stop"}]}'  # fmt: skip


def test_a_text_cut_in_the_middle_of_a_character_is_passed_on():
    """``orjson`` reads no half of a surrogate pair; RFC 8259 allows it, and servers write it."""
    assert translate(PAIRS["openai-chat", "openai"], HALF).body == HALF
    answer = translate(PAIRS["anthropic-messages", "openai"], HALF)
    assert orjson.loads(answer.body)["content"][0]["text"] == "cut \N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("client", ["openai-chat", "openai-responses", "gemini"])
def test_a_call_keeps_integers_of_any_size(client):
    called = {"type": "tool_use", "id": "t", "name": "f", "input": {"wei": 7}}
    body = orjson.dumps(ANTHROPIC | {"content": [called]}).replace(b"7}", b"12345678901234567890123}")
    answer = translate(PAIRS[client, "anthropic"], body).body.replace(b"\\", b"")
    assert b'{"wei":12345678901234567890123}' in answer
