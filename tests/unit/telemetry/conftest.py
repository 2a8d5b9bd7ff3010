"""Records that a test states only the interesting fields of."""

import io
from collections.abc import Callable

import pytest

from extproc.domain.usage import Usage
from extproc.telemetry.events import EventLog
from extproc.telemetry.records import AttemptRecord, AttemptSummary, RequestRecord

START_NS = 1_769_860_800_123_456_789  # 2026-01-31T12:00:00.123Z

COMMON = {
    "request_id": "req-1",
    "time_ns": START_NS,
    "duration_ms": 1500.12345,
    "outcome": "ok",
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "key": "ci",
    "team": "search",
    "client_dialect": "openai-chat",
    "model_asked": "fast",
    "model": "fast-classify",
    "provider": "claude-eu",
    "provider_dialect": "anthropic",
    "provider_model": "claude-haiku-4-5",
    "model_served": "claude-haiku-4-5-20251001",
    "stream": True,
    "status": 200,
    "usage": Usage(input=10, cache_read=100, cache_write_5m=5, cache_write_1h=1, output=21, reasoning=7),
    "first_token_ms": 500.0,
    "finish_reason": "stop",
    "config_version": "c0ffee",
    "committed": True,
}


@pytest.fixture
def attempt() -> Callable[..., AttemptRecord]:
    def make(**fields):
        return AttemptRecord(
            **{**COMMON, "attempt": 2, "server_address": "api.example.com", "server_port": 443, **fields}
        )

    return make


@pytest.fixture
def request_record() -> Callable[..., RequestRecord]:
    tried = (
        AttemptSummary(provider="gpt", model="gpt-4o", reason="provider:provider_rate_limited", duration_ms=40.5),
        AttemptSummary(provider="claude-eu", model="claude-haiku-4-5", reason="ok", duration_ms=1400.0),
    )

    def make(**fields):
        return RequestRecord(**{**COMMON, "attempts": tried, **fields})

    return make


class Terminal(io.StringIO):
    """A text stream that a person reads."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stderr() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def events(stderr) -> EventLog:
    return EventLog(stderr, clock=lambda: START_NS)
