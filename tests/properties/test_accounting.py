"""No request costs more than was quoted, whatever its answer; and no prompt has more tokens than its bound."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from extproc.accounting.bound import Bound
from extproc.accounting.bounds import prompt_bound, quote
from extproc.accounting.cost import cost
from extproc.accounting.images import WORST_IMAGE
from extproc.accounting.published import Published, find
from extproc.accounting.rates import Rates, dearest_steps
from extproc.accounting.tariffs import STANDARD, Tariff
from extproc.domain.usage import Usage
from extproc.simulator.anthropic.prompt import prompt as anthropic_prompt
from extproc.simulator.openai.messages import prompt as openai_prompt

NOW = 1_795_262_400 * 1_000_000_000
TIERS = ("priority", "fast", "flex")

rates = st.builds(Rates, *[st.integers(0, 10**12)] * 12)
steps = st.builds(
    lambda first, more: ((-1, first), *sorted(more.items())),
    rates,
    st.dictionaries(st.integers(0, 10_000), rates, max_size=3),
)


@st.composite
def invented(draw) -> Tariff:
    """Any rates at all, long context cheaper than short included; what holds now is no dearer than the dearest."""
    tiers = [STANDARD, *draw(st.lists(st.sampled_from(TIERS), unique=True))]
    now = {tier: draw(steps) for tier in tiers}
    return Tariff(
        source="invented",
        now=now,
        dearest={tier: dearest_steps([one, draw(steps)]) for tier, one in now.items()},
        context_window=draw(st.integers(1, 20_000)),
        image_tokens=draw(st.integers(0, WORST_IMAGE)),
        writes_unasked=draw(st.booleans()),
        regional_percent=draw(st.sampled_from([0, 10])),
    )


def published(vendor: str, model: str, *, writes_unasked: bool) -> Tariff:
    found = find(vendor, model, NOW)
    assert isinstance(found, Published)
    dearest = {tier: dearest_steps(prices[tier] for prices in found.dearest) for tier in found.now}
    return Tariff(found.source, found.now, dearest, found.context_window, 5_000, writes_unasked, 10)


PUBLISHED = [
    published("openai", "gpt-6.1-sol", writes_unasked=True),
    published("openai", "gpt-4o", writes_unasked=True),
    published("openai", "gpt-audio", writes_unasked=True),
    published("anthropic", "claude-haiku-5-5", writes_unasked=False),
    published("anthropic", "claude-opus-5-5", writes_unasked=False),
    published("deepseek", "deepseek-flash", writes_unasked=True),
    published("perplexity", "sonar-pro", writes_unasked=True),
]


@st.composite
def bounds(draw) -> Bound:
    images = draw(st.integers(0, 3))
    cached = draw(st.booleans())
    rounds = draw(st.integers(1, 4))
    window = draw(st.booleans()) or rounds > 1
    return Bound(
        input_tokens=draw(st.integers(0, 400_000)) + images * WORST_IMAGE,
        output_limit=None,
        n=draw(st.integers(1, 4)),
        extra_output=draw(st.integers(0, 500)),
        searches=draw(st.integers(0, 3)),
        cached=cached,
        cached_1h=cached and draw(st.booleans()),
        images=images,
        whole_window="x" if window else None,
        rounds=rounds,
        tiers=draw(st.none() | st.frozensets(st.sampled_from(TIERS))),
        regional=draw(st.booleans()),
        spoken=draw(st.booleans()),
    )


def upto(most: int):
    """A number up to this one; often the very limit, for that is where a bound breaks."""
    return st.one_of(st.just(most), st.integers(0, most))


def parts(draw, total: int, wanted: list[bool]) -> list[int]:
    """Cut a number up to ``total`` into as many parts as are wanted; the others are 0. Often all of it is in one."""
    found, left = [], draw(upto(total))
    for one in wanted:
        part = draw(st.one_of(st.just(left), st.just(0), st.integers(0, left))) if one else 0
        found.append(part)
        left -= part
    return found


@given(st.data())
def test_no_answer_costs_more_than_was_quoted(data):
    draw = data.draw
    tariff = draw(st.one_of(invented(), st.sampled_from(PUBLISHED)))
    bound = draw(bounds())
    quoted = quote(bound, tariff)
    granted = draw(st.integers(0, 5_000))
    writes = bound.cached or tariff.writes_unasked
    short, long, read, fresh = parts(draw, quoted.input_tokens, [writes, bound.cached_1h, True, True])
    output = draw(upto(granted * quoted.outputs + quoted.extra_output))
    usage = Usage(
        input=fresh,
        cache_read=read,
        cache_write_5m=short,
        cache_write_1h=long,
        output=output,
        reasoning=draw(upto(output)),
        audio_input=draw(upto(fresh + read)) if bound.whole_window else 0,
        audio_output=draw(upto(output)) if bound.spoken else 0,
        web_searches=draw(upto(bound.searches)),
    )
    served = draw(
        st.sampled_from([None, "default", *(tier for tier in TIERS if bound.tiers is None or tier in bound.tiers)])
    )
    paid = cost(tariff, usage, service_tier=served, regional=bound.regional)
    assert paid <= quoted.fixed_usd + quoted.usd_per_output * granted


text = st.text(max_size=60)
mark = st.sampled_from(
    [{}, {"cache_control": {"type": "ephemeral"}}, {"cache_control": {"type": "ephemeral", "ttl": "1h"}}]
)
base64 = st.integers(0, 50).map(lambda times: "QUJD" * times)

openai_parts = st.one_of(
    st.builds(lambda one, extra: {"type": "text", "text": one, **extra}, text, mark),
    st.builds(
        lambda one, extra: {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{one}"}, **extra},
        base64,
        mark,
    ),
    st.builds(
        lambda detail: {"type": "image_url", "image_url": {"url": "https://x/y", "detail": detail}}, st.just("low")
    ),
)
openai_messages = st.lists(
    st.one_of(
        st.builds(lambda content: {"role": "user", "content": content}, text | st.lists(openai_parts, max_size=3)),
        st.builds(
            lambda name, arguments: {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}],
            },
            text,
            text,
        ),
    ),
    min_size=1,
    max_size=5,
)
openai_tools = st.lists(
    st.builds(lambda name: {"type": "function", "function": {"name": name, "parameters": {}}}, text), max_size=3
)

anthropic_leaves = st.one_of(
    st.builds(lambda one, extra: {"type": "text", "text": one, **extra}, text, mark),
    st.builds(
        lambda one: {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": one}}, base64
    ),
)
anthropic_parts = st.one_of(
    anthropic_leaves,
    st.builds(lambda one: {"type": "thinking", "thinking": one, "signature": "s"}, text),
    st.builds(lambda one: {"type": "tool_use", "id": "t", "name": one, "input": {one: one}}, text),
    st.builds(
        lambda inner: {"type": "tool_result", "tool_use_id": "t", "content": inner},
        st.lists(anthropic_leaves, max_size=3),
    ),
)
anthropic_messages = st.lists(
    st.builds(lambda content: {"role": "user", "content": content}, text | st.lists(anthropic_parts, max_size=4)),
    min_size=1,
    max_size=5,
)


@given(openai_messages, openai_tools)
def test_no_prompt_of_openai_has_more_tokens_than_its_bound(messages, tools):
    """The simulator counts; so does a tokenizer that makes a token of each byte of text."""
    body = {"model": "m", "messages": messages, **({"tools": tools} if tools else {})}
    bound = prompt_bound(body, len(orjson.dumps(body)), "openai-chat")
    _, counted, _ = openai_prompt(body)
    assert counted <= bound.input_tokens
    assert prompt_bytes(body) <= bound.input_tokens - bound.images * WORST_IMAGE
    assert bound.cached == (b"cache_control" in orjson.dumps(body))


@given(
    anthropic_messages,
    st.none() | text | st.lists(anthropic_leaves.filter(lambda one: one["type"] == "text"), max_size=2),
)
def test_no_prompt_of_anthropic_has_more_tokens_than_its_bound(messages, system):
    body = {"model": "m", "max_tokens": 5, "messages": messages, **({"system": system} if system else {})}
    bound = prompt_bound(body, len(orjson.dumps(body)), "anthropic-messages")
    _, counted, _ = anthropic_prompt(body)
    assert counted <= bound.input_tokens
    assert prompt_bytes(body) <= bound.input_tokens - bound.images * WORST_IMAGE
    assert bound.images == orjson.dumps(body).count(b'"type":"image"')


def prompt_bytes(value) -> int:
    """UTF-8 bytes of every string in a request, keys and media left out: the most tokens that its text can have."""
    match value:
        case str():
            return len(value.encode())
        case {"type": "image"} | {"type": "image_url"}:
            return 0
        case dict():
            return sum(prompt_bytes(one) for one in value.values())
        case list():
            return sum(prompt_bytes(one) for one in value)
        case _:
            return 0
