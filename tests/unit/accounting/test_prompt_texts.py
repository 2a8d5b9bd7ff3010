"""Requests of plain texts, or of tokens, each of which is a token."""

import orjson
import pytest

from extproc.accounting.prompt_texts import least_units, most_units, walk_documents, walk_inputs, walk_prompts
from extproc.domain.errors import UnboundedCost


@pytest.mark.parametrize(
    ("prompt", "inputs", "payload", "framing"),
    [
        (None, 1, 0, 16),
        ("hi", 1, 0, 16),
        (["hi", "ho"], 2, 0, 32),
        ([], 1, 0, 16),
        ([15339, 1917], 1, len("[15339,1917]"), 2 + 16),
        ([[15339, 1917], [1]], 2, len("[15339,1917][1]"), 3 + 32),
        ([15339, "hi"], 2, 0, 32),
        ([1, True], 2, 0, 32),
        ([1, -2], 2, 0, 32),
        ([1 << 64, 1], 2, 0, 32),
        ([[], [1]], 2, len("[1]"), 1 + 32),
    ],
)
def test_prompts(prompt, inputs, payload, framing):
    tally = walk_prompts({"prompt": prompt})
    assert (tally.inputs, tally.payload, tally.framing) == (inputs, payload, framing)
    assert (tally.images, tally.whole_window) == (0, None)


@pytest.mark.parametrize("given", ["hi", ["hi"], [1, 2], [[1], [2]], None])
def test_inputs_are_read_like_prompts(given):
    assert walk_inputs({"input": given}) == walk_prompts({"prompt": given})


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": [{"type": "image_url"}]}, "input"),
        ({"input": {"text": "hi"}}, "input"),
        ({"input": [["a", {"image": "x"}]]}, "input"),
        ({"input": [[["x"]]]}, "input"),
        ({"messages": []}, "messages"),
        ({"images": ["x"]}, "images"),
        ({"inputs": [{}]}, "inputs"),
    ],
)
def test_embeddings_of_anything_but_text_are_refused(body, param):
    with pytest.raises(UnboundedCost) as refused:
        walk_inputs(body)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("body", "framing"),
    [
        ({}, 16),
        ({"query": "hé", "documents": ["a", "b"]}, 2 * (3 + 16)),
        ({"query": "h", "documents": [{"text": "a", "title": "b"}]}, 1 + 16),
        ({"query": "h", "documents": []}, 0),
    ],
)
def test_a_query_is_read_with_each_document(body, framing):
    assert walk_documents(body).framing == framing


def test_a_title_is_read_with_every_input():
    plain, titled = ({"input": ["a"] * 50, **more} for more in ({}, {"title": "é" * 30}))
    assert walk_inputs(titled).framing - walk_inputs(plain).framing == 50 * 60
    assert walk_inputs({"input": "a", "title": ["x"]}) == walk_inputs({"input": "a"})


@pytest.mark.parametrize(
    ("query", "documents", "least", "most"),
    [
        ("q", [], 1, 1),
        ("q", None, 1, 1),
        ("q", "a document", 1, 1),
        ("q", ["d"] * 100, 1, 1),
        ("q", ["d"] * 101, 2, 2),
        ("q" * 250, ["d" * 250] * 100, 1, 1),
        ("q" * 250, ["d" * 251] * 100, 1, 3),
        ("", ["d" * 24_000], 1, 1),
        ("", ["d" * 24_001], 1, 2),
        ("é" * 240, [{"text": "d" * 476}] * 100, 1, 4),
    ],
)
def test_search_units(query, documents, least, most):
    body = {"query": query, "documents": documents}
    assert (least_units(body), most_units(body)) == (least, most)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"query": "h", "documents": [{"image": {"url": "x"}}]}, "documents"),
        ({"query": "h", "documents": {"content": [{"type": "image_url"}]}}, "documents"),
        ({"query": "h", "documents": [["a", "b"]]}, "documents"),
        ({"query": "h", "texts": ["a"] * 9}, "texts"),
        ({"query": {"text": "h"}, "documents": ["a"]}, "query"),
        ({"query": {"content": []}, "documents": ["a"]}, "query"),
        ({"query": [], "documents": ["a"]}, "query"),
    ],
)
def test_media_cannot_be_ranked(body, param):
    with pytest.raises(UnboundedCost) as refused:
        walk_documents(body)
    assert refused.value.param == param


def test_what_is_taken_off_for_tokens_is_never_more_than_they_are_long():
    prompt = [0, 7, 199_999] * 50
    assert walk_prompts({"prompt": prompt}).payload <= len(orjson.dumps(prompt))
