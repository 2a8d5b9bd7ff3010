"""Claims about embeddings: OpenAI's request in each vendor's words, each vendor's answer in OpenAI's shape.

Judges: OpenAI's SDK reads the answers (base64 too); google-genai sends the same bodies to Google, and reads the same answers.
Bodies of InvokeModel have no published model; they are checked against AWS' documentation, cited in the module.
"""

import json

import httpx
import orjson
import pytest
from google import genai
from google.genai import types as google_types
from hypothesis import given
from hypothesis import strategies as st
from openai import OpenAI
from openai.types import CreateEmbeddingResponse

from extproc.domain.errors import InvalidRequest, ProviderBadAnswer, ProviderError, UnsupportedFeature
from extproc.domain.usage import Usage
from extproc.translate.operations.base import OperationJob
from extproc.translate.operations.table import OPERATIONS

VENDORS = ["gemini", "vertex-gemini", "cohere", "bedrock"]
MODELS = {
    "gemini": "gemini-embedding-001",
    "vertex-gemini": "text-embedding-005",
    "cohere": "embed-v4.0",
    "bedrock": "cohere.embed-multilingual-v3",
}
TITAN = "amazon.titan-embed-text-v2:0"
VECTORS = [[0.5, -0.25, 1.0], [0.0, 2.0, -8.0]]


def ask(dialect, fields, *, model="", drop=False, edits=None):
    parsed = {"model": "catalogue name", **fields}
    job = OperationJob(model or MODELS[dialect], drop_unsupported=drop, edits=edits or {})
    translated = OPERATIONS["embeddings", dialect].request(orjson.dumps(parsed), parsed, job)
    return orjson.loads(translated.body), translated.dropped


def asked(dialect, fields, **more):
    body, dropped = ask(dialect, fields, **more)
    assert dropped == ()
    return body


def answer(dialect, value, request, *, model=""):
    model = model or MODELS[dialect]
    translated = OPERATIONS["embeddings", dialect].answer(orjson.dumps(value), model=model, request=request)
    assert translated.response_model == model
    read = CreateEmbeddingResponse.model_validate(
        orjson.loads(translated.body), strict="encoding_format" not in request
    )
    assert read.model == model
    assert read.usage.prompt_tokens == read.usage.total_tokens == translated.usage.prompt
    return translated


