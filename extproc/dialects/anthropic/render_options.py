"""The request's fields beside the messages: limits, sampling, thinking, tools, output format."""

from collections.abc import Mapping

from extproc.dialects.anthropic.render_blocks import render_cache_mark
from extproc.dialects.claude import Traits
from extproc.dialects.closed_schema import closed_schema
from extproc.dialects.losses import (
    BLANK_STOP,
    DEFAULT_ONLY,
    NO_FORCED_TOOL,
    NOT_BESIDE_TEMPERATURE,
    NOT_WITH_REASONING,
    Losses,
)
from extproc.dialects.turns import Block
from extproc.domain.conversation import Conversation, Reasoning, Tool, ToolCall
from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass

MIN_BUDGET = 1024
"""The smallest ``thinking.budget_tokens`` that the vendor takes; the largest is one below ``max_tokens``."""

_BUDGETS: Mapping[str, int] = {
    "minimal": 1024,
    "low": 1024,
    "medium": 4096,
    "high": 16384,
    "xhigh": 24576,
    "max": 32768,
}
"""Effort → budget for models that know budgets only: each step a multiple, as the vendor's own examples have it."""

_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only", "priority": "auto"}
"""``auto`` uses priority capacity where the account has it (https://platform.claude.com/docs/en/api/service-tiers)."""


def note_losses(conversation: Conversation, losses: Losses) -> None:
    """Names what this dialect has no field for. A value that is another vendor's default asks for nothing."""
    asked: dict[str, object] = {
        "n": conversation.n if conversation.n != 1 else None,
        "frequency_penalty": conversation.frequency_penalty,
        "presence_penalty": conversation.presence_penalty,
        "logit_bias": conversation.logit_bias,
        "logprobs": conversation.logprobs,
        "top_logprobs": conversation.top_logprobs,
    }
    for path, value in asked.items():
        if value:
            losses.refuse(path)
    if conversation.seed is not None:
        losses.refuse("seed")
    if conversation.verbosity not in {None, "medium"}:
        losses.tell("verbosity")
    for path, _ in conversation.unmapped:
        losses.refuse_unmapped(path)


def render_stop(conversation: Conversation, losses: Losses) -> Block:
    """``stop_sequences``; one that is blank is refused by the vendor."""
    if any(not sequence.strip() for sequence in conversation.stop):
        losses.refuse("stop", BLANK_STOP)
    sequences: list[Json] = [sequence for sequence in conversation.stop if sequence.strip()]
    return {"stop_sequences": sequences} if sequences else {}


def render_tier(conversation: Conversation, losses: Losses) -> Block:
    """``service_tier``."""
    if conversation.service_tier is None:
        return {}
    tier = _TIERS.get(conversation.service_tier)
    if tier is None:
        losses.tell("service_tier")
        return {}
    return {"service_tier": tier}


def render_sampling(conversation: Conversation, traits: Traits, losses: Losses, *, thinks: bool) -> Block:
    """``temperature``, ``top_p``, ``top_k``, as far as the model takes them.

    OpenAI's temperature goes to 2, Anthropic's to 1: above, it is 1, and named, for the nearest value is what was meant.
    The fields are of ``anthropic-version: 2023-06-01``; from 2026-10-21 on the vendor refuses them for all models
    (https://platform.claude.com/docs/en/api/versioning).
    """
    temperature, top_p, top_k = conversation.temperature, conversation.top_p, conversation.top_k
    if temperature is not None and temperature > 1:
        temperature = 1
        losses.tell("temperature")
    fixed = traits.sampling == "default"
    if temperature is not None and (fixed or thinks) and temperature != 1:
        losses.refuse("temperature", DEFAULT_ONLY if fixed else NOT_WITH_REASONING)
        temperature = None
    # With thinking, top_p may be 0.95 to 1 (https://platform.claude.com/docs/en/build-with-claude/thinking).
    if top_p is not None and ((fixed and top_p != 1) or (thinks and top_p < 0.95)):
        losses.refuse("top_p", DEFAULT_ONLY if fixed else NOT_WITH_REASONING)
        top_p = None
    if top_k is not None and (fixed or thinks):
        losses.refuse("top_k", DEFAULT_ONLY if fixed else NOT_WITH_REASONING)
        top_k = None
    if traits.sampling != "free" and temperature is not None and top_p is not None:
        temperature, top_p = _one_of(temperature, top_p, losses)
    given: dict[str, float | None] = {"temperature": temperature, "top_p": top_p, "top_k": top_k}
    return {name: value for name, value in given.items() if value is not None and not (fixed and value == 1)}


def _one_of(temperature: float, top_p: float, losses: Losses) -> tuple[float | None, float | None]:
    """The one that says something: 1 is the default of both."""
    if top_p == 1:
        return temperature, None
    if temperature == 1:
        return None, top_p
    losses.refuse("top_p", NOT_BESIDE_TEMPERATURE)
    return temperature, None


@valueclass
class ThinkingFields:
    """``thinking`` and ``output_config.effort``."""

    thinking: JsonObject | None = None
    effort: str | None = None

    @property
    def on(self) -> bool:
        """Whether the request turns thinking on."""
        return self.thinking is not None and self.thinking["type"] in {"enabled", "adaptive"}


