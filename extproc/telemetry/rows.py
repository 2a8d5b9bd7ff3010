"""A record as one JSON line of flat keys.

======================= ======= ==================================================================================
key                     rows    meaning
======================= ======= ==================================================================================
type                    both    ``request`` or ``attempt``
time                    both    when it began, RFC 3339, UTC
request_id              both    joins a request's row with those of its attempts, and with Envoy's access log
trace_id                both    32 hex digits, or null
key                     both    the virtual key's name; null where nobody was recognised
team                    both    the key's team, or null
org, user               both    the key's organisation and user; absent where there are none
tags                    both    the key's tags, an object; absent where there are none
client_dialect          both    ``openai-chat``, ``anthropic-messages``, ...
operation               both    ``chat``, ``embeddings``, ...; ``models``: the catalogue; ``none``: an unknown path
model_asked             both    the model's name as the client wrote it
model                   both    the catalogue's name; null where the catalogue has none
ladder                  both    steps of budgets' ladders that changed it: ``team=search@0.6``; absent where there are none
provider                both    the provider's name in the configuration; null where none answered the client
provider_dialect        both    ``openai``, ``anthropic``, ...
provider_model          both    the model's name as it was sent to the provider
model_served            both    the model's name in the provider's answer
attempt                 attempt which try it was, from 1
server_address          attempt the provider's host
server_port             attempt the provider's port
attempts                request the tries in order: ``provider``, ``model``, ``reason`` (an outcome), ``duration_ms``
attempt_count           request how many there are in ``attempts``
stream                  both    whether the client asked for a stream
status                  both    request: the HTTP status the client got; attempt: the provider's, or null
outcome                 both    ``ok``, or ``<fault>:<code>`` of ``extproc.domain.errors``
committed               both    whether the client has got the head of an answer
finish_reason           both    ``stop``, ``length``, ``tool_calls``, ...; null without a finish
first_token_ms          both    from ``time`` to the first content; null where there was none
duration_ms             both    from ``time`` to the end
input_tokens            both    all prompt tokens, cached ones included
cache_read_tokens       both    the part of ``input_tokens`` read from a prompt cache
cache_write_5m_tokens   both    the part written to a cache that lives five minutes, or the vendor's default
cache_write_1h_tokens   both    the part written to a cache that lives an hour
output_tokens           both    all tokens produced
reasoning_tokens        both    the part of ``output_tokens`` spent on reasoning
audio_input_tokens      both    the part of ``input_tokens`` that is audio; this and what follows only where it is not 0
audio_output_tokens     both    the part of ``output_tokens`` that is audio
audio_cache_read_tokens both    the part of ``cache_read_tokens`` that is audio
image_input_tokens      both    the part of ``input_tokens`` that is images
image_output_tokens     both    the part of ``output_tokens`` that is images
accepted_prediction     both    tokens of the predicted output that were used
rejected_prediction     both    tokens of the predicted output that were not
web_searches            both    server-side searches, which carry a fee each
file_searches           both    searches of stored files, likewise
search_units            both    what reranking is billed by: a query with up to 100 documents is one
audio_seconds           both    seconds of audio in, where they are billed rather than tokens; the last of the rare ones
cost_usd                both    what that cost in US dollars; null where the price is not known, or nothing was bought
usage_estimated         both    whether some count was reckoned by the gateway
config_version          both    the configuration that was in force
======================= ======= ==================================================================================

The counts and provider fields of a request's row are those of the attempt that committed; what failed attempts used
stands in their own rows.
"""

from collections.abc import Mapping

import orjson

from extproc.domain.money import NANOS
from extproc.domain.reading import Json
from extproc.domain.usage import Usage
from extproc.telemetry.records import AttemptRecord, AttemptSummary, Record
from extproc.telemetry.timestamps import rfc3339

_TEXT_LIMIT = 200
"""Longest text from outside, in characters: a model's name or a request id can be anything a client sends."""


