"""Claims about counting tokens: whose words the question is in, and that the answer is in the client's shape.

Judges: botocore's model of CountTokens, google-genai, and the parameter types of OpenAI's and Anthropic's SDKs.
"""

import base64
import warnings
from functools import cache

import botocore.loaders
import botocore.model
import botocore.validate
import httpx
import orjson
import pytest
from anthropic.types import MessageTokensCount
from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from google import genai
from google.genai import types as google_types
from openai.types.responses import InputTokenCountResponse
from openai.types.responses.input_token_count_params import InputTokenCountParams
from pydantic import TypeAdapter

from extproc.dialects.anthropic.dialect import AnthropicClient, AnthropicProvider
from extproc.dialects.base import Rendered
from extproc.domain.errors import InvalidRequest, MalformedJson, ProviderBadAnswer, ProviderError, UnsupportedFeature
from extproc.domain.sealed import seal
from extproc.domain.usage import Usage
from extproc.translate.operations.base import OperationJob
from extproc.translate.operations.count_tokens import CountTokens, counting
from extproc.translate.operations.count_wraps import COUNT_FORMATS, COUNT_WRAPS, room_to_answer
from extproc.translate.operations.table import OPERATIONS
from extproc.translate.pairs import CLIENT_DIALECTS, PROVIDER_DIALECTS

MESSAGES = {
    "model": "catalogue name",
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "What is the weather in Oslo?"}],
    "tools": [
        {
            "name": "get_weather",
            "description": "Weather now",
            "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        }
    ],
    "tool_choice": {"type": "auto"},
}
RESPONSES = {
    "model": "catalogue name",
    "instructions": "Be brief.",
    "input": "What is the weather in Oslo?",
    "tools": [
        {
            "type": "function",
            "name": "get_weather",
            "description": "Weather now",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            "strict": False,
        }
    ],
}
ASKED = {"count-tokens-anthropic": MESSAGES, "count-tokens-responses": RESPONSES}
MODELS = {
    "openai": "gpt-5.1",
    "azure-openai": "gpt-5.1",
    "anthropic": "claude-sonnet-4-6",
    "vertex-anthropic": "claude-sonnet-4-6",
    "bedrock": "anthropic.claude-sonnet-4-6-v1",
    "bedrock-anthropic": "anthropic.claude-sonnet-4-6-v1",
    "gemini": "gemini-2.5-flash",
    "vertex-gemini": "gemini-2.5-flash",
}
PAIRS = [(operation, dialect) for operation in ASKED for dialect in COUNT_WRAPS]


def ask(operation, dialect, fields, *, drop=False, edits=None):
    job = OperationJob(MODELS[dialect], drop_unsupported=drop, edits=edits or {})
    translated = OPERATIONS[operation, dialect].request(orjson.dumps(fields), fields, job)
    assert not translated.opaque
    return orjson.loads(translated.body), translated.dropped


@cache
def count_tokens_shape():
    service = botocore.loaders.Loader().load_service_model("bedrock-runtime", "service-2")
    return botocore.model.ServiceModel(service).operation_model("CountTokens").input_shape


def valid_at_bedrock(body):
    """Raise where botocore's model of the operation does not take it; blobs are base64 in JSON."""
    invoke = body["input"].get("invokeModel")
    given = {"modelId": "m", **body}
    if invoke is not None:
        given["input"] = {"invokeModel": {"body": base64.b64decode(invoke["body"], validate=True)}}
    report = botocore.validate.ParamValidator().validate(given, count_tokens_shape())
    assert not report.has_errors(), report.generate_report()


def exhaust(value):
    """Pydantic checks an ``Iterable`` only while it is read."""
    if isinstance(value, dict):
        for inner in value.values():
            exhaust(inner)
    elif not isinstance(value, str | int | float | None):
        for inner in value:
            exhaust(inner)