ONE, TWO = {"input": "a"}, {"input": ["a", "b"]}
ANSWERS = {
    "gemini": ({"embeddings": [{"values": v} for v in VECTORS]}, Usage()),
    "vertex-gemini": (
        {"predictions": [{"embeddings": {"values": v, "statistics": {"token_count": 4.0, "truncated": False}}} for v in VECTORS], "metadata": {"billableCharacterCount": 2}},
        Usage(input=8),
    ),
    "cohere": (
        {"id": "e1", "texts": ["a", "b"], "embeddings": {"float": VECTORS}, "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 8.0}}, "response_type": "embeddings_by_type"},
        Usage(input=8),
    ),
    "bedrock": ({"id": "e1", "texts": ["a", "b"], "embeddings": VECTORS, "response_type": "embeddings_floats"}, Usage()),
}  # fmt: skip


@pytest.mark.parametrize("dialect", VENDORS)
def test_an_answer_in_openais_shape(dialect):
    value, usage = ANSWERS[dialect]
    translated = answer(dialect, value, TWO)
    assert translated.usage == usage
    assert [item["embedding"] for item in orjson.loads(translated.body)["data"]] == VECTORS
    assert [item["index"] for item in orjson.loads(translated.body)["data"]] == [0, 1]


@pytest.mark.parametrize("dialect", VENDORS)
def test_base64_as_openais_sdk_asks_for_it_and_reads_it(dialect):
    """The SDK asks for base64 unless told otherwise, and unpacks it."""
    sent = {}

    def serve(request):
        sent.update(orjson.loads(request.content))
        operation = OPERATIONS["embeddings", dialect]
        translated = operation.answer(orjson.dumps(ANSWERS[dialect][0]), model="m-cohere.embed", request=sent)
        return httpx.Response(200, headers={"content-type": "application/json"}, content=translated.body)

    with httpx.Client(transport=httpx.MockTransport(serve)) as http:
        sdk = OpenAI(api_key="k", base_url="http://gateway/v1", http_client=http, max_retries=0)
        read = sdk.embeddings.create(model="m", input=["a", "b"])
    assert sent["encoding_format"] == "base64"
    assert [item.embedding for item in read.data] == VECTORS


def test_the_gemini_api_with_usage():
    value = {"embeddings": [{"values": [1.0]}], "usageMetadata": {"promptTokenCount": 3}}
    assert answer("gemini", value, ONE).usage == Usage(input=3)


def google_sends(vertexai, contents, config, value):
    """The body that google-genai sends for this, and what it makes of the answer."""
    sent = {}

    def serve(request):
        sent.update(path=request.url.path, body=orjson.loads(request.content))
        return httpx.Response(200, headers={"content-type": "application/json"}, content=orjson.dumps(value))

    options = google_types.HttpOptions(client_args={"transport": httpx.MockTransport(serve)})
    more = {"vertexai": True, "api_key": "k"} if vertexai else {"api_key": "k"}
    client = genai.Client(http_options=options, **more)
    model = MODELS["vertex-gemini" if vertexai else "gemini"]
    return sent, client.models.embed_content(model=model, contents=contents, config=config)


@pytest.mark.parametrize("dialect", ["gemini", "vertex-gemini"])
def test_google_gets_what_its_own_sdk_sends(dialect):
    fields = {**TWO, "dimensions": 64, "input_type": "search_query", "title": "T"}
    config = {"output_dimensionality": 64, "task_type": "RETRIEVAL_QUERY", "title": "T"}
    sent, read = google_sends(dialect != "gemini", ["a", "b"], config, ANSWERS[dialect][0])
    ours = asked(dialect, fields)
    if dialect == "gemini":
        # The SDK writes `role` beside the parts, which the API leaves to its default.
        for one in sent["body"]["requests"]:
            one["content"].pop("role", None)
    assert ours == sent["body"]
    assert [embedding.values for embedding in read.embeddings] == VECTORS


def test_the_gemini_api():
    assert asked("gemini", ONE) == {
        "requests": [{"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "a"}]}}]
    }
    assert asked("gemini", ONE, model="tunedModels/x")["requests"][0]["model"] == "tunedModels/x"
    assert (
        asked("gemini", {**ONE, "task_type": "semantic_similarity"})["requests"][0]["taskType"] == "SEMANTIC_SIMILARITY"
    )


def test_vertex():
    assert asked("vertex-gemini", ONE) == {"instances": [{"content": "a"}]}
    assert asked("vertex-gemini", {**ONE, "autoTruncate": False})["parameters"] == {"autoTruncate": False}


@pytest.mark.parametrize("dialect", ["cohere", "bedrock"])
def test_cohere(dialect):
    named = {"model": "embed-v4.0"} if dialect == "cohere" else {}
    common = {**named, "embedding_types": ["float"]}
    assert asked(dialect, ONE) == {**common, "texts": ["a"], "input_type": "search_document"}
    more = {"dimensions": 256, "task_type": "retrieval_query", "truncate": "END", "max_tokens": 5}
    assert asked(dialect, {**TWO, **more}) == {
        **common, "texts": ["a", "b"], "input_type": "search_query", "output_dimension": 256, "truncate": "END", "max_tokens": 5
    }  # fmt: skip
    with pytest.raises(InvalidRequest, match="search_document, search_query"):
        ask(dialect, {**ONE, "input_type": "SEMANTIC_SIMILARITY"})


@pytest.mark.parametrize("model", ["cohere.embed-v4:0", "us.cohere.embed-v4:0", "arn:aws:bedrock:us-east-1::foundation-model/cohere.embed-english-v3"])  # fmt: skip
def test_cohere_on_bedrock_by_any_name_and_by_type(model):
    assert asked("bedrock", ONE, model=model)["texts"] == ["a"]
    value = {"embeddings": {"float": [[0.5]]}, "response_type": "embeddings_by_type"}
    assert answer("bedrock", value, ONE, model=model).usage == Usage()


def test_titan():
    assert asked("bedrock", ONE, model=TITAN) == {"inputText": "a"}
    assert asked("bedrock", {"input": ["a"], "dimensions": 256, "normalize": False}, model=TITAN) == {
        "inputText": "a",
        "dimensions": 256,
        "normalize": False,
    }
    value = {"embedding": [0.5], "inputTextTokenCount": 3, "embeddingsByType": {"float": [0.5]}}
    assert answer("bedrock", value, ONE, model=TITAN).usage == Usage(input=3)
    body, dropped = ask("bedrock", {**ONE, "input_type": "search_query", "user": "u"}, model=TITAN)
    assert (body, dropped) == ({"inputText": "a"}, ("user", "input_type"))


def test_titan_takes_one_text():
    with pytest.raises(UnsupportedFeature, match="input has 2") as caught:
        ask("bedrock", TWO, model=TITAN, drop=True)
    assert caught.value.param == "input"


def test_the_first_titan_has_no_dimensions():
    first = "amazon.titan-embed-text-v1"
    with pytest.raises(UnsupportedFeature, match="dimensions"):
        ask("bedrock", {**ONE, "dimensions": 256}, model=first)
    assert ask("bedrock", {**ONE, "dimensions": 256}, model=first, drop=True) == ({"inputText": "a"}, ("dimensions",))
    assert asked("bedrock", ONE, model=first) == {"inputText": "a"}


@pytest.mark.parametrize("model", ["amazon.titan-embed-image-v1", "anthropic.claude-sonnet-4-6", "x"])
def test_a_model_of_no_known_family_is_refused(model):
    with pytest.raises(UnsupportedFeature, match=r"titan-embed-text or cohere\.embed"):
        ask("bedrock", ONE, model=model)


@pytest.mark.parametrize("dialect", VENDORS)
@pytest.mark.parametrize("value", [[1, 2, 3], [[1, 2], [3]], [7], ["a", 7]])
def test_tokens_are_refused(dialect, value):
    with pytest.raises(UnsupportedFeature, match="tokens") as caught:
        ask(dialect, {"input": value}, drop=True)
    assert caught.value.param == "input"


@pytest.mark.parametrize("dialect", VENDORS)
@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "input"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 3}, "input"),
        ({"input": {"text": "a"}}, "input"),
        ({"input": ["a", True]}, "input[1]"),
        ({"input": ["a", {}]}, "input[1]"),
        ({**ONE, "dimensions": "64"}, "dimensions"),
        ({**ONE, "encoding_format": "int8"}, "encoding_format"),
        ({**ONE, "encoding_format": 3}, "encoding_format"),
        ({**ONE, "input_type": 3}, "input_type"),
        ({**ONE, "input_type": "search_query", "task_type": "CLUSTERING"}, "task_type"),
        ({**ONE, "user": 3}, "user"),
    ],
)
def test_a_field_at_fault_is_named(dialect, fields, param):
    with pytest.raises(InvalidRequest) as caught:
        ask(dialect, fields)
    assert caught.value.param == param


