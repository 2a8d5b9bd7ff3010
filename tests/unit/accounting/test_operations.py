"""Which operations are free, which are bounded by their tokens, and which by a price of each request alone."""

from dataclasses import replace

import orjson
import pytest

from extproc.accounting.bound import Bound, Quote
from extproc.accounting.bounds import prompt_bound, quote
from extproc.accounting.operations import charge, counted, is_free, sold
from extproc.accounting.rates import Rates
from extproc.accounting.tariffs import FREE, STANDARD, Tariff
from extproc.domain.errors import UnboundedCost
from extproc.domain.usage import Usage

BILLION = 1_000_000_000
FLAT = replace(FREE, source="gateway.yaml", now={STANDARD: ((-1, Rates(request=40_000 * BILLION)),)})
FLAT = replace(FLAT, dearest=FLAT.now)
"""Four cents each."""
BY_TOKEN = Tariff("t", {STANDARD: ((-1, Rates(input=BILLION, cache_write_5m=BILLION)),)}, {}, writes_unasked=False)
BY_TOKEN = replace(BY_TOKEN, dearest=BY_TOKEN.now)

SOLD_EACH = ["images", "images-edits", "images-variations", "speech", "transcriptions", "translations", "new"]
FREE_ONES = ["files", "count-tokens", "count-tokens-anthropic", "count-tokens-responses"]


def bound(operation: str, **body) -> Bound:
    return prompt_bound(body, len(orjson.dumps(body)), "openai-chat", operation)


def test_embeddings_cost_their_input_and_nothing_else():
    found = bound("embeddings", model="m", input=["hello", "there"])
    size = len(orjson.dumps({"model": "m", "input": ["hello", "there"]}))
    assert (found.input_tokens, found.output_limit, found.n) == (size + 2 * 16 + 256, 0, 1)
    assert quote(found, BY_TOKEN) == Quote((size + 32 + 256) * 1000, 0, size + 32 + 256)


def test_a_token_is_a_token():
    tokens = list(range(100_000, 108_000))
    assert bound("embeddings", input=tokens).input_tokens < len(tokens) + 400
    assert bound("embeddings", input=[tokens, tokens]).input_tokens < 2 * len(tokens) + 400


def test_ranking_costs_the_query_with_each_document():
    query = "q" * 1000
    one, ten = (bound("rerank", query=query, documents=["d"] * count).input_tokens for count in (1, 10))
    assert ten - one >= 9 * 1000


@pytest.mark.parametrize("operation", SOLD_EACH)
def test_what_only_a_price_of_each_request_bounds_is_refused_without_one(operation):
    found = bound(operation, prompt="a cat")
    for tariff in (None, BY_TOKEN):
        with pytest.raises(UnboundedCost) as refused:
            quote(found, tariff)
        assert operation in refused.value.message
        assert "request" in refused.value.message
    assert quote(found, FLAT) == Quote(40_000_000, 0, 0)


def test_each_picture_has_its_price():
    assert quote(bound("images", n=3), FLAT).fixed_usd == 120_000_000
    assert quote(bound("images-edits", n="3"), FLAT).fixed_usd == 120_000_000
    assert quote(bound("speech", n=3), FLAT).fixed_usd == 40_000_000


@pytest.mark.parametrize("operation", FREE_ONES)
@pytest.mark.parametrize("tariff", [None, FLAT, BY_TOKEN])
def test_free_is_free_whatever_the_price(operation, tariff):
    found = bound(operation, model="m", messages=[{"role": "user", "content": "x" * 999}])
    assert is_free(operation)
    assert not found.needs_price
    assert quote(found, tariff) == Quote(0, 0, 0)
    assert charge(tariff, Usage(input=5), operation=operation, requests=sold({}, operation)) == 0
    assert counted(Usage(input=5), operation) == Usage()


def test_moderation_is_free_where_nobody_names_a_price():
    found = bound("moderations", input="hi")
    assert not found.needs_price
    assert quote(found, None).fixed_usd == 0
    assert quote(found, BY_TOKEN).fixed_usd > 0
    assert charge(None, Usage(input=5), operation="moderations") == 0
    assert charge(BY_TOKEN, Usage(input=5), operation="moderations") == 5000


def test_batches_have_no_bound_but_looking_at_them_is_free():
    for body, size in (({"input_file_id": "f"}, 40), ({}, 40)):
        with pytest.raises(UnboundedCost):
            prompt_bound(body, size, "openai-chat", "batches")
    for size in (0, 2):
        assert quote(prompt_bound({}, size, "openai-chat", "batches"), None) == Quote(0, 0, 0)
    assert sold({}, "batches") == 0
    assert charge(BY_TOKEN, Usage(), operation="batches") is None


@pytest.mark.parametrize(
    ("body", "operation", "times"),
    [
        ({}, "chat", 1),
        ({"n": 3}, "chat", 1),
        ({"n": 3}, "images", 3),
        ({"n": "3"}, "images-edits", 3),
        ({"n": "³"}, "images-edits", 1),
        ({"n": "9" * 9}, "images", 1),
        ({"n": 0}, "images", 1),
        ({"n": None}, "images", 1),
        ({"n": 3}, "speech", 1),
        ({}, "files", 0),
    ],
)
def test_how_often_the_price_of_a_request_is_due(body, operation, times):
    assert sold(body, operation) == times


@pytest.mark.parametrize(
    ("tariff", "operation", "nanos"),
    [
        (FLAT, "images", 80_000_000),
        (BY_TOKEN, "images", None),
        (None, "images", None),
        (BY_TOKEN, "embeddings", 5000),
        (BY_TOKEN, "chat", 5000),
        (None, "chat", None),
    ],
)
def test_what_an_answer_has_cost(tariff, operation, nanos):
    assert charge(tariff, Usage(input=5), operation=operation, requests=2) == nanos


def test_ranking_is_sold_by_the_search_unit():
    """What is reported is charged, more or less than was reckoned; a hold is for the most."""
    documents = ["d"] * 250
    assert sold({"documents": documents}, "rerank") == 3
    assert quote(bound("rerank", query="q", documents=documents), FLAT).fixed_usd == 120_000_000
    assert quote(bound("rerank", query="q", documents=["d" * 1000] * 100), FLAT).fixed_usd == 200_000_000
    assert quote(bound("embeddings", input=documents), FLAT).fixed_usd == 40_000_000
    for units, nanos in ((0, 120_000_000), (1, 40_000_000), (5, 200_000_000)):
        assert charge(FLAT, Usage(search_units=units), operation="rerank", requests=3) == nanos
    assert charge(FLAT, Usage(search_units=5), operation="embeddings") == 40_000_000


def test_no_tokens_count_where_no_hold_could_bound_them():
    usage = Usage(input=50, output=4160)
    assert counted(usage, "images") == Usage()
    assert counted(usage, "embeddings") == counted(usage, "chat") == usage


def test_a_service_tier_without_a_price_has_no_cost():
    tariff = replace(BY_TOKEN, unpriced=frozenset({"priority"}))
    assert charge(tariff, Usage(input=5), service_tier="priority") is None
    assert charge(tariff, Usage(input=5), service_tier="default") == 5000
