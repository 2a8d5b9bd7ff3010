"""The most that a request can cost, and how much of an answer is held."""

from dataclasses import replace

import orjson
import pytest

from extproc.accounting.bound import Bound, Quote
from extproc.accounting.bounds import prompt_bound, quote
from extproc.accounting.images import WORST_IMAGE
from extproc.accounting.rates import Rates
from extproc.accounting.tariffs import STANDARD, Tariff
from extproc.domain.errors import UnboundedCost

OPENAI, ANTHROPIC = "openai-chat", "anthropic-messages"
RESPONSES, COMPLETIONS, GEMINI = "openai-responses", "openai-completions", "gemini"


def of(dialect: str, **body) -> Bound:
    return prompt_bound(body, len(orjson.dumps(body)), dialect)


def bound(dialect: str = OPENAI, **fields) -> Bound:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    return prompt_bound(body, len(orjson.dumps(body)), dialect)


def test_every_byte_of_the_body_may_be_a_token():
    assert bound().input_tokens == len(b'{"model":"m","messages":[{"role":"user","content":"hi"}]}') + 256 + 8


def test_the_text_alone_is_told_about():
    """For estimates, which learn by it; the bound is on all bytes."""
    assert bound().text_bytes == 0
    assert bound(messages=[{"role": "user", "content": "x" * 10_000}] * 3).text_bytes in range(29_900, 30_100)


def test_media_count_by_their_own_rules_and_not_by_their_bytes():
    url = "data:image/png;base64," + "A" * 100_000
    found = bound(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}])
    assert found.images == 1
    assert found.input_tokens - WORST_IMAGE < 256 + 8 + 200
    assert found.text_bytes < 100


@pytest.mark.parametrize(
    "fields", [{"tools": [{"name": "f"}]}, {"response_format": {"type": "json_object"}}, {"output_config": {"x": 1}}]
)
def test_what_vendors_say_about_formats_is_allowed_for(fields):
    assert bound(**fields).input_tokens >= bound().input_tokens + 1024


@pytest.mark.parametrize(
    ("dialect", "fields", "limit"),
    [
        (OPENAI, {}, None),
        (OPENAI, {"max_tokens": 5}, 5),
        (OPENAI, {"max_completion_tokens": 6}, 6),
        (OPENAI, {"max_completion_tokens": 6, "max_tokens": 7}, 7),
        (OPENAI, {"max_completion_tokens": None, "max_tokens": 7}, 7),
        (OPENAI, {"max_tokens": 100.0}, 100),
        (OPENAI, {"max_tokens": "5"}, None),
        (OPENAI, {"max_tokens": 5.5}, None),
        (OPENAI, {"max_tokens": True}, None),
        (OPENAI, {"max_tokens": -1}, None),
        (ANTHROPIC, {"max_tokens": 0}, 0),
        (ANTHROPIC, {"max_tokens": 5, "max_completion_tokens": 9}, 5),
        (RESPONSES, {"max_output_tokens": 20, "max_tokens": 9}, 20),
        (RESPONSES, {}, None),
        (COMPLETIONS, {"max_tokens": 9}, 9),
        (COMPLETIONS, {"max_tokens": 0}, 0),
        (COMPLETIONS, {}, 16),
        (GEMINI, {"generationConfig": {"maxOutputTokens": 7}}, 7),
        (GEMINI, {"generation_config": {"max_output_tokens": 7}}, 7),
        (GEMINI, {"generationConfig": {"maxOutputTokens": 7}, "generation_config": {"maxOutputTokens": 8}}, 8),
        (GEMINI, {"maxOutputTokens": 7}, None),
    ],
)
def test_the_output_limit_is_the_dialects_own(dialect, fields, limit):
    assert bound(dialect, **fields).output_limit == limit


@pytest.mark.parametrize(
    ("fields", "n"), [({}, 1), ({"n": 3}, 3), ({"n": 0}, 1), ({"n": "3"}, 1), ({"n": 2, "best_of": 5}, 5)]
)
def test_each_answer_counts(fields, n):
    assert bound(**fields).n == n


@pytest.mark.parametrize(
    ("prediction", "extra"),
    [
        (None, 0),
        ({"type": "content", "content": "abc"}, 3),
        ({"type": "content", "content": "äé"}, 4),
        ({"type": "content", "content": [{"type": "text", "text": "abc"}, "de", 7, {"text": None}]}, 5),
        ({"type": "content"}, 0),
        ("abc", 0),
    ],
)
def test_a_prediction_may_be_billed_as_output(prediction, extra):
    assert bound(prediction=prediction).extra_output == extra
    assert bound(prediction=prediction, n=2).extra_output == 2 * extra