def line(record: Record) -> bytes | None:
    """The row with its line end, or None where it cannot be written as JSON (a count of more than 64 bits)."""
    row = render(record)
    try:
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        # Text from outside may hold a lone surrogate, which UTF-8 has no bytes for.
        clean = _without_surrogates(row)
    try:
        return orjson.dumps(clean, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        return None


def render(record: Record) -> dict[str, Json]:
    """A record as the keys and values of the table above, in its order."""
    row: dict[str, Json] = {
        "type": "attempt" if isinstance(record, AttemptRecord) else "request",
        "time": rfc3339(record.time_ns),
        "request_id": record.request_id[:_TEXT_LIMIT],
        "trace_id": record.trace_id,
        "key": record.key,
        "team": record.team,
    }
    if record.org is not None:
        row["org"] = record.org
    if record.user is not None:
        row["user"] = record.user
    if record.tags:
        row["tags"] = {name: value[:_TEXT_LIMIT] for name, value in record.tags.items()}
    row["client_dialect"] = record.client_dialect
    row["operation"] = record.operation
    row["model_asked"] = _short(record.model_asked)
    row["model"] = record.model
    if record.ladder is not None:
        row["ladder"] = record.ladder
    row["provider"] = record.provider
    row["provider_dialect"] = record.provider_dialect
    row["provider_model"] = record.provider_model
    row["model_served"] = _short(record.model_served)
    if isinstance(record, AttemptRecord):
        row["attempt"] = record.attempt
        row["server_address"] = record.server_address
        row["server_port"] = record.server_port
    else:
        row["attempts"] = [_tried(summary) for summary in record.attempts]
        row["attempt_count"] = len(record.attempts)
    _put_ending(row, record)
    _put_usage(row, record.usage)
    row["cost_usd"] = None if record.cost is None else record.cost / NANOS
    row["usage_estimated"] = record.usage_estimated
    row["config_version"] = record.config_version
    return row


def _put_ending(row: dict[str, Json], record: Record) -> None:
    row["stream"] = record.stream
    row["status"] = record.status
    row["outcome"] = record.outcome
    row["committed"] = record.committed
    row["finish_reason"] = record.finish_reason
    row["first_token_ms"] = None if record.first_token_ms is None else _ms(record.first_token_ms)
    row["duration_ms"] = _ms(record.duration_ms)


def _put_usage(row: dict[str, Json], usage: Usage) -> None:
    row["input_tokens"] = usage.prompt
    row["cache_read_tokens"] = usage.cache_read
    row["cache_write_5m_tokens"] = usage.cache_write_5m
    row["cache_write_1h_tokens"] = usage.cache_write_1h
    row["output_tokens"] = usage.output
    row["reasoning_tokens"] = usage.reasoning
    rare = {
        "audio_input_tokens": usage.audio_input,
        "audio_output_tokens": usage.audio_output,
        "audio_cache_read_tokens": usage.audio_cache_read,
        "image_input_tokens": usage.image_input,
        "image_output_tokens": usage.image_output,
        "accepted_prediction": usage.accepted_prediction,
        "rejected_prediction": usage.rejected_prediction,
        "web_searches": usage.web_searches,
        "file_searches": usage.file_searches,
        "search_units": usage.search_units,
        "audio_seconds": usage.audio_seconds,
    }
    row.update({name: count for name, count in rare.items() if count})


def _short(text: str | None) -> str | None:
    return None if text is None else text[:_TEXT_LIMIT]


def _ms(value: float) -> float:
    """Milliseconds to the microsecond: finer is noise."""
    return round(value, 3)


def _tried(summary: AttemptSummary) -> Json:
    return {
        "provider": summary.provider,
        "model": summary.model,
        "reason": summary.reason,
        "duration_ms": _ms(summary.duration_ms),
    }


def _without_surrogates(value: Json) -> Json:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case Mapping():
            return {str(_without_surrogates(name)): _without_surrogates(inner) for name, inner in value.items()}
        case list():
            return [_without_surrogates(inner) for inner in value]
        case _:
            return value