def render_thinking(
    conversation: Conversation, traits: Traits, max_tokens: int, losses: Losses, *, unthought: bool = False
) -> ThinkingFields:
    """How much to think, in the form that the model knows.

    How much is a hint, so it is fitted rather than refused; but thinking with a forced tool choice is a 400 at the
    vendor, and then the tool call is what the client cannot do without. ``unthought``: the model goes on with an answer that
    does not begin with thinking, where a budget for it is a 400, too.
    """
    reasoning = conversation.reasoning
    if reasoning is None:
        return ThinkingFields()
    if not reasoning.enabled or reasoning.effort == "none":
        return _off(traits, losses)
    if _forces_tool(conversation) and traits.forced_tools:
        losses.tell("reasoning_effort")
        return ThinkingFields({"type": traits.off} if traits.off else None)
    too_late = unthought and traits.thought_first
    if traits.adaptive and (too_late or not traits.budget or reasoning.budget_tokens is None):
        return _adaptive(reasoning, traits)
    if too_late:
        losses.tell("reasoning_effort")
        return ThinkingFields(effort=reasoning.effort if reasoning.effort in traits.efforts else None)
    return _budget(reasoning, traits, max_tokens, losses)


def _forces_tool(conversation: Conversation) -> bool:
    choice = conversation.tool_choice
    return bool(conversation.tools) and choice is not None and choice.mode in {"required", "named"}


def _off(traits: Traits, losses: Losses) -> ThinkingFields:
    if traits.off:
        return ThinkingFields({"type": traits.off})
    losses.tell("reasoning_effort")
    return ThinkingFields(effort="low")


def _budget(reasoning: Reasoning, traits: Traits, max_tokens: int, losses: Losses) -> ThinkingFields:
    if reasoning.budget_tokens is not None:
        budget = min(reasoning.budget_tokens, max_tokens - 1)
    else:
        # Thinking counts towards max_tokens: of a budget that nobody named, the answer keeps at least as much.
        budget = min(_BUDGETS.get(reasoning.effort or "medium", _BUDGETS["high"]), max_tokens // 2)
    effort = reasoning.effort if reasoning.effort in traits.efforts else None
    if budget < MIN_BUDGET:
        losses.tell("reasoning_effort")
        return ThinkingFields(effort=effort)
    return ThinkingFields(_with_display({"type": "enabled", "budget_tokens": budget}, reasoning), effort)


def _adaptive(reasoning: Reasoning, traits: Traits) -> ThinkingFields:
    effort = reasoning.effort
    if effort is None and reasoning.budget_tokens is not None:
        # The model has no budgets: the largest effort whose budget fits says the same.
        effort = max(
            (name for name, size in _BUDGETS.items() if size <= reasoning.budget_tokens),
            key=_BUDGETS.__getitem__,
            default="low",
        )
    if effort == "minimal":
        effort = "low"
    elif effort in {"xhigh", "max"} and effort not in traits.efforts:
        effort = "high"
    return ThinkingFields(_with_display({"type": "adaptive"}, reasoning), effort)


def _with_display(thinking: Block, reasoning: Reasoning) -> Block:
    if reasoning.display is not None:
        thinking["display"] = reasoning.display
    return thinking


def render_tools(conversation: Conversation, traits: Traits, losses: Losses) -> Block:
    """``tools`` and ``tool_choice``."""
    if not conversation.tools:
        return _history_tools(conversation)
    fields: Block = {"tools": [_tool(tool) for tool in conversation.tools]}
    choice = _tool_choice(conversation, traits, losses)
    if choice is not None:
        fields["tool_choice"] = choice
    return fields


def _history_tools(conversation: Conversation) -> Block:
    """Tools of the history, where the client declares none any more: the vendor wants those that it reads of declared."""
    parts = (part for message in conversation.messages for part in message.parts)
    names = dict.fromkeys(part.name for part in parts if isinstance(part, ToolCall))
    if not names:
        return {}
    return {"tools": [_tool(Tool(name)) for name in names], "tool_choice": {"type": "none"}}


def _tool(tool: Tool) -> Block:
    schema: JsonObject = tool.parameters if tool.parameters is not None else {"properties": {}}
    if "type" not in schema:
        schema = {"type": "object", **schema}
    block: Block = {"name": tool.name}
    if tool.description is not None:
        block["description"] = tool.description
    block["input_schema"] = closed_schema(schema) if tool.strict else schema
    if tool.strict:
        block["strict"] = True
    if tool.cache:
        block["cache_control"] = render_cache_mark(tool.cache)
    return block


def _tool_choice(conversation: Conversation, traits: Traits, losses: Losses) -> JsonObject | None:
    choice = conversation.tool_choice
    single = conversation.parallel_tool_calls is False
    mode = choice.mode if choice else "auto"
    if mode in {"required", "named"} and not traits.forced_tools:
        losses.refuse("tool_choice", NO_FORCED_TOOL)
        mode = "auto"
    rendered: Block
    match mode:
        case "none":
            return {"type": "none"}
        case "required":
            rendered = {"type": "any"}
        case "named":
            rendered = {"type": "tool", "name": choice.name if choice else None}
        case _:
            if choice is None and not single:
                return None
            rendered = {"type": "auto"}
    if single:
        rendered["disable_parallel_tool_use"] = True
    return rendered
