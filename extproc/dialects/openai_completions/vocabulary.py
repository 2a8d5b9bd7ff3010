"""Words that the readers and writers of this dialect share: finish reasons and ids."""

from collections.abc import Mapping

from extproc.domain.answer import FinishReason
from extproc.domain.errors import ProviderFailed

_FINISH_READ: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "eos": "stop",  # Together: https://docs.together.ai/reference/completions-1
    "model_length": "context_window",  # Mistral's FIM: https://docs.mistral.ai/api/#tag/fim
}
"""``finish_reason`` → neutral (openai.types.CompletionChoice, and compatible servers); others are ``stop``."""

_FINISH_FAILED = frozenset({"abort", "error"})
"""vLLM and OpenRouter say with these that the answer is broken."""

FINISH_WRITTEN: Mapping[FinishReason, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "stop",  # there are no tools in this dialect, so this cannot be
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "pause": "length",  # the turn is not complete: `stop` would say that it is
    "context_window": "length",
}


def finish_reason(reason: str) -> FinishReason:
    """The neutral word for a ``finish_reason``. Raises ``ProviderFailed`` where it says that the answer is broken."""
    if reason in _FINISH_FAILED:
        raise ProviderFailed(f"the provider broke its answer off: {reason}", retry_status=500)
    return _FINISH_READ.get(reason, "stop")


def completion_id(vendor_id: str, created: int) -> str:
    """An id that starts with ``cmpl-``, as clients know it, and holds the vendor's, for tracing."""
    return vendor_id if vendor_id.startswith("cmpl-") else f"cmpl-{vendor_id or created}"