@pytest.mark.parametrize(
    ("fields", "tiers"),
    [
        ({}, {"priority"}),
        ({"service_tier": "auto"}, {"priority"}),
        ({"service_tier": "default"}, set()),
        ({"service_tier": "standard_only"}, set()),
        ({"service_tier": "flex"}, {"flex"}),
        ({"service_tier": "fast"}, {"fast", "priority"}),
        ({"service_tier": "tomorrow"}, None),
        ({"service_tier": ["?"]}, None),
        ({"service_tier": "default", "speed": "fast"}, {"fast"}),
        ({"service_tier": "default", "speed": "standard"}, set()),
        ({"service_tier": "default", "speed": "tomorrow"}, None),
    ],
)
def test_tiers_in_reach(fields, tiers):
    assert bound(**fields).tiers == tiers


@pytest.mark.parametrize(("geo", "regional"), [(None, False), ("global", False), ("us", True)])
def test_a_chosen_region(geo, regional):
    assert bound(inference_geo=geo).regional is regional


@pytest.mark.parametrize(
    ("fields", "spoken"),
    [({}, False), ({"modalities": ["text"]}, False), ({"modalities": ["text", "audio"]}, True), ({"audio": {}}, True)],
)
def test_audio_is_asked_for(fields, spoken):
    assert bound(**fields).spoken is spoken


@pytest.mark.parametrize(
    ("settings", "spoken"),
    [
        ({}, False),
        ({"responseModalities": ["TEXT"]}, False),
        ({"responseModalities": ["TEXT", "AUDIO"]}, True),
        ({"response_modalities": ["audio"]}, True),
        ({"responseModalities": [7]}, False),
        ({"speechConfig": {}}, True),
        ({"speech_config": {}}, True),
    ],
)
def test_audio_is_asked_of_gemini(settings, spoken):
    assert of(GEMINI, contents=[], generationConfig=settings).spoken is spoken


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        (RESPONSES, {"tools": [{"type": "function"}]}),
        (RESPONSES, {"text": {"format": {"type": "json_schema"}}}),
        (GEMINI, {"generationConfig": {"responseSchema": {"type": "OBJECT"}}}),
        (GEMINI, {"generation_config": {"response_mime_type": "application/json"}}),
    ],
)
def test_formats_of_other_dialects_are_allowed_for(dialect, fields):
    assert of(dialect, **fields).input_tokens >= of(dialect).input_tokens + 1024


def test_plain_text_is_no_format():
    text = {"format": {"type": "text"}, "verbosity": "low"}
    assert of(RESPONSES, text=text).input_tokens - of(RESPONSES, text={}).input_tokens < 100


@pytest.mark.parametrize(
    ("fields", "n", "extra"),
    [
        ({"prompt": "abc"}, 1, 0),
        ({"prompt": "abc", "n": 2, "best_of": 3}, 3, 0),
        ({"prompt": ["abc", "def"], "n": 2}, 4, 0),
        ({"prompt": [[1, 2], [3]], "best_of": 2}, 4, 0),
        ({"prompt": [1, 2, 3]}, 1, 0),
        ({"prompt": "abc", "echo": False}, 1, 0),
    ],
)
def test_each_prompt_is_answered_n_times(fields, n, extra):
    found = of(COMPLETIONS, **fields)
    assert (found.n, found.extra_output) == (n, extra)


def test_a_prompt_that_is_said_again_may_be_billed_as_output():
    body = {"prompt": "x" * 1000, "echo": True, "n": 3}
    assert of(COMPLETIONS, **body).extra_output >= 3 * 1000


def test_candidates_of_gemini_are_answers():
    assert of(GEMINI, generationConfig={"candidateCount": 3}).n == 3


def test_tools_of_responses_are_rounds():
    found = of(RESPONSES, tools=[{"type": "web_search"}, {"type": "file_search"}], max_tool_calls=2)
    assert (found.rounds, found.searches, found.file_searches, found.whole_window) == (4, 2, 2, "tools[0]")


