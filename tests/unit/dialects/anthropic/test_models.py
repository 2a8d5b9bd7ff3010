"""Which model takes which field, by name."""

import pytest
from anthropic.types.model import Model

from extproc.dialects.claude import Traits, traits_of


@pytest.mark.parametrize(
    ("model", "adaptive", "budget", "off", "sampling", "forced", "system"),
    [
        ("claude-3-opus-20240229", False, True, "disabled", "free", True, False),
        ("claude-3-7-sonnet-20250219", False, True, "disabled", "free", True, False),
        ("claude-sonnet-4-20250514", False, True, "disabled", "free", True, False),
        ("claude-opus-4-1-20250805", False, True, "disabled", "one", True, False),
        ("claude-sonnet-4-5-20250929", False, True, "disabled", "one", True, False),
        ("claude-haiku-4-5", False, True, "disabled", "one", True, False),
        ("claude-opus-4-6", True, True, "disabled", "one", True, False),
        ("claude-sonnet-4-6", True, True, "disabled", "one", True, False),
        ("claude-opus-4-7", True, False, "disabled", "default", True, False),
        ("claude-opus-4-8", True, False, "disabled", "default", True, True),
        ("claude-opus-5", True, False, "disabled", "default", True, True),
        ("claude-opus-5-5", True, False, None, "default", False, True),
        ("claude-sonnet-5", True, False, "disabled", "default", True, False),
        ("claude-sonnet-5-5", True, False, "between_tools", "default", False, True),
        ("claude-haiku-5-5", True, False, "disabled", "default", True, True),
        ("claude-fable-5", True, False, None, "default", True, True),
        ("claude-fable-5-2", True, False, None, "default", False, True),
        ("claude-mythos-5-1", True, False, None, "default", False, True),
        ("us.anthropic.claude-opus-4-6-v1", True, True, "disabled", "one", True, False),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", False, True, "disabled", "one", True, False),
        ("claude-opus-4-7@20260416", True, False, "disabled", "default", True, False),
        ("anthropic/claude-4.7-opus", True, False, "disabled", "default", True, False),
        ("claude-opus-9-1", True, False, None, "default", False, True),
        ("deepseek-chat", False, True, "disabled", "free", True, False),
        ("claude-instant-1.2", False, True, "disabled", "free", True, False),
    ],
)
def test_traits(model, adaptive, budget, off, sampling, forced, system):
    traits = traits_of(model)
    assert (traits.adaptive, traits.budget, traits.off, traits.sampling, traits.forced_tools, traits.system_turns) == (
        adaptive,
        budget,
        off,
        sampling,
        forced,
        system,
    )


def test_every_current_model_of_the_sdk_is_known_by_its_version():
    """All but the preview, whose name has no version."""
    names = set(Model.__args__[0].__args__) - {"claude-mythos-preview"}
    assert not {name for name in names if traits_of(name) == Traits()}
