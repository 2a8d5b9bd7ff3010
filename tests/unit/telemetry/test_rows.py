"""A row is one JSON line, holds the keys of the documented table and no others."""

from dataclasses import fields

import orjson
import pytest

from extproc.domain.errors import ProviderFailed
from extproc.domain.usage import Usage
from extproc.telemetry import rows
from extproc.telemetry.rows import line, render

RARE = {
    *("audio_input_tokens", "audio_output_tokens", "audio_cache_read_tokens"),
    *("image_input_tokens", "image_output_tokens"),
    *("accepted_prediction", "rejected_prediction"),
    *("web_searches", "file_searches", "search_units", "audio_seconds"),
}
OF_EVERYTHING = Usage(**{field.name: number for number, field in enumerate(fields(Usage), 1)})


def documented() -> dict[str, str]:
    """Key → which rows, from the table in the module's docstring."""
    body = rows.__doc__.split("=\n")[2]
    return {words[0]: words[1] for words in map(str.split, body.splitlines()) if len(words) > 2}


def test_every_key_of_an_attempt_is_in_the_table(attempt):
    table = {key for key, which in documented().items() if which in {"both", "attempt"}}
    assert set(render(attempt(tags={"environment": "qa"}, ladder="team=a@0.6", usage=OF_EVERYTHING))) == table


def test_every_key_of_a_request_is_in_the_table(request_record):
    table = {key for key, which in documented().items() if which in {"both", "request"}}
    assert set(render(request_record(tags={"environment": "qa"}, ladder="team=a@0.6", usage=OF_EVERYTHING))) == table


def test_only_rare_counts_tags_and_ladders_are_ever_left_out(request_record):
    table = {key for key, which in documented().items() if which in {"both", "request"}}
    assert table - set(render(request_record())) == {*RARE, "tags", "ladder"}


def test_every_rare_count_has_a_key_of_its_own(attempt):
    row = render(attempt(usage=OF_EVERYTHING))
    counted = {getattr(OF_EVERYTHING, field.name) for field in fields(Usage)}
    within = {OF_EVERYTHING.input, OF_EVERYTHING.cache_read, OF_EVERYTHING.cache_write_5m, OF_EVERYTHING.cache_write_1h}
    assert {row[name] for name in RARE} == counted - within - {OF_EVERYTHING.output, OF_EVERYTHING.reasoning}


def test_a_requests_row(request_record):
    assert orjson.loads(line(request_record(tags={"environment": "qa"}))) == {
        "type": "request",
        "time": "2026-01-31T12:00:00.123Z",
        "request_id": "req-1",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "key": "ci",
        "team": "search",
        "tags": {"environment": "qa"},
        "client_dialect": "openai-chat",
        "operation": "chat",
        "model_asked": "fast",
        "model": "fast-classify",
        "provider": "claude-eu",
        "provider_dialect": "anthropic",
        "provider_model": "claude-haiku-4-5",
        "model_served": "claude-haiku-4-5-20251001",
        "attempts": [
            {"provider": "gpt", "model": "gpt-4o", "reason": "provider:provider_rate_limited", "duration_ms": 40.5},
            {"provider": "claude-eu", "model": "claude-haiku-4-5", "reason": "ok", "duration_ms": 1400.0},
        ],
        "attempt_count": 2,
        "stream": True,
        "status": 200,
        "outcome": "ok",
        "committed": True,
        "finish_reason": "stop",
        "first_token_ms": 500.0,
        "duration_ms": 1500.123,
        "input_tokens": 116,
        "cache_read_tokens": 100,
        "cache_write_5m_tokens": 5,
        "cache_write_1h_tokens": 1,
        "output_tokens": 21,
        "reasoning_tokens": 7,
        "cost_usd": None,
        "usage_estimated": False,
        "config_version": "c0ffee",
    }


def test_an_attempts_row_says_which_try_and_where(attempt):
    row = render(attempt(status=None, outcome="provider:provider_unreachable"))
    assert (row["type"], row["attempt"], row["server_address"], row["server_port"]) == (
        "attempt",
        2,
        "api.example.com",
        443,
    )
    assert row["status"] is None


def test_an_error_leaves_its_code_and_nothing_of_its_message(attempt):
    error = ProviderFailed("upstream said: the prompt was CANARY-7f3a, key sk-CANARY")
    written = line(attempt(outcome=error.outcome, status=error.status))
    assert b"CANARY" not in written
    assert b'"outcome":"provider:provider_error"' in written


def test_text_from_outside_is_cut(request_record):
    long = "x" * 100_000
    written = line(request_record(request_id=long, model_asked=long, model_served=long, tags={"t": long}))
    assert len(written) < 3_000


def test_a_line_break_in_text_cannot_start_a_row(request_record):
    written = line(request_record(model_asked='m"}\n{"type":"request","outcome":"ok'))
    assert written.count(b"\n") == 1
    assert orjson.loads(written)["model_asked"] == 'm"}\n{"type":"request","outcome":"ok'


def test_a_lone_surrogate_is_replaced_not_fatal(request_record):
    row = orjson.loads(line(request_record(model_asked="a\ud800b", tags={"t": "\udfff"})))
    assert (row["model_asked"], row["tags"]) == ("a?b", {"t": "?"})


def test_a_count_beyond_64_bits_gives_no_line(attempt):
    assert line(attempt(usage=Usage(output=2**70))) is None


@pytest.mark.parametrize("rounded", ["first_token_ms", "duration_ms"])
def test_milliseconds_have_three_decimals(attempt, rounded):
    assert render(attempt(**{rounded: 12.34567}))[rounded] == 12.346
