"""The ``response`` object around the output: whole, and as the events of a stream show it.

Source: openai.types.responses.Response. Much of it repeats the request, which a writer does not have: these fields have
the API's documented defaults, or null where that is as good.
"""

from collections.abc import Sequence
from typing import Literal

from extproc.dialects.openai_responses.usage import render_usage
from extproc.dialects.openai_responses.vocabulary import INCOMPLETE_OF_FINISH, service_tier
from extproc.domain.answer import FinishReason
from extproc.domain.reading import Json, JsonObject
from extproc.domain.usage import Usage
from extproc.domain.valueclass import valueclass


@valueclass
class Head:
    """What a response is known by. ``created`` is Unix seconds, ``tier`` the neutral service tier."""

    id: str
    model: str
    created: int
    tier: str | None = None


@valueclass
class End:
    """How a response stands: ``error`` goes with ``failed``."""

    status: Literal["in_progress", "completed", "incomplete", "failed"] = "in_progress"
    incomplete: str | None = None
    error: JsonObject | None = None
    usage: Usage | None = None


def end_of(finish: FinishReason | None, usage: Usage) -> End:
    """The end that a finish reason stands for."""
    incomplete = None if finish is None else INCOMPLETE_OF_FINISH.get(finish)
    return End("completed" if incomplete is None else "incomplete", incomplete, usage=usage)


def render_response(head: Head, end: End, output: Sequence[Json]) -> JsonObject:
    """The object as OpenAI's API sends it, nulls included."""
    return {
        "id": head.id,
        "object": "response",
        "created_at": head.created,
        "status": end.status,
        "background": False,
        "error": end.error,
        "incomplete_details": {"reason": end.incomplete} if end.incomplete else None,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "model": head.model,
        "output": [*output],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "service_tier": service_tier(head.tier),
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": None,
        "truncation": "disabled",
        "usage": render_usage(end.usage) if end.usage is not None else None,
        "user": None,
        "metadata": {},
    }
