"""Operations besides conversations: what is free needs no price, and what only requests have a price for is refused."""

from dataclasses import replace
from decimal import Decimal

import orjson
import pytest

from extproc.accounting.tariffs import TariffBook
from extproc.config.snapshot import Price, Target
from extproc.domain.errors import InvalidRequest, MalformedJson, UnboundedCost, UnknownPrice
from extproc.phases.worst import Reckoner, Reckoning
from extproc.translate.multipart import read_form

EACH = Price(Decimal(0), Decimal(0), request=Decimal("0.04"))
BY_TOKEN = Price(Decimal(1), Decimal(2))


def reckon(world, operation: str, price: Price | None = None, budgets=(None,), **body) -> Reckoning:
    reckoner = Reckoner(world.snapshot, TariffBook(world.snapshot))
    return reckoner.reckon(
        body,
        orjson.dumps(body),
        "openai-chat",
        [Target("o1", "new", price=price)],
        budgets=set(budgets),
        now_ns=world.clock.now_ns(),
        operation=operation,
    )


def test_embeddings_are_held_at_their_input(world):
    found = reckon(world, "embeddings", BY_TOKEN, input="x" * 1000)
    assert (found.output, found.worst[None].choices) == (0, 1)
    assert 1_256_000 < found.worst[None].fixed_usd < 1_400_000
    with pytest.raises(UnknownPrice):
        reckon(world, "embeddings", input="x")


@pytest.mark.parametrize("operation", ["files", "count-tokens-anthropic", "moderations"])
def test_what_is_free_needs_no_price(world, operation):
    found = reckon(world, operation, input="x")
    assert (found.worst[None].fixed_usd, found.output) == (0, 0)


def test_pictures_need_a_price_of_their_own(world):
    assert reckon(world, "images", EACH, prompt="a cat", n=2).worst[None].fixed_usd == 80_000_000
    with pytest.raises(UnboundedCost):
        reckon(world, "images", BY_TOKEN, prompt="a cat")
    with pytest.raises(UnknownPrice):
        reckon(world, "images", prompt="a cat")
    with pytest.raises(UnboundedCost):
        reckon(world, "images", budgets=(), prompt="a cat")
    with pytest.raises(InvalidRequest):
        reckon(world, "images", EACH, prompt="a cat", n="many")


BOUNDARY = "multipart/form-data; boundary=xyz"


def form(*fields):
    return (
        b"".join(b'--xyz\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % f for f in fields)
        + b"--xyz--\r\n"
    )


@pytest.mark.parametrize("operation", ["images-edits", "images-variations"])
def test_a_form_says_how_many_pictures(world, operation):
    body = form((b"model", b"m"), (b"n", b"3"))
    reckoner = Reckoner(world.snapshot, TariffBook(world.snapshot))
    found = reckoner.reckon(
        read_form(BOUNDARY, body),
        body,
        "openai-chat",
        [Target("o1", "new", price=EACH)],
        budgets={None},
        now_ns=world.clock.now_ns(),
        operation=operation,
    )
    assert found.worst[None].fixed_usd == 120_000_000


def test_batches_are_refused_under_any_limit(world):
    with pytest.raises(UnboundedCost):
        reckon(world, "batches", EACH, input_file_id="f")
    assert reckon(world, "batches").worst[None].fixed_usd == 0


def test_who_lets_unknown_prices_be_free_is_not_asked_for_any(world):
    world.snapshot = replace(world.snapshot, money=replace(world.snapshot.money, unknown_price="free"))
    assert reckon(world, "images", prompt="a cat").worst[None].fixed_usd == 0


def test_a_field_that_decides_stands_once(world):
    reckoner = Reckoner(world.snapshot, TariffBook(world.snapshot))
    chain = [Target("o1", "new", price=BY_TOKEN)]
    cases = {
        "gemini": b'{"generationConfig":{"maxOutputTokens":9},"generationConfig":{"maxOutputTokens":5}}',
        "openai-responses": b'{"input":"","max_output_tokens":99,"max_output_tokens":50}',
        "openai-completions": b'{"prompt":"","max_tokens":99,"max_tokens":50}',
    }
    twice = {
        "openai-chat": ("messages", "models", "audio"),
        "anthropic-messages": ("messages", "system", "fallbacks"),
        "openai-responses": ("input", "background"),
        "openai-completions": ("prompt", "provider"),
        "gemini": ("contents", "systemInstruction", "cachedContent"),
    }
    several = list(cases.items())
    several += [
        (d, b'{"%b":[{"a":1}],"%b":null}' % (n.encode(), n.encode())) for d, names in twice.items() for n in names
    ]
    for dialect, body in several:
        with pytest.raises(MalformedJson):
            reckoner.reckon(orjson.loads(body), body, dialect, chain, budgets={None}, now_ns=world.clock.now_ns())


@pytest.mark.parametrize(
    ("operation", "name"),
    [("embeddings", "input"), ("embeddings", "title"), ("rerank", "documents"), ("rerank", "query")],
)
def test_and_so_of_other_operations(world, operation, name):
    reckoner = Reckoner(world.snapshot, TariffBook(world.snapshot))
    chain, body = [Target("o1", "new", price=BY_TOKEN)], b'{"%b":["a","b"],"%b":"a"}' % (name.encode(), name.encode())
    with pytest.raises(MalformedJson) as refused:
        reckoner.reckon(
            orjson.loads(body),
            body,
            "openai-chat",
            chain,
            budgets={None},
            now_ns=world.clock.now_ns(),
            operation=operation,
        )
    assert refused.value.param == name


def test_the_smallest_limit_worth_granting_is_the_dialects(world):
    reckoner = Reckoner(world.snapshot, TariffBook(world.snapshot))
    chain = [Target("o1", "new", price=BY_TOKEN)]
    least = {
        dialect: reckoner.reckon({}, b"{}", dialect, chain, budgets={None}, now_ns=world.clock.now_ns()).least
        for dialect in ("openai-chat", "openai-responses", "gemini")
    }
    assert least == {"openai-chat": 1, "openai-responses": 16, "gemini": 1}
