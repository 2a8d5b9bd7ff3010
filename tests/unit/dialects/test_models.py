"""``GET /v1/models``: what the official SDKs make of it."""

from anthropic.pagination import SyncPage as AnthropicPage
from anthropic.types import ModelInfo
from openai.pagination import SyncPage
from openai.types import Model

from extproc.dialects.models import ModelEntry, anthropic_model, anthropic_models, openai_model, openai_models

ENTRIES = [ModelEntry("fast", "Fast and cheap", 1_700_000_000, "llmgw"), ModelEntry("smart", "smart", 0, "llmgw")]


def test_openais_sdk_reads_the_list():
    page = SyncPage[Model].model_validate(openai_models(ENTRIES))
    assert [(m.id, m.created, m.owned_by, m.object) for m in page.data] == [
        ("fast", 1_700_000_000, "llmgw", "model"),
        ("smart", 0, "llmgw", "model"),
    ]
    assert openai_model(ENTRIES[0]) == openai_models(ENTRIES)["data"][0]


def test_anthropics_sdk_reads_the_list():
    page = AnthropicPage[ModelInfo].model_validate(anthropic_models(ENTRIES))
    assert [(m.id, m.display_name, m.created_at.timestamp(), m.type) for m in page.data] == [
        ("fast", "Fast and cheap", 1_700_000_000, "model"),
        ("smart", "smart", 0, "model"),
    ]
    assert {m.lifecycle for m in page.data} == {"active"}
    assert (page.has_more, page.first_id, page.last_id) == (False, "fast", "smart")
    assert anthropic_model(ENTRIES[0]) == anthropic_models(ENTRIES)["data"][0]


def test_an_empty_catalogue():
    assert openai_models([]) == {"object": "list", "data": []}
    assert anthropic_models([]) == {"data": [], "has_more": False, "first_id": None, "last_id": None}
