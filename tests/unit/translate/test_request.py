"""Requests on their way out: what the goldens cannot show."""

import time

import orjson
import pytest

from extproc.dialects.base import RenderOptions
from extproc.domain.errors import InvalidRequest, MalformedJson, UnsupportedFeature
from extproc.translate.edit import DELETE
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS
from extproc.translate.request import RequestJob, translate_request


def translate(client: str, provider: str, body: bytes, **job):
    pair = PAIRS[client, provider]
    job = {"model": "target", "stream": False, "same_dialect": pair.same} | job
    return translate_request(pair.client, pair.provider, body, orjson.loads(body), RequestJob(**job))


def openai(**fields) -> bytes:
    return orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5} | fields)


def test_a_vendors_own_api_is_the_same_dialect():
    assert {names for names, pair in PAIRS.items() if pair.same} == {
        ("openai-chat", "openai"),
        ("openai-responses", "openai-responses"),
        ("openai-completions", "openai-completions"),
        ("anthropic-messages", "anthropic"),
        ("gemini", "gemini"),
    }
    for (client, provider), pair in PAIRS.items():
        assert (pair.client.name, pair.provider.name) == (client, provider)


def test_a_stream_of_the_same_dialect_asks_for_usage_and_remembers_whether_the_client_did():
    asked = translate("openai-chat", "openai", openai(stream=True, stream_options={"include_usage": True}), stream=True)
    assert orjson.loads(asked.body)["stream_options"] == {"include_usage": True}
    assert asked.include_usage
    for options in (
        {"stream_options": {"include_usage": False, "x": 1}},
        {"stream_options": {}},
        {"stream_options": None},
        {},
    ):
        silent = translate("openai-chat", "openai", openai(stream=True, **options), stream=True)
        kept = {"x": 1} if (options.get("stream_options") or {}).get("x") else {}
        assert orjson.loads(silent.body)["stream_options"] == {"include_usage": True} | kept
        assert not silent.include_usage


def test_a_request_without_stream_keeps_its_stream_options_for_the_vendor_to_judge():
    body = openai(stream_options={"include_usage": True})
    assert translate("openai-chat", "openai", body).body == body.replace(b'"m"', b'"target"')


def test_stream_options_of_a_wrong_type_are_the_callers_fault():
    with pytest.raises(InvalidRequest, match="stream_options must be a JSON object, not a string") as caught:
        translate("openai-chat", "openai", openai(stream=True, stream_options="yes"), stream=True)
    assert caught.value.param == "stream_options"


@pytest.mark.parametrize("client", CLIENT_DIALECTS)
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null"])
def test_what_is_no_object_is_the_callers_fault(client, provider, body):
    with pytest.raises(InvalidRequest, match="must be a JSON object"):
        translate(client, provider, body)


def test_a_model_written_twice_is_refused():
    body = b'{"model":"cheap","messages":[],"mod\\u0065l":"dear"}'
    with pytest.raises(MalformedJson, match="model occurs twice"):
        translate("openai-chat", "openai", body)


@pytest.mark.parametrize(("client", "provider"), [("openai-chat", "openai"), ("anthropic-messages", "anthropic")])
def test_a_stream_flag_written_twice_is_refused(client, provider):
    """The provider might read the other one, and answer in a form that nobody waits for."""
    body = b'{"stream":false,"model":"m","messages":[],"stream":true}'
    with pytest.raises(MalformedJson, match="stream occurs twice"):
        translate(client, provider, body, stream=True)


@pytest.mark.parametrize(("provider", "limit"), [("openai", "max_completion_tokens"), ("anthropic", "max_tokens")])
def test_further_edits_are_in_the_clients_spelling(provider, limit):
    """The same job serves both ways: bytes are edited, or the translation reads the edited request."""
    edits = {"max_completion_tokens": 3, "max_tokens": DELETE, "user": DELETE}
    body = orjson.loads(translate("openai-chat", provider, openai(user="u"), edits=edits).body)
    assert body[limit] == 3
    assert not {"user", "metadata"} & body.keys()
    assert ("max_tokens" in body) == (provider == "anthropic")


def test_the_targets_own_edits_win_over_further_ones():
    assert orjson.loads(translate("openai-chat", "openai", openai(), edits={"model": "x"}).body)["model"] == "target"


def test_an_output_limit_that_the_provider_requires_comes_from_the_options():
    body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
    options = RenderOptions(default_max_output_tokens=77)
    assert orjson.loads(translate("openai-chat", "anthropic", body, options=options).body)["max_tokens"] == 77
    assert b"max" not in translate("openai-chat", "openai", body, options=options).body


def test_all_fields_that_cannot_be_carried_are_named_at_once():
    body = openai(n=2, logit_bias={"1": 2}, tomorrow={"x": 1})
    with pytest.raises(UnsupportedFeature) as caught:
        translate("openai-chat", "anthropic", body)
    assert all(name in caught.value.message for name in ("n,", "logit_bias", "tomorrow"))
    dropped = translate("openai-chat", "anthropic", body, options=RenderOptions(drop_unsupported=True)).dropped
    assert set(dropped) == {"n", "logit_bias", "tomorrow"}


@pytest.mark.parametrize(("client", "provider"), [("openai-chat", "anthropic"), ("anthropic-messages", "openai")])
def test_a_schema_too_deep_to_write_is_the_callers_fault(client, provider):
    """JSON is read to 1,024 levels and written to 254."""
    depth = 1000
    schema = b'{"type":"object","properties":{"a":' * (depth // 2) + b"{}" + b"}}" * (depth // 2)
    tool = (
        b'{"type":"function","function":{"name":"f","parameters":' + schema + b"}}"
        if client == "openai-chat"
        else b'{"name":"f","input_schema":' + schema + b"}"
    )
    body = b'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"Hi"}],"tools":[' + tool + b"]}"
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        translate(client, provider, body)


@pytest.mark.parametrize(("client", "provider"), [("openai-chat", "anthropic"), ("anthropic-messages", "openai")])
def test_an_output_limit_beyond_64_bits_is_the_callers_fault(client, provider):
    with pytest.raises(InvalidRequest, match="64 bits"):
        translate(client, provider, openai(max_tokens=1e300))


def test_the_same_dialect_takes_any_depth():
    body = b'{"model":"m","x":' + b"[" * 1000 + b"]" * 1000 + b"}"
    assert translate("openai-chat", "openai", body).body == body.replace(b'"m"', b'"target"')


def test_a_small_request_of_the_same_dialect_costs_little():
    """30 µs is the aim; the limit leaves room for a busy machine."""
    pair = PAIRS["openai-chat", "openai"]
    body = openai(messages=[{"role": "user", "content": "word " * 40}] * 8)
    parsed = orjson.loads(body)
    job = RequestJob("target", stream=True, same_dialect=True)
    times = []
    for _ in range(50):
        start = time.perf_counter()
        translate_request(pair.client, pair.provider, body, parsed, job)
        times.append(time.perf_counter() - start)
    assert min(times) < 100e-6
