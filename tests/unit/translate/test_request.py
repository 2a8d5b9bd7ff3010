"""Requests on their way out: what the goldens cannot show."""

from dataclasses import replace

import orjson
import pytest

from extproc.dialects.base import RenderOptions
from extproc.domain.errors import InvalidRequest, MalformedJson, UnsupportedFeature
from extproc.domain.quirks import COMPATIBLE
from extproc.translate.edit import DELETE
from extproc.translate.limit import limit_edits
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS, PROVIDER_DIALECTS
from extproc.translate.request import RequestJob, translate_request
from tests.effort import lines


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
@pytest.mark.parametrize("provider", PROVIDER_DIALECTS)
@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null"])
def test_what_is_no_object_is_the_callers_fault(client, provider, body):
    with pytest.raises(InvalidRequest, match="must be a JSON object"):
        translate(client, provider, body)


@pytest.mark.parametrize("provider", PROVIDER_DIALECTS)
def test_an_answer_in_the_background_is_refused_before_anybody_is_called(provider):
    body = {"model": "m", "input": "Hi", "background": True}
    with pytest.raises(UnsupportedFeature) as caught:
        translate("openai-responses", provider, orjson.dumps(body))
    assert caught.value.param == "background"
    assert translate("openai-responses", provider, orjson.dumps(body | {"background": False})).body


def test_the_same_dialect_heeds_the_ways_of_a_server_that_is_not_openai():
    call = {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = openai(
        messages=[
            {"role": "developer", "content": [{"type": "text", "text": "a"}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
        ],
        seed=1,
    )
    assert orjson.loads(translate("openai-chat", "openai", body).body) == orjson.loads(body) | {"model": "target"}
    deepseek = RenderOptions(quirks=replace(COMPATIBLE, refuses_text_lists=True), replay_reasoning=True)
    sent = orjson.loads(translate("openai-chat", "openai", body, options=deepseek).body)
    assert sent["messages"] == [
        {"role": "system", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": " "},
    ]
    assert sent["seed"] == 1
    items = orjson.dumps({"model": "m", "input": [{"role": "developer", "content": "a"}]})
    sent = orjson.loads(translate("openai-responses", "openai-responses", items, options=deepseek).body)
    assert sent["input"] == [{"role": "system", "content": "a"}]


@pytest.mark.parametrize(
    ("client", "provider", "body"),
    [
        ("openai-chat", "openai", {"messages": [{"role": "user", "content": "Hi"}]}),
        ("openai-chat", "openai", {"messages": 1}),
        ("openai-responses", "openai-responses", {"input": "Hi"}),
    ],
)
def test_where_no_way_of_a_server_matters_bytes_stay_as_they_are(client, provider, body):
    text = orjson.dumps({"model": "target", **body}, option=orjson.OPT_INDENT_2)
    options = RenderOptions(quirks=COMPATIBLE, replay_reasoning=True)
    assert translate(client, provider, text, options=options).body == text


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


DEEP = b"[" * 300 + b"]" * 300


@pytest.mark.parametrize(
    ("client", "body", "job"),
    [
        ("openai-chat", b'{"stream_options":{"x":%s},"messages":[]}', {"stream": True}),
        ("anthropic-messages", b'{"messages":[{"content":[{"type":"thinking","signature":""},%s]}]}', {}),
        ("gemini", b'{"contents":[],"generationConfig":{"responseSchema":%s}}', {"edits": "a limit"}),
        ("gemini", b'{"contents":[{"role":"model","parts":[{"functionCall":{"args":{"a":%s}}}]}]}', {}),
    ],
)
def test_what_the_same_dialect_cannot_write_anew_is_the_callers_fault(client, body, job):
    body = body % DEEP
    edits = limit_edits(client, orjson.loads(body), 100) if job.pop("edits", None) else {}
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        translate(client, next(p for c, p in PAIRS if c == client and PAIRS[c, p].same), body, edits=edits, **job)


LARGE = b"12345678901234567890123"
CALL = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[%b{"type":"tool_use","id":"t","name":"f","input":{"wei":[%b,1.5]}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r"}]}]}'  # fmt: skip


@pytest.mark.parametrize("provider", PROVIDER_DIALECTS)
def test_a_tools_arguments_keep_integers_of_any_size(provider):
    if provider == "openai-completions":  # has no tools
        return
    sealed = b'{"type":"thinking","thinking":"","signature":""},'
    body = translate("anthropic-messages", provider, CALL % (sealed, LARGE)).body.replace(b"\\", b"")
    assert b'{"wei":[' + LARGE + b",1.5]}" in body
    assert b'"signature"' not in body


@pytest.mark.parametrize("provider", ["anthropic", "bedrock", "gemini"])
def test_arguments_that_are_text_keep_them_too(provider):
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": f'{{"wei": {LARGE.decode()}}}'}}
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [call]}]
    turns.append({"role": "tool", "tool_call_id": "c", "content": f'{{"eth":-{LARGE.decode()}}}'})
    body = translate("openai-chat", provider, openai(messages=turns)).body.replace(b"\\", b"")
    assert b'{"wei":' + LARGE + b"}" in body
    assert b'{"eth":-' + LARGE + b"}" in body


def test_a_large_integer_where_a_number_belongs_is_read_as_one():
    with pytest.raises(UnsupportedFeature, match="seed"):
        translate("openai-chat", "anthropic", openai(seed=0).replace(b'"seed":0', b'"seed":' + LARGE))
    with pytest.raises(InvalidRequest, match="64 bits"):
        translate("openai-chat", "anthropic", openai().replace(b'"max_tokens":5', b'"max_tokens":' + LARGE))


def test_a_request_of_the_same_dialect_costs_the_same_however_long_it_is():
    """Nothing looks at each of its messages."""
    pair = PAIRS["openai-chat", "openai"]
    job = RequestJob("target", stream=True, same_dialect=True)

    def work(messages: int) -> int:
        body = openai(messages=[{"role": "user", "content": "word " * 40}] * messages)
        parsed = orjson.loads(body)
        return lines(lambda: translate_request(pair.client, pair.provider, body, parsed, job))

    assert work(1) == work(8) == work(800)


def test_what_no_other_dialect_has_a_word_for_is_named_whoever_the_provider_is():
    asked = orjson.loads(openai())
    asked["context_management"] = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    for provider in PROVIDER_DIALECTS:
        sent = translate("anthropic-messages", provider, orjson.dumps(asked))
        if PAIRS["anthropic-messages", provider].same:
            assert orjson.loads(sent.body)["context_management"] == asked["context_management"]
        else:
            assert sent.dropped[-1] == "context_management"
            assert b"context_management" not in sent.body
