"""The request's fields beside the contents: ``generationConfig``, tools, thinking, safety, caching, labels, tier.

Source: https://ai.google.dev/api/generate-content#v1beta.GenerationConfig.
"""

from collections.abc import Callable, Mapping

from extproc.dialects.gemini.models import Traits
from extproc.dialects.gemini.render_media import Block
from extproc.dialects.gemini.usage import REQUEST_TIERS
from extproc.dialects.losses import Losses
from extproc.domain.conversation import Conversation, OutputFormat, Reasoning, Tool
from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Json, kind_of

_BUDGETS: Mapping[str, int] = {
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24576,
    "xhigh": 32768,
    "max": 32768,
}
"""Effort → ``thinkingBudget``, as the vendor's OpenAI-compatible endpoint has it up to ``high``
(https://ai.google.dev/gemini-api/docs/openai#thinking); above, the largest that any of its models takes."""

_LEVELS = ("MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH")
_LEVEL_OF_EFFORT: Mapping[str, int] = {
    **{level.lower(): rank for rank, level in enumerate(_LEVELS)},
    "max": len(_LEVELS) - 1,
}
"""Effort → rank in ``_LEVELS``."""


_NOT_THIS_MODEL = "this model takes none"
"""Why a field is refused."""


def note_losses(conversation: Conversation, traits: Traits, losses: Losses) -> None:
    """Names what this dialect, or this model, has no field for. A value that is another vendor's default asks nothing."""
    for path, (asked, why) in _not_taken(conversation, traits).items():
        if asked:
            losses.refuse(path, why)
    if not traits.sampling:
        for path in ("temperature", "top_p", "top_k"):
            if getattr(conversation, path) is not None:
                losses.tell(path)  # the model ignores it
    if _one_of_one(conversation):
        losses.tell("parallel_tool_calls")
    if conversation.user is not None:
        losses.tell("user")
    if conversation.verbosity not in {None, "medium"}:
        losses.tell("verbosity")


def _not_taken(conversation: Conversation, traits: Traits) -> dict[str, tuple[object, str]]:
    """What no model, or this one, has a field for; a true value asks for something; and why."""
    asked: dict[str, tuple[object, str]] = {
        "logit_bias": (conversation.logit_bias, ""),
        "parallel_tool_calls": (_one_of_many(conversation), "its models call as many tools at a time as they like"),
        "seed": (not _is_seed(conversation.seed), "its seeds have 32 bits"),
    }
    if not traits.penalties:
        asked |= {
            "frequency_penalty": (conversation.frequency_penalty, _NOT_THIS_MODEL),
            "presence_penalty": (conversation.presence_penalty, _NOT_THIS_MODEL),
        }
    if not traits.candidates:
        asked["n"] = conversation.n not in {None, 1}, _NOT_THIS_MODEL
    refused = conversation.output_format is not None and not _takes_format(conversation, traits)
    asked["response_format"] = refused, "this model takes it only without tools"
    return asked


def _one_of_many(conversation: Conversation) -> bool:
    return conversation.parallel_tool_calls is False and bool(conversation.tools) and not _one_of_one(conversation)


def _one_of_one(conversation: Conversation) -> bool:
    """One call at a time, of one tool that is named: so LangChain asks for an answer of a schema, and takes the first call."""
    choice = conversation.tool_choice
    return conversation.parallel_tool_calls is False and choice is not None and choice.mode == "named"


def _takes_format(conversation: Conversation, traits: Traits) -> bool:
    return traits.format_with_tools or not conversation.tools


def render_generation(conversation: Conversation, traits: Traits, losses: Losses) -> Block:
    """``generationConfig``, empty where nothing is asked for."""
    config: dict[str, Json] = {
        "maxOutputTokens": conversation.max_output_tokens,
        "stopSequences": list(conversation.stop) or None,
        "seed": conversation.seed if _is_seed(conversation.seed) else None,
        "responseLogprobs": conversation.logprobs or None,
        "logprobs": (conversation.top_logprobs or None) if conversation.logprobs else None,
    }
    if traits.sampling:
        config |= {"temperature": conversation.temperature, "topP": conversation.top_p, "topK": conversation.top_k}
    if traits.penalties:
        config |= {
            "presencePenalty": conversation.presence_penalty,
            "frequencyPenalty": conversation.frequency_penalty,
        }
    if traits.candidates and conversation.n != 1:
        config["candidateCount"] = conversation.n
    if _takes_format(conversation, traits):
        config |= _output_format(conversation.output_format)
    config["thinkingConfig"] = _thinking(conversation, traits, losses)
    return {name: value for name, value in config.items() if value is not None}


def _is_seed(seed: int | None) -> bool:
    """The vendor's seeds have 32 bits, OpenAI's 64."""
    return seed is None or -(2**31) <= seed < 2**31


def _output_format(wanted: OutputFormat | None) -> Block:
    if wanted is None:
        return {}
    config: Block = {"responseMimeType": "application/json"}
    if wanted.schema is not None:
        config["responseJsonSchema"] = wanted.schema
    return config