@pytest.mark.parametrize(
    ("dialect", "fields", "param"),
    [
        (RESPONSES, {"prompt": {"id": "p"}}, "prompt"),
        (RESPONSES, {"background": True}, "background"),
        (RESPONSES, {"multi_agent": {"enabled": True}}, "multi_agent"),
        (RESPONSES, {"reasoning": {"mode": "pro"}}, "reasoning.mode"),
        (RESPONSES, {"reasoning": {"mode": ["?"]}}, "reasoning.mode"),
        (RESPONSES, {"context_management": [{"type": "compaction"}]}, "context_management"),
        (ANTHROPIC, {"compaction": {"type": "summarize"}}, "compaction"),
        (GEMINI, {"cachedContent": "c"}, "cachedContent"),
        (GEMINI, {"cached_content": "c"}, "cached_content"),
        (GEMINI, {"modelArmorConfig": {}}, "modelArmorConfig"),
        (GEMINI, {"generationConfig": {"routingConfig": {}}}, "generationConfig.routingConfig"),
        (GEMINI, {"generation_config": {"model_selection_config": {}}}, "generation_config.model_selection_config"),
    ],
)
def test_what_may_cost_anything_is_refused_by_name(dialect, fields, param):
    with pytest.raises(UnboundedCost) as refused:
        of(dialect, **fields)
    assert refused.value.param == param
    assert param in refused.value.message


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        (RESPONSES, {"background": False, "reasoning": {"effort": "high"}, "context_management": []}),
        (RESPONSES, {"reasoning": {"mode": "standard"}, "context_management": [{"type": "clear_x"}]}),
        (OPENAI, {"prompt": "?", "background": True, "cachedContent": "?", "reasoning": {"mode": "?"}}),
        (GEMINI, {"generationConfig": {"routingConfig": None}, "generation_config": "?"}),
    ],
)
def test_what_is_no_word_of_a_dialect_is_not_heeded(dialect, fields):
    """The bound is that of any body of this length."""
    unheeded = {"x": "y" * (len(orjson.dumps(fields)) - len(b'{"x":""}'))}
    assert of(dialect, **fields) == of(dialect, **unheeded)


@pytest.mark.parametrize(
    ("fields", "tiers", "asked"),
    [
        ({}, {"priority"}, False),
        ({"serviceTier": "standard"}, set(), True),
        ({"serviceTier": "unspecified"}, set(), True),
        ({"serviceTier": "PRIORITY"}, {"priority"}, True),
        ({"service_tier": "flex"}, {"flex"}, True),
        ({"service_tier": "auto"}, {"priority"}, False),
        ({"service_tier": "ultrafast"}, {"priority", "ultrafast"}, True),
    ],
)
def test_a_tier_is_asked_for_or_chosen_by_the_vendor(fields, tiers, asked):
    found = of(GEMINI, **fields)
    assert (found.tiers, found.tier_asked) == (tiers, asked)


def test_server_tools_are_rounds():
    found = bound(ANTHROPIC, tools=[{"type": "web_search_20250305", "max_uses": 4}])
    assert (found.rounds, found.searches, found.whole_window) == (5, 4, "tools[0]")


M = 1_000_000
RATES = Rates(
    input=2 * M,
    cache_read=M,
    cache_write_5m=3 * M,
    cache_write_1h=4 * M,
    audio_input=20 * M,
    audio_cache_read=5 * M,
    output=8 * M,
    reasoning=9 * M,
    audio_output=80 * M,
    request=7 * M,
    web_search=1000 * M,
    file_search=500 * M,
)
DEAR = Rates(input=10 * M, output=40 * M)
STEPS = ((-1, RATES), (500, DEAR))
URGENT = ((-1, Rates(input=6 * M, output=24 * M)),)
TARIFF = Tariff(
    "test",
    {STANDARD: ((-1, Rates()),)},
    {STANDARD: STEPS, "priority": URGENT},
    context_window=300,
    image_tokens=100,
    writes_unasked=False,
    regional_percent=10,
)
PLAIN = Bound(100, None, 1, 0, 0, cached=False)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Quote(100 * 2 + 7, 9, 100)),
        ({"input_tokens": 0}, Quote(7, 9, 0)),
        ({"input_tokens": 500}, Quote(500 * 2 + 7, 9, 500)),
        ({"input_tokens": 501}, Quote(501 * 10 + 7, 40, 501)),
        ({"n": 3}, Quote(100 * 2 + 7, 27, 100, 3)),
        ({"extra_output": 10}, Quote(100 * 2 + 10 * 9 + 7, 9, 100, 1, 10)),
        ({"searches": 2}, Quote(100 * 2 + 7 + 2000, 9, 100)),
        ({"cached": True}, Quote(100 * 3 + 7, 9, 100)),
        ({"cached": True, "cached_1h": True}, Quote(100 * 4 + 7, 9, 100)),
        ({"images": 1, "input_tokens": 100 + WORST_IMAGE}, Quote(200 * 2 + 7, 9, 200)),
        ({"whole_window": "x"}, Quote(300 * 20 + 7, 9, 300)),
        ({"whole_window": "x", "input_tokens": 400}, Quote(400 * 20 + 7, 9, 400)),
        ({"whole_window": "x", "rounds": 3}, Quote(900 * 20 + 7, 120, 900, 3)),
        ({"spoken": True}, Quote(100 * 2 + 7, 80, 100)),
        ({"tiers": frozenset({"priority", "fast"})}, Quote(100 * 6 + 7, 24, 100)),
        ({"tiers": None}, Quote(100 * 6 + 7, 24, 100)),
        ({"regional": True}, Quote(220 + 7, 10, 100)),
        ({"file_searches": 3}, Quote(100 * 2 + 7 + 3 * 500, 9, 100)),
        ({"requests": 0}, Quote(100 * 2, 9, 100)),
        ({"requests": 3}, Quote(100 * 2 + 21, 9, 100)),
        ({"tiers": frozenset({"priority"}), "tier_asked": False}, Quote(100 * 6 + 7, 24, 100)),
    ],
)
def test_a_quote_takes_the_dearest_rate_in_reach(changes, expected):
    assert quote(replace(PLAIN, **changes), TARIFF) == expected


