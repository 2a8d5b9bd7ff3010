"""How much to think, in the words of each family of models.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html and
.../claude-messages-adaptive-thinking.html; ``OutputConfig.effort`` of the service model;
https://docs.aws.amazon.com/nova/latest/nova2-userguide/using-converse-api.html;
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html.
"""

from collections.abc import Mapping
from dataclasses import field

from extproc.dialects.bedrock.render_blocks import Rendering
from extproc.dialects.claude import Traits
from extproc.dialects.losses import Losses
from extproc.dialects.turns import Block
from extproc.domain.conversation import Conversation, Reasoning
from extproc.domain.reading import Json
from extproc.domain.valueclass import valueclass

MIN_BUDGET = 1024
"""The smallest ``thinking.budget_tokens`` that Claude takes; the largest is one below the output limit."""

_BUDGETS: Mapping[str, int] = {
    "minimal": 1024,
    "low": 1024,
    "medium": 4096,
    "high": 16384,
    "xhigh": 24576,
    "max": 32768,
}
"""Effort → budget for models that know budgets only: the same steps as at Anthropic's own API."""

_THREE_STEPS: Mapping[str, str] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
"""Effort → the efforts of Nova 2 and gpt-oss."""


@valueclass
class ReasoningFields:
    """Members of ``additionalModelRequestFields``, ``outputConfig.effort``, and what they rule out."""

    additional: Block = field(default_factory=dict[str, Json])
    effort: str | None = None
    fixes_sampling: bool = False
    """With it, temperature, top_p and top_k cannot be set at will."""


_NONE = ReasoningFields()


def render_reasoning(conversation: Conversation, to: Rendering, *, unthought: bool = False) -> ReasoningFields:
    """What a request says of thinking. How much is a hint: it is fitted rather than refused, and named where it is lost.

    ``unthought``: the model goes on with an answer that does not begin with thinking; of a Claude with a budget for
    thinking that is refused.
    """
    reasoning = conversation.reasoning
    if reasoning is None:
        return _NONE
    on = reasoning.enabled and reasoning.effort != "none"
    match to.family.name:
        case "claude":
            late = unthought and to.family.claude.thought_first
            return (
                _claude(conversation, reasoning, to, too_late=late) if on else _claude_off(to.family.claude, to.losses)
            )
        case "nova2":
            return (
                _nova(conversation, reasoning, to.losses) if on else ReasoningFields(_nova_config({"type": "disabled"}))
            )
        case "gpt-oss":
            if not on:
                to.losses.tell("reasoning_effort")
            return ReasoningFields({"reasoning_effort": _step(reasoning) if on else "low"})
        case "gpt":
            return ReasoningFields({"reasoning": {"effort": _gpt_effort(reasoning) if on else "none"}})
        case _:
            if on:
                to.losses.tell("reasoning_effort")
            return _NONE


def _claude(conversation: Conversation, reasoning: Reasoning, to: Rendering, *, too_late: bool) -> ReasoningFields:
    traits = to.family.claude
    choice = conversation.tool_choice
    if conversation.tools and choice is not None and choice.mode in {"required", "named"} and traits.forced_tools:
        # Thinking with a forced tool is refused by the vendor, and the call is what the client cannot do without.
        to.losses.tell("reasoning_effort")
        return ReasoningFields({"thinking": {"type": traits.off}} if traits.off else {})
    if traits.adaptive and (too_late or not traits.budget or reasoning.budget_tokens is None):
        return ReasoningFields(
            {"thinking": _with_display({"type": "adaptive"}, reasoning)},
            _effort(reasoning, traits),
            fixes_sampling=True,
        )
    if too_late:
        to.losses.tell("reasoning_effort")
        return ReasoningFields(effort=reasoning.effort if reasoning.effort in traits.efforts else None)
    return _budget(reasoning, traits, conversation.max_output_tokens, to.losses)


def _claude_off(traits: Traits, losses: Losses) -> ReasoningFields:
    if traits.off:
        return ReasoningFields({"thinking": {"type": traits.off}})
    losses.tell("reasoning_effort")
    return ReasoningFields(effort="low")


def _budget(reasoning: Reasoning, traits: Traits, limit: int | None, losses: Losses) -> ReasoningFields:
    if reasoning.budget_tokens is not None:
        budget = reasoning.budget_tokens if limit is None else min(reasoning.budget_tokens, limit - 1)
    else:
        # Thinking counts towards the limit: of a budget that nobody named, the answer keeps at least as much.
        budget = _BUDGETS.get(reasoning.effort or "medium", _BUDGETS["high"])
        budget = budget if limit is None else min(budget, limit // 2)
    effort = reasoning.effort if reasoning.effort in traits.efforts else None
    if budget < MIN_BUDGET:
        losses.tell("reasoning_effort")
        return ReasoningFields(effort=effort)
    thinking: Block = {"type": "enabled", "budget_tokens": budget}
    return ReasoningFields({"thinking": _with_display(thinking, reasoning)}, effort, fixes_sampling=True)


def _effort(reasoning: Reasoning, traits: Traits) -> str | None:
    effort = reasoning.effort
    if effort is None and reasoning.budget_tokens is not None:
        # The model has no budgets: the largest effort whose budget fits says the same.
        effort = _largest_effort(reasoning.budget_tokens)
    if effort == "minimal":
        return "low"
    if effort in {"xhigh", "max"} and effort not in traits.efforts:
        return "high"
    return effort


def _with_display(thinking: Block, reasoning: Reasoning) -> Block:
    if reasoning.display is not None:
        thinking["display"] = reasoning.display
    return thinking


def _nova(conversation: Conversation, reasoning: Reasoning, losses: Losses) -> ReasoningFields:
    """At ``high`` Nova takes no output limit. A limit may be what a budget can pay for, so it is the effort that yields."""
    effort = _step(reasoning)
    if effort == "high" and conversation.max_output_tokens is not None:
        losses.tell("reasoning_effort")
        effort = "medium"
    fields = _nova_config({"type": "enabled", "maxReasoningEffort": effort})
    return ReasoningFields(fields, fixes_sampling=effort == "high")


def _nova_config(config: Block) -> Block:
    return {"reasoningConfig": config}


def _step(reasoning: Reasoning) -> str:
    effort = reasoning.effort
    if effort is None and reasoning.budget_tokens is not None:
        effort = _largest_effort(reasoning.budget_tokens)
    return _THREE_STEPS.get(effort or "medium", "high")


def _gpt_effort(reasoning: Reasoning) -> str:
    """They take ``low`` to ``max``, and not ``minimal``."""
    effort = reasoning.effort
    if effort is None:
        effort = "medium" if reasoning.budget_tokens is None else _largest_effort(reasoning.budget_tokens)
    return "low" if effort == "minimal" else effort


def _largest_effort(budget: int) -> str:
    fitting = (name for name, size in _BUDGETS.items() if size <= budget)
    return max(fitting, key=_BUDGETS.__getitem__, default="low")