@pytest.mark.parametrize("dialect", VENDORS)
def test_what_cannot_be_carried_is_refused_or_dropped_by_name(dialect):
    fields = {**ONE, "tomorrow": 1, "user": "u", "nothing": None}
    with pytest.raises(UnsupportedFeature, match="cannot carry: tomorrow") as caught:
        ask(dialect, fields)
    assert caught.value.param == "tomorrow"
    assert ask(dialect, fields, drop=True) == (asked(dialect, ONE), ("tomorrow", "user"))
    assert ask(dialect, {**ONE, "user": "u"}) == (asked(dialect, ONE), ("user",))


@pytest.mark.parametrize("dialect", VENDORS)
def test_edits_come_first(dialect):
    assert asked(dialect, {**ONE, "dimensions": 8}, edits={"dimensions": 4}) == asked(dialect, {**ONE, "dimensions": 4})


BAD = [b"", b"<html>", b"[]", b"{}", b'{"embeddings":3}', b'{"embeddings":[]}', b'{"predictions":[3]}', b'{"embeddings":{"float":3}}', b'{"embedding":"x"}', b'{"predictions":[{"embeddings":{}}]}', b'{"embeddings":[{}]}', b'{"embeddings":[["x"]]}', b'{"embeddings":{"int8":[[1]]}}']  # fmt: skip


@pytest.mark.parametrize("body", BAD)
@pytest.mark.parametrize("dialect", [*VENDORS, "titan"])
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_what_is_no_answer(body, dialect, encoding):
    model = TITAN if dialect == "titan" else MODELS[dialect]
    operation = OPERATIONS["embeddings", "bedrock" if dialect == "titan" else dialect]
    with pytest.raises(ProviderBadAnswer):
        operation.answer(body, model=model, request={**ONE, "encoding_format": encoding})


