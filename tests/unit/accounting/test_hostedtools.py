"""Tools of Responses: bounded by ``max_tool_calls``, or refused with the mend."""

import pytest

from extproc.accounting.hostedtools import hosted_tools
from extproc.accounting.tally import Tally
from extproc.domain.errors import UnboundedCost


def tally(*tools, calls=None) -> Tally:
    found = Tally()
    hosted_tools([(f"tools[{at}]", tool) for at, tool in enumerate(tools)], calls, found)
    return found


@pytest.mark.parametrize(
    ("tool", "framing"),
    [
        ({"type": "function", "name": "f"}, 64),
        ({"type": "custom", "name": "f"}, 64),
        ({"name": "f"}, 64),
        ("?", 64),
        ({"type": "namespace", "tools": [{"type": "function"}, {"type": "custom"}]}, 3 * 64),
        ({"type": "namespace", "tools": None}, 64),
        ({"type": "computer_use_preview"}, 4_096),
        ({"type": "apply_patch"}, 2_048),
        ({"type": "local_shell"}, 1_024),
        ({"type": "shell", "environment": {"type": "local"}}, 1_024),
        ({"type": "tool_search", "execution": "client"}, 1_024),
    ],
)
def test_what_the_client_runs_is_framing(tool, framing):
    found = tally(tool)
    assert (found.framing, found.uses, found.whole_window) == (framing, 0, None)


@pytest.mark.parametrize(
    ("kind", "searches", "files"),
    [
        ("web_search", 3, 0),
        ("web_search_2025_08_26", 3, 0),
        ("web_search_preview", 3, 0),
        ("web_search_preview_2025_03_11", 3, 0),
        ("file_search", 0, 3),
        ("mcp", 0, 0),
    ],
)
def test_what_the_vendor_runs_needs_a_limit(kind, searches, files):
    found = tally({"type": "function"}, {"type": kind}, calls=3)
    assert (found.uses, found.searches, found.file_searches, found.whole_window) == (4, searches, files, "tools[1]")
    with pytest.raises(UnboundedCost) as refused:
        tally({"type": "function"}, {"type": kind})
    assert refused.value.param == "tools[1]"
    assert "max_tool_calls" in refused.value.message


@pytest.mark.parametrize("inner", [{"type": "web_search"}, {"type": "namespace", "tools": [{"type": "mcp"}]}])
def test_a_namespace_hides_no_tool(inner):
    hidden = {"type": "namespace", "tools": [{"type": "function"}, inner]}
    with pytest.raises(UnboundedCost) as refused:
        tally(hidden)
    assert refused.value.param.startswith("tools[0].tools[1]")
    found = tally(hidden, calls=3)
    assert (found.uses, found.whole_window) == (4, refused.value.param)
    assert found.searches == (3 if inner["type"] == "web_search" else 0)


def test_namespaces_may_be_as_deep_as_json():
    deep = {"type": "image_generation"}
    for _ in range(1000):
        deep = {"type": "namespace", "tools": [deep]}
    with pytest.raises(UnboundedCost):
        tally(deep, calls=3)


def test_one_limit_is_for_all_tools_together():
    found = tally({"type": "web_search"}, {"type": "file_search"}, {"type": "mcp"}, calls=5)
    assert (found.uses, found.searches, found.file_searches, found.whole_window) == (6, 5, 5, "tools[0]")


def test_no_calls_are_no_uses():
    found = tally({"type": "web_search"}, calls=0)
    assert (found.uses, found.searches, found.whole_window) == (0, 0, None)


@pytest.mark.parametrize("calls", ["3", True, 2.5, -1])
def test_a_limit_that_is_no_count_is_none(calls):
    with pytest.raises(UnboundedCost):
        tally({"type": "mcp"}, calls=calls)


@pytest.mark.parametrize(
    ("tool", "word"),
    [
        ({"type": "code_interpreter", "container": {"type": "auto"}}, "fees"),
        ({"type": "image_generation"}, "fees"),
        ({"type": "programmatic_tool_calling"}, "fees"),
        ({"type": "of-the-future"}, "fees"),
        ({"type": "shell"}, "local"),
        ({"type": "shell", "environment": {"type": "container_auto"}}, "local"),
        ({"type": "tool_search"}, "client"),
        ({"type": "tool_search", "execution": "server"}, "client"),
    ],
)
def test_what_no_limit_bounds_is_refused(tool, word):
    with pytest.raises(UnboundedCost) as refused:
        tally(tool, calls=1)
    assert refused.value.param == "tools[0]"
    assert tool["type"] in refused.value.message
    assert word in refused.value.message