def test_tiers_that_serve_only_who_asks_are_not_in_reach_of_others():
    tariff = replace(TARIFF, only_asked=True)
    asked = replace(PLAIN, tiers=frozenset({"priority"}))
    assert quote(replace(asked, tier_asked=False), tariff) == quote(PLAIN, tariff)
    assert quote(asked, tariff).usd_per_output == 24
    assert quote(replace(PLAIN, tiers=None), tariff).usd_per_output == 24


def test_a_tier_without_a_price_is_refused_to_who_asks_for_it():
    tariff = replace(TARIFF, unpriced=frozenset({"ultrafast"}))
    asked = replace(PLAIN, tiers=frozenset({"priority", "ultrafast"}))
    with pytest.raises(UnboundedCost) as refused:
        quote(asked, tariff)
    assert refused.value.param == "service_tier"
    assert "ultrafast" in refused.value.message
    assert quote(replace(asked, tier_asked=False), tariff) == quote(asked, TARIFF)
    assert quote(asked, None) == quote(PLAIN, None)


def test_who_caches_unasked_may_write_all_of_it():
    assert quote(PLAIN, replace(TARIFF, writes_unasked=True)).fixed_usd == 100 * 3 + 7


def test_a_quote_rounds_up_to_nano_dollars():
    tariff = replace(TARIFF, dearest={STANDARD: ((-1, Rates(input=1, output=1)),)})
    assert quote(PLAIN, tariff) == Quote(1, 1, 100)


def test_without_a_price_tokens_are_bounded_all_the_same():
    assert quote(replace(PLAIN, n=2, extra_output=4), None) == Quote(0, 0, 100, 2, 4)
    assert quote(replace(PLAIN, images=1, input_tokens=9 + WORST_IMAGE), None).input_tokens == 9 + WORST_IMAGE


def test_what_a_vendor_keeps_is_bounded_by_the_window_and_nothing_to_all_others():
    assert quote(replace(PLAIN, kept="x"), TARIFF) == quote(replace(PLAIN, whole_window="x"), TARIFF)
    assert quote(replace(PLAIN, kept="x"), TARIFF, keeps=False) == quote(PLAIN, TARIFF)
    assert quote(replace(PLAIN, kept="x"), None, keeps=False) == quote(PLAIN, None)
    with pytest.raises(UnboundedCost, match=r"^y can be"):
        quote(replace(PLAIN, kept="x", whole_window="y"), None, keeps=False)


@pytest.mark.parametrize("tariff", [None, replace(TARIFF, context_window=None)])
def test_what_only_an_unknown_window_bounds_is_refused_by_name(tariff):
    with pytest.raises(UnboundedCost) as refused:
        quote(replace(PLAIN, whole_window="messages[0].content[1]"), tariff)
    assert refused.value.param == "messages[0].content[1]"
    assert "messages[0].content[1]" in refused.value.message
    assert "context_window" in refused.value.message
