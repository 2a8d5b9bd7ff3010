"""Tools that the vendor runs: bounded, or refused with the mend."""

import pytest

from extproc.accounting.servertools import ToolBound, check_fields, tool_bound
from extproc.domain.errors import UnboundedCost


@pytest.mark.parametrize(
    ("tool", "bound"),
    [
        ({"type": "function", "function": {"name": "f"}}, ToolBound()),
        ({"type": "custom", "name": "f"}, ToolBound()),
        ({"name": "f", "input_schema": {}}, ToolBound()),
        ("nonsense", ToolBound()),
        ({"type": 7}, ToolBound()),
        ({"type": "bash_20250124", "name": "bash"}, ToolBound(1_024)),
        ({"type": "computer_20250124", "name": "computer"}, ToolBound(4_096)),
        ({"type": "computer_toolset_20260801"}, ToolBound(16_384)),
        ({"type": "web_search_20250305", "max_uses": 3}, ToolBound(64, 3, 3)),
        ({"type": "web_search_20260318", "max_uses": 3, "allowed_callers": ["direct"]}, ToolBound(64, 3, 3)),
        ({"type": "web_fetch_20250910", "max_uses": 2}, ToolBound(64, 2, 0)),
        ({"type": "web_search_20250305", "max_uses": 0}, ToolBound(64, 0, 0)),
    ],
)
def test_tools_with_a_bound(tool, bound):
    assert tool_bound(tool, "tools[0]") == bound


@pytest.mark.parametrize(
    ("tool", "param", "mend"),
    [
        ({"type": "web_search_20250305"}, "tools[4].max_uses", "Give it max_uses"),
        ({"type": "web_fetch_20250910", "max_uses": None}, "tools[4].max_uses", "Give it max_uses"),
        ({"type": "web_fetch_20250910", "max_uses": -1}, "tools[4].max_uses", "Give it max_uses"),
        ({"type": "web_fetch_20250910", "max_uses": True}, "tools[4].max_uses", "Give it max_uses"),
        ({"type": "web_search_20260209", "max_uses": 1}, "tools[4].allowed_callers", '["direct"]'),
        ({"type": "code_execution_20250825"}, "tools[4]", "Leave it out"),
        ({"type": "tool_search_tool_bm25"}, "tools[4]", "Leave it out"),
        ({"type": "browser_search"}, "tools[4]", "Leave it out"),
    ],
)
def test_tools_without_one_are_refused_with_the_mend(tool, param, mend):
    with pytest.raises(UnboundedCost) as refused:
        tool_bound(tool, "tools[4]")
    assert refused.value.param == param
    assert mend in refused.value.message
    assert str(tool["type"]) in refused.value.message


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"web_search_options": {}}, "web_search_options"),
        ({"search_parameters": {"mode": "on"}}, "search_parameters"),
        ({"plugins": [{"id": "web"}]}, "plugins"),
        ({"fallbacks": "default"}, "fallbacks"),
        ({"models": ["a", "b"]}, "models"),
        ({"mcp_servers": [{}]}, "mcp_servers"),
        ({"provider": {"order": ["dear"]}}, "provider"),
        ({"preset": "mine"}, "preset"),
        ({"route": "fallback"}, "route"),
        ({"data_sources": [{"type": "azure_search"}]}, "data_sources"),
        ({"enable_search": True}, "enable_search"),
        ({"search_settings": {}}, "search_settings"),
        ({"compound_custom": {"models": {"answering_model": "dear"}}}, "compound_custom"),
        ({"n_predict": 100_000}, "n_predict"),
        ({"context_management": {"edits": [{"type": "compact_20260112"}]}}, "context_management.edits"),
        ({"context_management": {"edits": ["?"]}}, "context_management.edits"),
    ],
)
def test_fields_that_may_cost_anything_are_refused(body, param):
    with pytest.raises(UnboundedCost) as refused:
        check_fields(body, "openai-chat")
    assert refused.value.param == param


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"web_search_options": None},
        {"enable_search": False},
        {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}},
        {"context_management": {}},
        {"context_management": []},
    ],
)
def test_the_rest_passes(body):
    check_fields(body, "openai-chat")