@cache
def adapter(params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pydantic about the SDKs' way to write types
        return TypeAdapter(params)


def valid_for(params, body):
    """Raise where the SDK could not send this body; unknown fields count."""
    exhaust(adapter(params).validate_python(body, extra="forbid"))


def test_every_pair_is_there():
    """As far as the dialects are: every client that counts, at every provider that can."""
    assert {key for key in OPERATIONS if key[0].startswith("count-tokens")} == set(PAIRS)
    assert set(COUNT_FORMATS) == set(COUNT_WRAPS)
    assert set(COUNT_FORMATS.values()) <= set(PROVIDER_DIALECTS)


@pytest.mark.parametrize(("operation", "dialect"), PAIRS)
def test_the_vendor_takes_the_question(operation, dialect):
    body, dropped = ask(operation, dialect, ASKED[operation])
    assert dropped == ()
    match dialect:
        case "bedrock" | "bedrock-anthropic":
            valid_at_bedrock(body)
        case "gemini":
            inner = body["generateContentRequest"]
            assert inner.pop("model") == "models/gemini-2.5-flash"
            google_types.GenerateContentConfig.model_validate({"tools": inner["tools"]})
            assert set(inner) >= {"contents", "systemInstruction", "tools"}
        case "vertex-gemini":
            assert (
                {"contents", "systemInstruction", "tools"}
                <= set(body)
                <= {"contents", "systemInstruction", "tools", "generationConfig"}
            )
        case "openai" | "azure-openai":
            assert body["model"] == "gpt-5.1"
            valid_for(InputTokenCountParams, body)
        case _:
            assert body["model"] == "claude-sonnet-4-6"
            assert body.pop("anthropic_version", None) == ("vertex-2023-10-16" if "vertex" in dialect else None)
            valid_for(MessageCountTokensParams, body)
    assert "What is the weather in Oslo?" in str(body) or dialect == "bedrock-anthropic"


def test_vertex_is_asked_as_googles_own_sdk_asks():
    sent = {}

    def serve(request):
        sent.update(orjson.loads(request.content))
        return httpx.Response(200, headers={"content-type": "application/json"}, content=b'{"totalTokens": 31}')

    options = google_types.HttpOptions(client_args={"transport": httpx.MockTransport(serve)})
    client = genai.Client(http_options=options, vertexai=True, api_key="k")
    asked = client.models.count_tokens(
        model="gemini-2.5-flash", contents="Hi", config={"system_instruction": "Be brief."}
    )
    assert asked.total_tokens == 31
    for content in (sent["systemInstruction"], *sent["contents"]):
        if content is sent["systemInstruction"]:
            content.pop("role", None)  # the SDK writes one, which the API ignores
    fields = {"model": "m", "system": "Be brief.", "messages": [{"role": "user", "content": "Hi"}]}
    ours = ask("count-tokens-anthropic", "vertex-gemini", fields)[0]
    ours.pop("generationConfig", None)
    assert ours == sent


def test_claude_on_bedrock_gets_the_clients_own_request():
    fields = {**MESSAGES, "tomorrow": {"x": 1}, "stream": False}
    body, _ = ask("count-tokens-anthropic", "bedrock-anthropic", fields)
    inner = orjson.loads(base64.b64decode(body["input"]["invokeModel"]["body"]))
    own = {name: value for name, value in fields.items() if name not in {"model", "stream"}}
    assert inner == {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 4096, **own}


@pytest.mark.parametrize("dialect", ["bedrock-anthropic", "vertex-anthropic"])
def test_no_cloud_is_told_of_automatic_caching(dialect):
    body, _ = ask("count-tokens-anthropic", dialect, {**MESSAGES, "cache_control": {"type": "ephemeral"}})
    if dialect == "bedrock-anthropic":
        body = orjson.loads(base64.b64decode(body["input"]["invokeModel"]["body"]))
    assert "cache_control" not in body


def test_vertex_is_told_no_ids_of_calls():
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "1"}
    turns = [*MESSAGES["messages"], {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    fields = {**MESSAGES, "messages": turns}
    assert b"toolu_1" in orjson.dumps(ask("count-tokens-anthropic", "gemini", fields)[0])
    assert b"toolu_1" not in orjson.dumps(ask("count-tokens-anthropic", "vertex-gemini", fields)[0])


def test_other_vendors_reasoning_is_not_sent_to_claude():
    sealed = {"type": "redacted_thinking", "data": seal("x", "openai", native="anthropic")}
    turn = {"role": "assistant", "content": [sealed, {"type": "text", "text": "Hi"}]}
    fields = {**MESSAGES, "messages": [*MESSAGES["messages"], turn, MESSAGES["messages"][0]]}
    for dialect in ("anthropic", "vertex-anthropic", "bedrock-anthropic"):
        body, _ = ask("count-tokens-anthropic", dialect, fields)
        if dialect == "bedrock-anthropic":
            body = orjson.loads(base64.b64decode(body["input"]["invokeModel"]["body"]))
        assert body["messages"][1]["content"] == turn["content"][1:]


BODY = b'{ "model":"catalogue name", "messages":[{"role":"user","content":"caf\\u00e9"}], "tomorrow":1.0 }'


def test_the_same_dialect_keeps_its_bytes():
    job = OperationJob("claude-sonnet-4-6")
    parsed = orjson.loads(BODY)
    named = BODY.replace(b"catalogue name", b"claude-sonnet-4-6")
    assert OPERATIONS["count-tokens-anthropic", "anthropic"].request(BODY, parsed, job).body == named
    at_vertex = OPERATIONS["count-tokens-anthropic", "vertex-anthropic"].request(BODY, parsed, job).body
    assert at_vertex == named.replace(b"{", b'{"anthropic_version":"vertex-2023-10-16",', 1)
    twice = b'{"model":"a","messages":[],"model":"b"}'
    with pytest.raises(MalformedJson):
        OPERATIONS["count-tokens-anthropic", "anthropic"].request(twice, orjson.loads(twice), job)


SHAPES = {"count-tokens-anthropic": MessageTokensCount, "count-tokens-responses": InputTokenCountResponse}


@pytest.mark.parametrize(("operation", "dialect"), PAIRS)
def test_the_answer_is_in_the_clients_shape_and_costs_nothing(operation, dialect):
    value = {COUNT_WRAPS[dialect].told: 31}
    if (operation, dialect.removeprefix("azure-")) == ("count-tokens-responses", "openai"):
        value["object"] = "response.input_tokens"
    answer = OPERATIONS[operation, dialect].answer(orjson.dumps(value), model="m", request={})
    assert SHAPES[operation].model_validate(orjson.loads(answer.body), strict=True).input_tokens == 31
    assert answer.usage == Usage()
    assert answer.response_model == "m"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}"])
@pytest.mark.parametrize(("operation", "dialect"), PAIRS)
def test_what_is_no_answer(operation, dialect, body):
    with pytest.raises(ProviderBadAnswer):
        OPERATIONS[operation, dialect].answer(body, model="m", request={})


@pytest.mark.parametrize("told", [b"-1", b'"31"', b"true", b"null", b"1.5"])
def test_what_is_no_count(told):
    with pytest.raises(ProviderBadAnswer, match="no count"):
        OPERATIONS["count-tokens-anthropic", "bedrock"].answer(b'{"inputTokens":%b}' % told, model="m", request={})


def test_an_error_in_a_200_is_that_error():
    with pytest.raises(ProviderError, match="quota"):
        OPERATIONS["count-tokens-anthropic", "gemini"].answer(b'{"error":{"message":"quota"}}', model="m", request={})


@pytest.mark.parametrize("dialect", ["bedrock", "gemini", "openai"])
def test_what_cannot_be_carried_is_refused_or_dropped_by_name(dialect):
    fields = {**MESSAGES, "tools": [*MESSAGES["tools"], {"type": "web_search_20250305", "name": "web_search"}]}
    with pytest.raises(UnsupportedFeature, match=r"tools\[1\]"):
        ask("count-tokens-anthropic", dialect, fields)
    assert ask("count-tokens-anthropic", dialect, fields, drop=True)[1] == ("tools[1]",)


@pytest.mark.parametrize("dialect", ["bedrock", "gemini", "openai"])
def test_tools_are_counted_by_the_names_that_they_have_there(dialect):
    name = "a.tool" * 12
    body, _ = ask("count-tokens-anthropic", dialect, {**MESSAGES, "tools": [{"name": name, "input_schema": {}}]})
    assert name.encode() not in orjson.dumps(body)


def test_a_field_at_fault_is_named():
    with pytest.raises(InvalidRequest) as caught:
        ask("count-tokens-anthropic", "gemini", {"model": "m", "messages": [{"role": "user", "content": 3}]})
    assert caught.value.param == "messages[0].content"


def test_edits_come_first():
    body, _ = ask("count-tokens-anthropic", "vertex-gemini", MESSAGES, edits={"system": "Be long."})
    assert body["systemInstruction"]["parts"] == [{"text": "Be long."}]


def test_there_is_room_for_an_answer_above_the_thinking():
    assert room_to_answer({}) == room_to_answer({"thinking": {"type": "adaptive"}}) == 4096
    assert room_to_answer({"thinking": {"type": "enabled", "budget_tokens": 10_000}}) == 14_096
    assert room_to_answer({"thinking": {"budget_tokens": "many"}}) == room_to_answer({"thinking": 3}) == 4096


class TooDeep(AnthropicProvider):
    """Renders what cannot be written."""

    def render_request(self, conversation, options):
        return Rendered({"messages": orjson.loads(b"[" * 900 + b"]" * 900)})


def test_what_is_too_deep_is_the_callers_fault():
    operation = CountTokens(AnthropicClient(), TooDeep(), COUNT_WRAPS["anthropic"])
    with pytest.raises(InvalidRequest, match="deeply"):
        operation.request(b"", MESSAGES, OperationJob("m"))
    deep = {**MESSAGES, "tomorrow": orjson.loads(b"[" * 900 + b"]" * 900)}
    with pytest.raises(InvalidRequest, match="deeply"):
        OPERATIONS["count-tokens-anthropic", "bedrock-anthropic"].request(b"", deep, OperationJob("m"))


def test_only_what_is_there_is_counted():
    assert counting({}, PROVIDER_DIALECTS) == {}
    assert counting(CLIENT_DIALECTS, {}) == {}
    few = counting({"anthropic-messages": AnthropicClient()}, {"anthropic": AnthropicProvider()})
    assert set(few) == {("count-tokens-anthropic", d) for d in ("anthropic", "vertex-anthropic", "bedrock-anthropic")}
