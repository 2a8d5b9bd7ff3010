"""Claims about rerank at Cohere and on Bedrock; servers of the same shape are in ``test_passthrough``."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.errors import InvalidRequest, MalformedJson, ProviderBadAnswer, ProviderError, UnsupportedFeature
from extproc.domain.usage import Usage
from extproc.translate.operations.base import OperationJob
from extproc.translate.operations.table import OPERATIONS

MODELS = {"cohere": "rerank-v3.5", "bedrock": "cohere.rerank-v3-5:0"}
ASKED = {"model": "catalogue name", "query": "capital?", "documents": ["Oslo", "Rome"]}
RANKED = {
    "id": "07734bd2-2473-4f07-94e1-0d9f0e6843cf",
    "results": [{"index": 1, "relevance_score": 0.99}, {"index": 0, "relevance_score": 0.25}],
    "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
}


def ask(dialect, parsed, *, body=None, model="", drop=False, edits=None):
    job = OperationJob(model or MODELS[dialect], drop_unsupported=drop, edits=edits or {})
    translated = OPERATIONS["rerank", dialect].request(body or orjson.dumps(parsed), parsed, job)
    return translated.body, translated.dropped


def answer(dialect, value, request):
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    return OPERATIONS["rerank", dialect].answer(body, model=MODELS[dialect], request=request)


def test_cohere_gets_the_clients_bytes():
    body = b'{"query":"caf\\u00e9","documents":["a" ,"b"], "top_n":1e0,"model":"x","max_tokens_per_doc":512,"tomorrow":1.0}'
    assert ask("cohere", orjson.loads(body), body=body)[0] == body.replace(b'"x"', b'"rerank-v3.5"')


def test_cohere_takes_texts_only_and_gives_no_documents_back():
    asked = {**ASKED, "documents": [{"text": "Oslo"}, "Rome"], "return_documents": True}
    assert orjson.loads(ask("cohere", asked)[0]) == {**ASKED, "model": "rerank-v3.5"}
    shown = answer("cohere", RANKED, asked)
    assert orjson.loads(shown.body) == RANKED | {
        "results": [
            {"index": 1, "relevance_score": 0.99, "document": {"text": "Rome"}},
            {"index": 0, "relevance_score": 0.25, "document": {"text": "Oslo"}},
        ]
    }
    assert shown.usage == Usage(search_units=1)
    assert shown.response_id == RANKED["id"]


@pytest.mark.parametrize("wanted", [None, False])
def test_an_answer_without_documents_is_the_very_same_bytes(wanted):
    body = json.dumps(RANKED).encode()
    assert answer("cohere", body, {**ASKED, "return_documents": wanted}).body == body


def test_bedrock():
    asked = {**ASKED, "top_n": 1, "max_tokens_per_doc": 512, "return_documents": True, "nothing": None}
    body, dropped = ask("bedrock", asked)
    assert dropped == ()
    assert orjson.loads(body) == {
        "api_version": 2,
        "query": "capital?",
        "documents": ["Oslo", "Rome"],
        "top_n": 1,
        "max_tokens_per_doc": 512,
    }
    shown = answer("bedrock", {"results": RANKED["results"][:1]}, asked)
    assert orjson.loads(shown.body) == {
        "results": [{"index": 1, "relevance_score": 0.99, "document": {"text": "Rome"}}],
        "meta": RANKED["meta"],
    }
    assert shown.usage == Usage(search_units=1)
    assert shown.response_model == MODELS["bedrock"]


@pytest.mark.parametrize(("documents", "units"), [(1, 1), (100, 1), (101, 2), (1000, 10)])
def test_search_units_of_bedrock_are_reckoned(documents, units):
    request = {**ASKED, "documents": ["x"] * documents}
    assert answer("bedrock", {"results": []}, request).usage == Usage(search_units=units)


def test_another_model_of_bedrock_is_refused():
    with pytest.raises(UnsupportedFeature, match=r"cohere\.rerank"):
        ask("bedrock", ASKED, model="amazon.rerank-v1:0")


@pytest.mark.parametrize("dialect", MODELS)
def test_what_cannot_be_carried_is_refused_or_dropped_by_name(dialect):
    asked = {**ASKED, "documents": [{"text": "Oslo", "title": "Norway"}, "Rome"]}
    with pytest.raises(UnsupportedFeature, match=r"documents\[0\]\.title"):
        ask(dialect, asked)
    body, dropped = ask(dialect, asked, drop=True)
    assert dropped == ("documents[0].title",)
    assert orjson.loads(body)["documents"] == ["Oslo", "Rome"]


def test_fields_of_others_are_not_bedrocks():
    with pytest.raises(UnsupportedFeature, match="rank_fields"):
        ask("bedrock", {**ASKED, "rank_fields": ["a"]})
    assert ask("bedrock", {**ASKED, "rank_fields": ["a"]}, drop=True)[1] == ("rank_fields",)


@pytest.mark.parametrize("dialect", MODELS)
@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": None}, "query"),
        ({"query": 3}, "query"),
        ({"documents": None}, "documents"),
        ({"documents": []}, "documents"),
        ({"documents": "Oslo"}, "documents"),
        ({"documents": ["Oslo", 3]}, "documents[1]"),
        ({"documents": ["Oslo", {"title": "x"}]}, "documents[1]"),
        ({"documents": [{"text": 3}]}, "documents[0]"),
        ({"return_documents": "yes"}, "return_documents"),
    ],
)
def test_a_field_at_fault_is_named(dialect, fields, param):
    with pytest.raises(InvalidRequest) as caught:
        ask(dialect, ASKED | fields)
    assert caught.value.param == param


def test_what_two_readers_could_read_differently_is_refused():
    with pytest.raises(MalformedJson):
        ask("cohere", ASKED, body=b'{"model":"a","model":"b","query":"q","documents":["x"]}')


@pytest.mark.parametrize("dialect", MODELS)
def test_edits_are_made(dialect):
    assert orjson.loads(ask(dialect, {**ASKED, "top_n": 9}, edits={"top_n": 1})[0])["top_n"] == 1


@pytest.mark.parametrize("dialect", MODELS)
@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"results":3}', b'{"results":[3]}'])
def test_what_is_no_answer(dialect, wanted, body):
    with pytest.raises(ProviderBadAnswer):
        answer(dialect, body, {**ASKED, "return_documents": wanted})


@pytest.mark.parametrize("index", [2, -1, "0", None])
def test_a_document_that_was_not_sent_is_no_answer(index):
    with pytest.raises(ProviderBadAnswer, match="not sent"):
        answer("cohere", {"results": [{"index": index}]}, {**ASKED, "return_documents": True})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {"query": json_values, "documents": json_values}, optional={"top_n": json_values, "return_documents": json_values}
)


@given(FIELDS, st.sampled_from(sorted(MODELS)), json_values)
def test_any_json_is_a_request_and_an_answer_or_a_clear_refusal(fields, dialect, value):
    body = json.dumps(fields).encode()
    try:
        OPERATIONS["rerank", dialect].request(body, fields, OperationJob(MODELS[dialect], drop_unsupported=True))
        answer(dialect, json.dumps({"results": value}).encode(), fields)
    except (InvalidRequest, ProviderError):
        return
    assert isinstance(fields["query"], str)