def _thinking(conversation: Conversation, traits: Traits, losses: Losses) -> Block | None:
    """How much to think, in the form that the model knows. How much is a hint, so it is fitted rather than refused."""
    reasoning = conversation.reasoning
    if reasoning is None:
        return None
    off = not reasoning.enabled or reasoning.effort == "none"
    if not traits.thinks:
        if not off:
            losses.tell("reasoning_effort")
        return None
    if off:
        return _off(traits, losses)
    config: Block = {"includeThoughts": reasoning.display != "omitted"}
    if traits.budget is not None:
        budget = _budget(reasoning, traits.budget, conversation.max_output_tokens)
        if budget is not None:
            config["thinkingBudget"] = budget
    elif (level := _level(reasoning, traits.levels)) is not None:
        config["thinkingLevel"] = level
    return config


def _off(traits: Traits, losses: Losses) -> Block:
    if traits.can_stop_thinking:
        return {"thinkingBudget": 0}
    # The least that there is: these models always think.
    losses.tell("reasoning_effort")
    return {"thinkingBudget": traits.budget[0]} if traits.budget else {"thinkingLevel": traits.levels[0]}


def _budget(reasoning: Reasoning, limits: tuple[int, int], max_output: int | None) -> int | None:
    least, most = limits
    if reasoning.budget_tokens is not None:
        return min(max(reasoning.budget_tokens, least), most)
    if reasoning.effort is None:
        return -1 if reasoning.adaptive else None
    budget = _BUDGETS.get(reasoning.effort, _BUDGETS["high"])
    if max_output is not None:
        # Thoughts count towards the limit: of a budget that nobody named, the answer keeps at least as much.
        budget = min(budget, max_output // 2)
    return min(max(budget, least), most)


def _level(reasoning: Reasoning, levels: tuple[str, ...]) -> str | None:
    """The level that says the same, else the next above that the model has, else its highest."""
    if reasoning.effort is not None:
        rank = _LEVEL_OF_EFFORT.get(reasoning.effort, _LEVEL_OF_EFFORT["high"])
    elif reasoning.budget_tokens is not None:
        names = ("low", "medium")
        name = next((name for name in names if reasoning.budget_tokens <= _BUDGETS[name]), "high")
        rank = _LEVEL_OF_EFFORT[name]
    else:
        return None
    return next((level for level in levels if _LEVELS.index(level) >= rank), levels[-1])


def render_tools(conversation: Conversation, traits: Traits, losses: Losses) -> Block:
    """``tools`` and ``toolConfig``."""
    if not conversation.tools:
        return {}
    fields: Block = {"tools": [{"functionDeclarations": [_declaration(tool) for tool in conversation.tools]}]}
    calling = _calling(conversation, traits, losses)
    if calling:
        fields["toolConfig"] = {"functionCallingConfig": calling}
    return fields


def _declaration(tool: Tool) -> Block:
    # No cache mark: it is a hint, and the vendor caches by itself.
    declaration: Block = {"name": tool.name}
    if tool.description is not None:
        declaration["description"] = tool.description
    if tool.parameters is not None:
        # Not `parameters`, which is a subset of OpenAPI: this takes JSON Schema.
        declaration["parametersJsonSchema"] = tool.parameters
    return declaration


def _calling(conversation: Conversation, traits: Traits, losses: Losses) -> Block | None:
    choice = conversation.tool_choice
    mode = choice.mode if choice else "auto"
    if mode == "none":
        return {"mode": "NONE"}
    if mode == "required":
        return {"mode": "ANY"}
    if choice is not None and mode == "named":
        return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
    # ANY holds to the schema by itself; with a free choice there is a mode for it, of all functions at once.
    strict = [index for index, tool in enumerate(conversation.tools) if tool.strict]
    if strict and traits.validated_calls:
        return {"mode": "VALIDATED"}
    for index in strict:
        losses.tell(f"tools[{index}].strict")
    return {"mode": "AUTO"} if choice else None


def render_tier(conversation: Conversation, losses: Losses) -> Block:
    """``serviceTier``. ``auto`` leaves it to the project's setting."""
    if conversation.service_tier in {None, "auto"}:
        return {}
    tier = REQUEST_TIERS.get(conversation.service_tier or "")
    if tier is None:
        losses.tell("service_tier")
        return {}
    return {"serviceTier": tier}


def render_own(conversation: Conversation, traits: Traits, losses: Losses) -> Block:
    """Fields of this vendor that clients of other dialects send as they are; all others of ``unmapped`` are refused.

    Raises ``InvalidRequest`` where one has the wrong type.
    """
    fields: Block = {}
    for path, value in conversation.unmapped:
        known = _OWN.get(path)
        if known is None or (known[0] == "cachedContent" and not traits.cached_content):
            losses.refuse_unmapped(path, "" if known is None else _NOT_THIS_MODEL)
            continue
        name, is_right, wanted = known
        if not is_right(value):
            raise InvalidRequest(f"{path} must be {wanted}, not {kind_of(value)}", param=path)
        fields[name] = value
    return fields


def _is_objects(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_labels(value: Json) -> bool:
    return isinstance(value, Mapping) and all(isinstance(label, str) for label in value.values())


_Own = tuple[str, Callable[[Json], bool], str]
_SAFETY: _Own = ("safetySettings", _is_objects, "a list of objects")
_CACHED: _Own = ("cachedContent", _is_text, "a string")
_OWN: Mapping[str, _Own] = {
    "safetySettings": _SAFETY,
    "safety_settings": _SAFETY,
    "cachedContent": _CACHED,
    "cached_content": _CACHED,
    "labels": ("labels", _is_labels, "an object of strings"),
}
"""Top-level field of ``unmapped`` → the vendor's name, what its value must be, and that in words."""
