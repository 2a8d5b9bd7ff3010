"""Requests of every dialect, priced by published tariffs: no answer that the vendor can give costs more than was quoted.

The vendor here reads each request anew, by rules of its own: every byte of every text is a token, everything that can
be dear is, and its tools are used as often as the request lets them.
"""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.accounting.bounds import prompt_bound, quote
from extproc.accounting.cost import asked_tier
from extproc.accounting.operations import charge, counted, sold
from extproc.accounting.spelling import check_counts
from extproc.accounting.tariffs import TariffBook
from extproc.config.snapshot import Provider, Snapshot, Telemetry
from extproc.domain.errors import InvalidRequest, UnboundedCost
from extproc.domain.usage import Usage

NOW = 1_795_262_400 * 1_000_000_000

PROVIDERS = {
    "openai": Provider("openai", "openai", "https://api.openai.com/v1"),
    "azure": Provider("azure", "azure-openai", "https://acme.openai.azure.com"),
    "anthropic": Provider("anthropic", "anthropic", "https://api.anthropic.com"),
    "bedrock": Provider("bedrock", "bedrock", "https://bedrock-runtime.us-east-1.amazonaws.com"),
    "gemini": Provider("gemini", "gemini", "https://generativelanguage.googleapis.com"),
    "vertex": Provider("vertex", "vertex-gemini", "https://us-east5-aiplatform.googleapis.com"),
    "claude-vertex": Provider("claude-vertex", "vertex-anthropic", "https://us-east5-aiplatform.googleapis.com"),
}
BOOK = TariffBook(
    Snapshot(
        version="v",
        listen_host="",
        listen_port=0,
        admin_host="",
        admin_port=0,
        admin_token=None,
        workers=1,
        max_request_bytes=1,
        providers=PROVIDERS,
        models={},
        names={},
        keys={},
        telemetry=Telemetry(),
    )
)
MODELS = [
    ("openai", "gpt-6.1-sol"),
    ("openai", "gpt-4o"),
    ("openai", "gpt-4.1"),
    ("openai", "gpt-3.5-turbo-instruct"),
    ("azure", "gpt-4o"),
    ("anthropic", "claude-haiku-5-5"),
    ("bedrock", "us.anthropic.claude-opus-5-5"),
    ("bedrock", "amazon.nova-lite-v1:0"),
    ("bedrock", "us.openai.gpt-6-sol"),
    ("bedrock", "amazon.nova-sonic-v1:0"),
    ("gemini", "gemini-2.5-flash"),
    ("gemini", "gemini-3.8-flash"),
    ("gemini", "gemini-4-argon"),
    ("vertex", "gemini-3.1-pro-preview"),
    ("claude-vertex", "claude-sonnet-4-5@20250929"),
]


def tariff_of(provider: str, model: str):
    found = BOOK.find(PROVIDERS[provider], None, model, None, NOW)
    assert found is not None, (provider, model)
    return found


TARIFFS = [tariff_of(*one) for one in MODELS]

text = st.text(max_size=60)
base64 = st.integers(0, 50).map(lambda times: "QUJD" * times)
url = st.one_of(st.just("https://x/y.png"), base64.map(lambda one: f"data:image/png;base64,{one}"))


def maybe(**fields):
    return st.fixed_dictionaries({}, optional=fields)


