"""What each dialect calls the numbers that a bound rests on."""

import pytest

from extproc.accounting.spelling import SPELLINGS, check_case, check_counts, count, deciding
from extproc.domain.errors import InvalidRequest

CHAT, RESPONSES, COMPLETIONS, MESSAGES, GEMINI = (
    "openai-chat",
    "openai-responses",
    "openai-completions",
    "anthropic-messages",
    "gemini",
)


@pytest.mark.parametrize(
    ("dialect", "body", "param"),
    [
        (CHAT, {"max_tokens": 0}, "max_tokens"),
        (CHAT, {"n": "8"}, "n"),
        (CHAT, {"n": True}, "n"),
        (CHAT, {"best_of": 1.5}, "best_of"),
        (CHAT, {"max_completion_tokens": 1e300}, "max_completion_tokens"),
        (MESSAGES, {"max_tokens": -1}, "max_tokens"),
        (RESPONSES, {"max_output_tokens": "100"}, "max_output_tokens"),
        (RESPONSES, {"max_output_tokens": 0}, "max_output_tokens"),
        (RESPONSES, {"max_tool_calls": -1}, "max_tool_calls"),
        (RESPONSES, {"max_tool_calls": "1"}, "max_tool_calls"),
        (COMPLETIONS, {"max_tokens": -1}, "max_tokens"),
        (COMPLETIONS, {"n": 0}, "n"),
        (GEMINI, {"generationConfig": {"maxOutputTokens": "100"}}, "generationConfig.maxOutputTokens"),
        (GEMINI, {"generationConfig": {"max_output_tokens": 0}}, "generationConfig.max_output_tokens"),
        (GEMINI, {"generation_config": {"candidateCount": 0}}, "generation_config.candidateCount"),
    ],
)
def test_what_is_no_count_is_refused_by_name(dialect, body, param):
    with pytest.raises(InvalidRequest) as refused:
        check_counts(body, dialect)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (CHAT, {"max_tokens": 5, "n": 1.0, "best_of": None}),
        (MESSAGES, {"max_tokens": 0}),
        (RESPONSES, {"max_output_tokens": 16, "max_tool_calls": 0, "n": "?"}),
        (COMPLETIONS, {"max_tokens": 0, "best_of": 2}),
        (GEMINI, {"generationConfig": {"maxOutputTokens": 5}, "max_tokens": "?"}),
        (GEMINI, {"generationConfig": "?"}),
    ],
)
def test_counts_pass(dialect, body):
    check_counts(body, dialect)


@pytest.mark.parametrize(
    ("operation", "body", "fine"),
    [
        ("images", {"n": 4}, True),
        ("images", {"n": "4"}, False),
        ("images-edits", {"n": 0}, False),
        ("embeddings", {"n": "4"}, True),
        ("files", {"n": "4"}, True),
    ],
)
def test_of_other_operations_only_pictures_are_counted(operation, body, fine):
    if fine:
        check_counts(body, CHAT, operation)
    else:
        with pytest.raises(InvalidRequest):
            check_counts(body, CHAT, operation)


def test_every_limit_and_count_at_the_top_decides():
    for dialect, spelling in SPELLINGS.items():
        names = deciding(dialect)
        assert len(set(names)) == len(names)
        assert set(spelling.within or (*spelling.limits, *spelling.answers)) <= set(names)
        assert "tools" in names or dialect == COMPLETIONS
    assert deciding(CHAT, "images") == ("n",)
    assert {"service_tier", "input", "title"} <= set(deciding(CHAT, "embeddings"))
    assert {"query", "documents"} <= set(deciding(CHAT, "rerank"))
    assert {"messages", "models", "n_predict"} <= set(deciding(CHAT)) & set(deciding(MESSAGES))
    assert {"input", "background", "provider"} <= set(deciding(RESPONSES))
    assert {"contents", "cachedContent"} <= set(deciding(GEMINI))
    assert deciding(CHAT, "speech") == ()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Model", "model"),
        ("mode\u006c".upper(), "model"),
        ("Max_Tokens", "max_tokens"),
        ("max_Completion_tokens", "max_completion_tokens"),
        ("MAX_OUTPUT_TOKENS", "max_output_tokens"),
        ("N", "n"),
        ("Best_Of", "best_of"),
        ("Stream", "stream"),
        ("Input", "input"),
        ("me\u017f\u017fages", "messages"),
        ("prompT", "prompt"),
        ("tool\u017f", "tools"),
        ("Documents", "documents"),
        ("Background", "background"),
        ("generationconfig", "generationConfig"),
        ("SERVICE_TIER", "service_tier"),
        ("ServiceTier", "serviceTier"),
    ],
)
def test_what_go_reads_as_another_field_is_refused_by_name(name, meant):
    with pytest.raises(InvalidRequest, match=f"Write {meant}") as refused:
        check_case({"model": "m", name: 1})
    assert refused.value.param == name


def test_every_field_as_its_api_spells_it_passes():
    for dialect in SPELLINGS:
        check_case(dict.fromkeys(("model", "stream", *deciding(dialect)), 1))
    check_case(dict.fromkeys(("Temperature", "toolConfig", "safetySettings", "X", "", "ß", "modelx"), 1))


@pytest.mark.parametrize(
    ("value", "found"),
    [(5, 5), (5.0, 5), (0, 0), (-1, None), (5.5, None), ("5", None), (True, None), (None, None), ([], None)],
)
def test_counts(value, found):
    assert count(value) == found
