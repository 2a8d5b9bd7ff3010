"""Who can carry a request: what is said before anybody is called is what the translation says."""

from pathlib import Path

import orjson
import pytest

from extproc.domain.errors import InvalidRequest, UnsupportedFeature
from extproc.domain.quirks import COMPATIBLE
from extproc.translate.capability import carries
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS, PROVIDER_DIALECTS
from extproc.translate.request import RequestJob, translate_request
from tests.judges.registry import MODELS

REQUESTS = Path(__file__).parents[2] / "goldens" / "requests"
TURNS = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "So?"},
]
CONTENTS = [
    {"role": "user", "parts": [{"text": "Hi"}]},
    {"role": "model", "parts": [{"text": "Hello"}, {"text": "."}]},
    {"role": "user", "parts": [{"text": "And?"}]},
]
PLAIN = [
    ("openai-chat", {"model": "m", "messages": TURNS}),
    ("openai-chat", {"model": "m", "messages": TURNS, "stream": True, "stream_options": {"include_usage": True}}),
    ("openai-chat", {"model": "m", "messages": TURNS, "max_tokens": 9, "stream_options": None}),
    ("openai-responses", {"model": "m", "input": "Hi", "instructions": "Be kind."}),
    ("openai-responses", {"model": "m", "input": TURNS, "store": False, "max_output_tokens": 99}),
    ("openai-completions", {"model": "m", "prompt": "Once"}),
    ("anthropic-messages", {"model": "m", "max_tokens": 9, "system": "Be kind.", "messages": TURNS}),
    ("gemini", {"contents": CONTENTS[:1], "systemInstruction": {"parts": [{"text": "Be kind."}]}}),
    ("gemini", {"contents": CONTENTS}),
]
NEARLY_PLAIN = [
    ("openai-chat", {"model": "m", "messages": TURNS, "stream_options": {"of_tomorrow": 1}}),
    ("openai-chat", {"model": "m", "messages": TURNS, "of_tomorrow": 1}),
    ("openai-chat", {"model": "m", "messages": [TURNS[0] | {"of_tomorrow": 1}]}),
    ("openai-responses", {"model": "m", "input": "Hi", "prompt": {"id": "p"}}),
    ("openai-responses", {"model": "m", "input": [*TURNS, {"type": "of_tomorrow"}]}),
    ("openai-completions", {"model": "m", "prompt": ["one", "two"]}),
    ("openai-completions", {"model": "m", "prompt": "Once", "suffix": "."}),
    ("anthropic-messages", {"model": "m", "max_tokens": 9, "messages": TURNS, "of_tomorrow": 1}),
    ("anthropic-messages", {"model": "m", "max_tokens": 9, "messages": TURNS, "system": [{"type": "of_tomorrow"}]}),
    ("gemini", {"contents": CONTENTS, "systemInstruction": {"parts": [{"text": "a", "of_tomorrow": 1}]}}),
    ("gemini", {"contents": [CONTENTS[0] | {"of_tomorrow": 1}]}),
    ("gemini", {"contents": CONTENTS, "cachedContent": "cachedContents/1"}),
]


def translated(client: str, provider: str, parsed: dict) -> str | None:
    """What the translation refuses, or None."""
    pair = PAIRS[client, provider]
    job = RequestJob(MODELS[provider], stream=False, same_dialect=False)
    try:
        translate_request(pair.client, pair.provider, b"", parsed, job)
    except InvalidRequest as refusal:
        return refusal.message
    return None


def told(client: str, provider: str, parsed: dict) -> str | None:
    refusal = carries(client, provider, MODELS[provider], parsed)
    return None if refusal is None else refusal.message


def others(client: str) -> list[str]:
    return [provider for provider in PROVIDER_DIALECTS if not PAIRS[client, provider].same]


@pytest.mark.parametrize("client", CLIENT_DIALECTS)
def test_every_golden_is_told_what_its_translation_says(client: str):
    paths = [path for path in sorted((REQUESTS / client).glob("*.json")) if "." not in path.stem]
    refused = 0
    for path in paths:
        parsed = orjson.loads(path.read_bytes())
        for provider in others(client):
            said = told(client, provider, parsed)
            refused += said is not None
            assert said == translated(client, provider, parsed), (path, provider)
    assert refused


@pytest.mark.parametrize(("client", "parsed"), [*PLAIN, *NEARLY_PLAIN])
def test_text_turns_are_told_the_same(client: str, parsed: dict):
    for provider in others(client):
        assert told(client, provider, parsed) == translated(client, provider, parsed)


@pytest.mark.parametrize(("client", "parsed"), PLAIN)
def test_plain_text_is_carried_by_every_dialect_with_turns(client: str, parsed: dict):
    assert [told(client, provider, parsed) for provider in others(client) if provider != "openai-completions"] == [
        None
    ] * sum(provider != "openai-completions" for provider in others(client))


@pytest.mark.parametrize(("client", "parsed"), NEARLY_PLAIN)
def test_what_no_other_dialect_has_a_word_for_is_refused_by_name(client: str, parsed: dict):
    for provider in others(client):
        refusal = carries(client, provider, MODELS[provider], parsed)
        assert isinstance(refusal, UnsupportedFeature)


@pytest.mark.parametrize(("client", "parsed"), [*PLAIN, *NEARLY_PLAIN])
def test_an_equal_dialect_carries_everything(client: str, parsed: dict):
    own = next(provider for provider in PROVIDER_DIALECTS if PAIRS[client, provider].same)
    assert told(client, own, parsed) is None


def test_what_one_server_takes_is_not_refused_for_another():
    asked = {"model": "m", "max_tokens": 5, "messages": TURNS, "stop_sequences": ["a", "b", "c", "d", "e"]}
    refusal = carries("anthropic-messages", "openai", "m", asked)
    assert isinstance(refusal, UnsupportedFeature)
    assert refusal.param == "stop_sequences"
    assert carries("anthropic-messages", "openai", "m", asked, COMPATIBLE) is None


def test_turns_are_too_much_for_a_completion():
    refusal = carries("openai-chat", "openai-completions", "m", {"model": "m", "messages": TURNS})
    assert isinstance(refusal, UnsupportedFeature)
    assert refusal.param == "messages"