response_parts = st.one_of(
    st.builds(lambda one: {"type": "input_text", "text": one}, text),
    st.builds(lambda one: {"type": "input_image", "image_url": one}, url),
    st.builds(lambda one: {"type": "input_file", "file_data": one}, base64),
)
response_items = st.one_of(
    st.builds(lambda content: {"role": "user", "content": content}, text | st.lists(response_parts, max_size=3)),
    st.builds(lambda one: {"type": "function_call", "call_id": "c", "name": one, "arguments": one}, text),
    st.builds(
        lambda output: {"type": "function_call_output", "call_id": "c", "output": output},
        text | st.lists(response_parts, max_size=2),
    ),
    st.builds(lambda one: {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": one}, text | st.none()),
    st.just({"type": "item_reference", "id": "m"}),
)
response_tools = st.lists(
    st.one_of(
        st.builds(lambda one: {"type": "function", "name": one, "parameters": {one: one}}, text),
        st.sampled_from([{"type": kind} for kind in ("web_search", "file_search", "mcp")]),
        st.just({"type": "code_interpreter"}),
    ),
    max_size=3,
)
tiers = st.sampled_from(["auto", "default", "flex", "priority", "fast", "tomorrow"])

responses = st.builds(
    lambda given_, rest: {"model": "m", "input": given_, **rest},
    text | st.lists(response_items, max_size=4),
    maybe(
        instructions=text,
        tools=response_tools,
        max_tool_calls=st.sampled_from([0, 1, 4, 1000]),
        max_output_tokens=st.integers(16, 5_000),
        service_tier=tiers,
        previous_response_id=st.just("r"),
        prompt_cache_options=st.just({"mode": "explicit"}),
    ),
)
tokens = st.builds(
    lambda some, times: some * times,
    st.lists(st.integers(0, 199_999), min_size=1, max_size=20),
    st.sampled_from([1, 40]),
)
completions = st.builds(
    lambda prompt, rest: {"model": "m", "prompt": prompt, **rest},
    st.one_of(text, st.lists(text, max_size=3), tokens, st.lists(tokens, min_size=1, max_size=3)),
    maybe(
        suffix=text,
        max_tokens=st.integers(0, 5_000),
        n=st.integers(1, 3),
        best_of=st.integers(1, 4),
        echo=st.booleans(),
        service_tier=tiers,
    ),
)
gemini_parts = st.one_of(
    st.builds(lambda one: {"text": one}, text),
    st.builds(
        lambda kind, one: {"inlineData": {"mimeType": kind, "data": one}},
        st.sampled_from(["image/png", "audio/wav", "application/pdf"]),
        base64,
    ),
    st.builds(lambda one: {"functionCall": {"name": one, "args": {one: one}}}, text),
    st.builds(lambda one: {"functionResponse": {"name": "f", "response": {"output": one}}}, text),
)
geminis = st.builds(
    lambda contents, rest: {"contents": contents, **rest},
    st.lists(
        st.builds(lambda parts: {"role": "user", "parts": parts}, st.lists(gemini_parts, max_size=3)),
        max_size=4,
    ),
    maybe(
        system_instruction=st.builds(lambda one: {"parts": [{"text": one}]}, text),
        generationConfig=maybe(
            maxOutputTokens=st.integers(1, 5_000),
            candidateCount=st.integers(1, 4),
            responseModalities=st.sampled_from([["TEXT"], ["AUDIO"]]),
            responseSchema=st.just({"type": "OBJECT"}),
        ),
        tools=st.sampled_from([[{"functionDeclarations": [{"name": "f"}]}], [{"googleSearch": {}}]]),
        serviceTier=st.sampled_from(["standard", "flex", "priority"]),
    ),
)
searches = st.builds(
    lambda kinds: {"input": "hi", "tools": [{"type": kind} for kind in kinds], "max_tool_calls": 1000},
    st.sets(st.sampled_from(["web_search", "file_search", "mcp"]), min_size=1),
)
CASES = {"openai-responses": responses | searches, "openai-completions": completions, "gemini": geminis}


def texts(value) -> int:
    """UTF-8 bytes of every text in a request, media left out, and each number of a list of tokens."""
    match value:
        case str():
            return 0 if value.startswith("data:") else len(value.encode())
        case {"mimeType": _} | {"type": "input_file"}:
            return 0
        case dict():
            return sum(texts(one) for one in value.values())
        case list():
            return sum(texts(one) for one in value)
        case int() if not isinstance(value, bool):
            return 1
        case _:
            return 0


def found(value, wanted) -> int:
    """How many objects of a request are wanted."""
    if isinstance(value, dict):
        return int(wanted(value)) + sum(found(one, wanted) for one in value.values())
    return sum(found(one, wanted) for one in value) if isinstance(value, list) else 0


def is_image(part: dict) -> bool:
    return part.get("type") == "input_image" or str(part.get("mimeType")).startswith("image/")


def is_kept_or_dense(part: dict) -> bool:
    """What stands for tokens that are not in its bytes."""
    return (
        part.get("type") in {"input_file", "item_reference"}
        or (part.get("type") == "reasoning" and part["encrypted_content"] is None)
        or str(part.get("mimeType")).startswith(("audio/", "application/"))
    )


def upto(most: int):
    return st.one_of(st.just(most), st.integers(0, most))


def alternatives(body: dict) -> int:
    """How many answers the vendor writes."""
    prompt = body.get("prompt")
    several = isinstance(prompt, list) and not (prompt and isinstance(prompt[0], int))
    prompts = max(len(prompt), 1) if several else 1
    each = max(body.get("n", 1), body.get("best_of", 1), body.get("generationConfig", {}).get("candidateCount", 1))
    return prompts * each


def worst_usage(draw, body: dict, tariff, granted: int) -> Usage:
    """What the vendor reports at the worst, by its own reading of the request; half of the time the very worst."""
    very = draw(st.booleans())

    def some(most: int) -> int:
        return most if very else draw(upto(most))

    kinds = {tool.get("type") for tool in body.get("tools", [])}
    hosted = kinds & {"web_search", "file_search", "mcp"}
    calls = body.get("max_tool_calls", 0) if hosted else 0
    prompt = texts(body) + found(body, is_image) * tariff.image_tokens + draw(st.integers(0, 100))
    if calls or "previous_response_id" in body or found(body, is_kept_or_dense):
        prompt = max(prompt, tariff.context_window or 0) * (1 + calls)
    prompt = some(prompt)
    dense = bool(calls or found(body, is_kept_or_dense))
    writes = "prompt_cache_options" in body or tariff.writes_unasked
    written = some(prompt) if writes else 0
    read = draw(upto(prompt - written))
    output = granted * alternatives(body) * (1 + calls)
    if body.get("echo"):
        output += texts(body) * max(body.get("n", 1), body.get("best_of", 1))
    output = some(output)
    return Usage(
        input=prompt - written - read,
        cache_read=read,
        cache_write_5m=written,
        output=output,
        reasoning=draw(upto(output)),
        audio_input=some(prompt - written) if dense else 0,
        audio_cache_read=draw(upto(read)) if dense else 0,
        audio_output=some(output) if ["AUDIO"] in body.get("generationConfig", {}).values() else 0,
        web_searches=some(calls) if "web_search" in kinds else 0,
        file_searches=some(calls) if "file_search" in kinds else 0,
    )


@pytest.mark.parametrize("dialect", CASES)
@given(st.data())
def test_no_answer_costs_more_than_was_quoted(dialect, data):
    draw = data.draw
    body = draw(CASES[dialect])
    tariff = draw(st.sampled_from(TARIFFS))
    check_counts(body, dialect)
    try:
        bound = prompt_bound(body, len(orjson.dumps(body)), dialect)
        quoted = quote(bound, tariff)
    except UnboundedCost as refusal:
        assert refusal.param  # noqa: PT017 - what is refused is the other half of the claim
        return
    said = bound.output_limit
    granted = draw(upto(5_000 if said is None else said))
    usage = worst_usage(draw, body, tariff, granted)
    assert usage.prompt <= quoted.input_tokens
    assert usage.output <= granted * quoted.outputs + quoted.extra_output
    # Whoever asks for a tier may get it, or the standard; whoever asks for none of Google's gets the standard.
    asked = asked_tier(body)
    served = draw(st.sampled_from([None, "default", *(tier for tier in ("flex", "priority", "fast") if tier == asked)]))
    if asked in {None, "auto"} and not tariff.only_asked:
        served = draw(st.sampled_from([served, "priority"]))
    paid = charge(tariff, usage, service_tier=served)
    if paid is None:
        assert served in tariff.unpriced
    else:
        assert paid <= quoted.fixed_usd + quoted.usd_per_output * granted


@given(st.one_of(text, st.lists(text, max_size=3), tokens, st.lists(tokens, min_size=1, max_size=3)))
def test_no_embedding_costs_more_than_was_quoted(given_):
    body = {"model": "m", "input": given_}
    tariff = tariff_of("openai", "text-embedding-3-small")
    quoted = quote(prompt_bound(body, len(orjson.dumps(body)), "openai-chat", "embeddings"), tariff)
    usage = counted(Usage(input=texts(given_) + 4 * alternatives({"prompt": given_})), "embeddings")
    assert usage.prompt <= quoted.input_tokens
    paid = charge(tariff, usage, operation="embeddings", requests=sold(body, "embeddings"))
    assert paid is not None
    assert paid <= quoted.fixed_usd
    assert (quoted.usd_per_output * 0, quoted.outputs) == (0, 1)


@given(text, st.lists(text, max_size=5))
def test_no_ranking_reads_more_than_was_bounded(query, documents):
    body = {"model": "m", "query": query, "documents": documents}
    bound = prompt_bound(body, len(orjson.dumps(body)), "openai-chat", "rerank")
    read = sum(len(query.encode()) + len(one.encode()) + 4 for one in documents)
    assert read <= bound.input_tokens


json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
WORDS = st.sampled_from(
    [
        *("messages", "input", "prompt", "contents", "parts", "content", "type", "role", "text", "tools", "output"),
        *("generationConfig", "maxOutputTokens", "max_output_tokens", "max_tokens", "n", "best_of", "candidateCount"),
        *(
            "service_tier",
            "serviceTier",
            "speed",
            "inference_geo",
            "reasoning",
            "mode",
            "prediction",
            "context_management",
        ),
        *(
            "inlineData",
            "mimeType",
            "data",
            "functionResponse",
            "mediaResolution",
            "prompt_cache_options",
            "ttl",
            "edits",
        ),
        *(
            "image_url",
            "input_image",
            "function",
            "namespace",
            "web_search",
            "max_tool_calls",
            "suffix",
            "echo",
            "audio",
        ),
        *("documents", "query", "modalities", "responseModalities", "system", "cache_control", "source", "text"),
    ]
)
worded = st.recursive(
    json | WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=15
)


@given(
    st.dictionaries(WORDS, worded, max_size=6),
    st.sampled_from(["openai-chat", "anthropic-messages", *CASES]),
    st.sampled_from(["chat", "chat", "embeddings", "rerank", "moderations", "images", "batches", "files"]),
)
def test_any_json_has_a_bound_or_is_refused(body, dialect, operation):
    try:
        check_counts(body, dialect, operation)
        bound = prompt_bound(
            body, len(orjson.dumps(body, default=str)) if _writable(body) else 10_000, dialect, operation
        )
    except (InvalidRequest, UnboundedCost):
        return
    assert bound.input_tokens >= 0
    assert bound.output_limit is None or bound.output_limit >= 0
    assert bound.n >= 1


def _writable(body: dict) -> bool:
    try:
        orjson.dumps(body)
    except (orjson.JSONEncodeError, RecursionError):
        return False
    return True
