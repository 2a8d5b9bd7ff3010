"""Claims about rendering settings: sampling, output formats, thinking, tiers."""

import pytest

from extproc.domain.conversation import OutputFormat, Reasoning, Tool
from extproc.domain.errors import UnsupportedFeature
from tests.unit.dialects.gemini.rendering import SCHEMA, asked, config, render


def test_sampling():
    assert config(
        max_output_tokens=5,
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        stop=("a",),
        seed=1,
        n=2,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logprobs=True,
        top_logprobs=4,
    ) == {
        "maxOutputTokens": 5,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 3,
        "stopSequences": ["a"],
        "seed": 1,
        "candidateCount": 2,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "responseLogprobs": True,
        "logprobs": 4,
    }
    assert config() is None
    assert config(n=1, logprobs=False, top_logprobs=2) is None


@pytest.mark.parametrize("model", ["gemini-2.0-flash", "gemini-2.5-pro"])
def test_before_gemini_3_an_output_format_beside_functions_is_refused(model):
    fields = {"output_format": OutputFormat("json"), "tools": (Tool("f"),)}
    with pytest.raises(UnsupportedFeature) as caught:
        render(asked(model=model, **fields))
    assert caught.value.param == "response_format"
    rendered = render(asked(model=model, **fields), drop=True)
    assert rendered.dropped == ("response_format",)
    assert "generationConfig" not in rendered.body
    assert "generationConfig" in render(asked(model=model, output_format=OutputFormat("json"))).body
    assert "generationConfig" in render(asked(model="gemini-3-pro", **fields)).body


def test_output_formats():
    assert config(output_format=OutputFormat("json")) == {"responseMimeType": "application/json"}
    assert config(output_format=OutputFormat("json_schema", "n", SCHEMA, strict=True)) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
    }


THINKING = [
    ("gemini-2.0-flash", Reasoning(effort="high"), None, ("reasoning_effort",)),
    ("gemini-2.0-flash", Reasoning(enabled=False), None, ()),
    ("gemini-2.5-flash", Reasoning(enabled=False), {"thinkingBudget": 0}, ()),
    ("gemini-2.5-pro", Reasoning(effort="none", enabled=False), {"thinkingBudget": 128}, ("reasoning_effort",)),
    ("gemini-2.5-flash", Reasoning(effort="medium"), {"includeThoughts": True, "thinkingBudget": 8192}, ()),
    ("gemini-2.5-pro", Reasoning(effort="max"), {"includeThoughts": True, "thinkingBudget": 32768}, ()),
    ("gemini-2.5-pro", Reasoning(effort="of the future"), {"includeThoughts": True, "thinkingBudget": 24576}, ()),
    ("gemini-2.5-flash-lite", Reasoning(budget_tokens=64), {"includeThoughts": True, "thinkingBudget": 512}, ()),
    ("gemini-2.5-flash", Reasoning(budget_tokens=99999), {"includeThoughts": True, "thinkingBudget": 24576}, ()),
    ("gemini-2.5-flash", Reasoning(adaptive=True), {"includeThoughts": True, "thinkingBudget": -1}, ()),
    ("gemini-2.5-flash", Reasoning(), {"includeThoughts": True}, ()),
    (
        "gemini-2.5-flash",
        Reasoning(adaptive=True, display="omitted"),
        {"includeThoughts": False, "thinkingBudget": -1},
        (),
    ),
    ("gemini-3-pro-preview", Reasoning(effort="medium"), {"includeThoughts": True, "thinkingLevel": "HIGH"}, ()),
    ("gemini-3.1-pro-preview", Reasoning(effort="medium"), {"includeThoughts": True, "thinkingLevel": "MEDIUM"}, ()),
    ("gemini-3.6-flash", Reasoning(effort="minimal"), {"includeThoughts": True, "thinkingLevel": "MINIMAL"}, ()),
    ("gemini-3.8-flash", Reasoning(effort="minimal"), {"includeThoughts": True, "thinkingLevel": "LOW"}, ()),
    ("gemini-3.1-flash-lite", Reasoning(enabled=False), {"thinkingLevel": "MINIMAL"}, ("reasoning_effort",)),
    ("gemini-4-argon", Reasoning(enabled=False), {"thinkingLevel": "LOW"}, ("reasoning_effort",)),
    ("gemini-4-argon", Reasoning(effort="xhigh"), {"includeThoughts": True, "thinkingLevel": "HIGH"}, ()),
    ("gemini-4-argon", Reasoning(budget_tokens=1024), {"includeThoughts": True, "thinkingLevel": "LOW"}, ()),
    ("gemini-4-argon", Reasoning(budget_tokens=5000), {"includeThoughts": True, "thinkingLevel": "MEDIUM"}, ()),
    ("gemini-4-argon", Reasoning(budget_tokens=50000), {"includeThoughts": True, "thinkingLevel": "HIGH"}, ()),
    ("gemini-flash-latest", Reasoning(adaptive=True), {"includeThoughts": True}, ()),
    ("gemini-3.6-flash", Reasoning(effort="of the future"), {"includeThoughts": True, "thinkingLevel": "HIGH"}, ()),
]


@pytest.mark.parametrize(("model", "reasoning", "thinking", "dropped"), THINKING)
def test_thinking_by_generation(model, reasoning, thinking, dropped):
    rendered = render(asked(model=model, reasoning=reasoning))
    assert rendered.body.get("generationConfig", {}).get("thinkingConfig") == thinking
    assert rendered.dropped == dropped


def test_a_budget_that_nobody_named_leaves_half_of_the_limit_to_the_answer():
    fields = {"model": "gemini-2.5-flash", "max_output_tokens": 1000}
    assert config(reasoning=Reasoning(effort="high"), **fields)["thinkingConfig"]["thinkingBudget"] == 500
    assert config(reasoning=Reasoning(budget_tokens=900), **fields)["thinkingConfig"]["thinkingBudget"] == 900


def test_tiers():
    for tier, sent in {"default": "standard", "flex": "flex", "priority": "priority"}.items():
        assert render(asked(service_tier=tier)).body["serviceTier"] == sent
    assert "serviceTier" not in render(asked(service_tier="auto")).body