@pytest.mark.parametrize("vector", [[1.0, "x"], [1.0, None], [1e300], [10**400]])
def test_what_is_no_float_is_not_packed(vector):
    value = orjson.dumps({"embedding": [v for v in vector if v != 10**400] or [1e308], "inputTextTokenCount": 1})
    with pytest.raises(ProviderBadAnswer):
        OPERATIONS["embeddings", "bedrock"].answer(value, model=TITAN, request={**ONE, "encoding_format": "base64"})


@pytest.mark.parametrize("dialect", VENDORS)
def test_more_or_fewer_vectors_than_texts_are_refused(dialect):
    with pytest.raises(ProviderBadAnswer, match="2 embeddings for 1"):
        answer(dialect, ANSWERS[dialect][0], ONE)
    with pytest.raises(ProviderBadAnswer, match="2 embeddings for 3"):
        answer(dialect, ANSWERS[dialect][0], {"input": ["a", "b", "c"]})


DEEP = b"[" * 900 + b"]" * 900


def test_what_is_read_but_cannot_be_written_is_nobodys_crash():
    for fields in ({**ONE, "dimensions": 1e300}, {**ONE, "autoTruncate": orjson.loads(DEEP)}):
        with pytest.raises(InvalidRequest, match="64 bits"):
            OPERATIONS["embeddings", "vertex-gemini"].request(b"", fields, OperationJob("m"))
    body = b'{"embeddings":[{"values":[1.0,%b]}]}' % DEEP
    with pytest.raises(ProviderBadAnswer, match="deeply"):
        OPERATIONS["embeddings", "gemini"].answer(body, model="m", request=ONE)


GOOGLE = ["gemini", "vertex-gemini"]


@pytest.mark.parametrize("dialect", GOOGLE)
@pytest.mark.parametrize("title", ["x" * 513, ["T"], 7, {}])
def test_a_title_is_written_beside_every_text_so_it_is_short(dialect, title):
    with pytest.raises(InvalidRequest, match="512") as caught:
        ask(dialect, {**TWO, "title": title})
    assert caught.value.param == "title"
    ask(dialect, {**TWO, "title": "é" * 512})


@pytest.mark.parametrize("dialect", VENDORS)
@pytest.mark.parametrize("name", ["input_type", "task_type"])
@pytest.mark.parametrize("word", ["x" * 100_000, "SEARCH", "", "image"])
def test_what_vectors_are_for_is_one_of_a_list(dialect, name, word):
    with pytest.raises(InvalidRequest, match="must be one of") as caught:
        ask(dialect, {**ONE, name: word})
    assert caught.value.param == name


@pytest.mark.parametrize("word", ["search_query", "SEARCH_QUERY", "RETRIEVAL_QUERY", "retrieval_query"])
def test_what_vectors_are_for_in_anybodys_words(word):
    assert asked("vertex-gemini", {**ONE, "task_type": word})["instances"][0]["task_type"] == "RETRIEVAL_QUERY"
    assert asked("cohere", {**ONE, "input_type": word})["input_type"] == "search_query"


@pytest.mark.parametrize("dialect", VENDORS)
def test_texts_have_a_number(dialect):
    with pytest.raises(InvalidRequest, match="2049 texts") as caught:
        ask(dialect, {"input": ["a"] * 2049})
    assert caught.value.param == "input"


@pytest.mark.parametrize("dialect", GOOGLE)
def test_a_small_request_does_not_become_a_large_one(dialect):
    ask(dialect, {"input": ["a"] * 2048})
    ask(dialect, {"input": ["a"] * 100, "title": "\u0001" * 512})
    with pytest.raises(InvalidRequest, match="fewer inputs"):
        ask(dialect, {"input": ["a"] * 2048, "title": "\u0001" * 512})


def test_an_error_in_a_200_is_that_error():
    with pytest.raises(ProviderError, match="quota"):
        answer("gemini", {"error": {"code": 429, "message": "quota"}}, ONE)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["input", "dimensions", "encoding_format", "user", "input_type", "task_type", "title", "truncate"]


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, json_values)), st.sampled_from(VENDORS), json_values)
def test_any_json_is_a_request_and_an_answer_or_a_clear_refusal(fields, dialect, value):
    answer_body = json.dumps(value).encode()
    try:
        operation, job = OPERATIONS["embeddings", dialect], OperationJob(MODELS[dialect], drop_unsupported=True)
        operation.request(b"", fields, job)
        operation.answer(answer_body, model=MODELS[dialect], request=fields)
    except (InvalidRequest, ProviderError):
        return
    assert isinstance(fields["input"], str | list)
