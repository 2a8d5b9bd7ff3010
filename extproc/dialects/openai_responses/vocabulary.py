"""Words that the readers and writers of this dialect share: statuses, service tiers, ids."""

from collections.abc import Mapping

from extproc.domain.answer import FinishReason

FINISH_OF_INCOMPLETE: Mapping[str, FinishReason] = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
    # The turn is not complete, and sending it back goes on with it.
    "max_messages": "pause",
    "steered": "pause",
}
"""``incomplete_details.reason`` → neutral; what is not listed is ``length``, for something did cut the answer."""

INCOMPLETE_OF_FINISH: Mapping[FinishReason, str] = {
    "length": "max_output_tokens",
    "context_window": "max_output_tokens",
    # The turn is not complete and no client of this API knows how to go on with it: `completed` would be a lie.
    "pause": "max_output_tokens",
    "content_filter": "content_filter",
    # Anthropic's `refusal` comes from its classifiers, and may cut an answer short.
    "refusal": "content_filter",
}
"""Neutral reason → ``incomplete_details.reason``; reasons that are not here end a ``completed`` answer."""

SERVICE_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})
"""What ``service_tier`` of a request or an answer may be (openai.types.responses.ServiceTier)."""

SERVICE_TIER_OF: Mapping[str, str] = {
    "standard": "default",  # Anthropic's answers
    "standard_only": "default",  # Anthropic's requests
}
"""Other vendors' tiers that mean the same."""


def service_tier(name: str | None) -> str | None:
    """The tier in OpenAI's words; None where OpenAI has no word for it."""
    if name is None:
        return None
    name = SERVICE_TIER_OF.get(name, name)
    return name if name in SERVICE_TIERS else None


def response_id(vendor_id: str, created: int) -> str:
    """An id that starts with ``resp_``, as clients know it, and holds the vendor's, for tracing."""
    if vendor_id.startswith("resp_"):
        return vendor_id
    return f"resp_{vendor_id or created}"


def item_id(kind: str, response: str, index: int) -> str:
    """The id of an output item: ``kind`` is ``msg``, ``rs`` or ``fc``, ``response`` the answer's id, ``index`` its place.

    Two answers of one conversation must not make the same id, so it holds the answer's.
    """
    return f"{kind}_{response.removeprefix('resp_')}_{index}"
