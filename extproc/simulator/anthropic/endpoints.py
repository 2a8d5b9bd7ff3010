"""Anthropic's small endpoints: models and token counting.

Source: https://platform.claude.com/docs/en/api/models-list and .../messages-count-tokens
"""

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.anthropic import check
from extproc.simulator.wire import Request

MODELS = ("claude-opus-4-6", "claude-sonnet-4-6", "claude-haiku-4-5")
"""What the list shows; any other name is served as well."""


def models(body: JsonObject, request: Request) -> JsonObject:
    """``GET /v1/models``."""
    del body, request
    listed: list[Json] = [
        {
            "type": "model",
            "id": name,
            "display_name": name.replace("-", " ").title(),
            "created_at": "2025-01-01T00:00:00Z",
            "lifecycle": "active",
            "max_input_tokens": 200_000,
            "max_tokens": 64_000,
        }
        for name in MODELS
    ]
    return {"data": listed, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}


def count_tokens(body: JsonObject, request: Request) -> JsonObject:
    """``POST /v1/messages/count_tokens``: what the same request would cost as input. Raises ``Refused``."""
    ask = check.read(body, beta=request.header(b"anthropic-beta") is not None, counting=True)
    return {"input_tokens": ask.input_tokens}
