"""``Conversation`` → request JSON; its counterpart is ``parse``."""

from extproc.dialects.base import Rendered, RenderOptions
from extproc.dialects.losses import cannot_carry
from extproc.dialects.openai_chat.render_messages import MessageRenderer
from extproc.dialects.openai_chat.vocabulary import service_tier
from extproc.dialects.openai_quirks import fit_messages
from extproc.dialects.openai_requests import end_user, fit_effort
from extproc.domain.conversation import Conversation, OutputFormat, Reasoning, Tool, ToolChoice
from extproc.domain.quirks import OPENAI, ChatQuirks
from extproc.domain.reading import Json, JsonObject

_EFFORT_OF_BUDGET: tuple[tuple[int, str], ...] = ((4096, "low"), (16384, "medium"))
"""Highest thinking budget (tokens) → effort; above the last: ``high``.

OpenAI publishes no token counts for its efforts. Anthropic's budgets start at 1,024 and its own example takes 10,000,
so these are ``low`` and ``medium``; from half of a 32,000-token answer on, the client wants ``high``.
https://platform.claude.com/docs/en/build-with-claude/extended-thinking
"""


def render_request(
    conversation: Conversation,
    options: RenderOptions,
    *,
    legacy_max_tokens: bool = False,
    replay_reasoning: bool = False,
) -> Rendered:
    """The request body. Raises ``UnsupportedFeature`` naming all that cannot be carried, unless it may be dropped.

    ``legacy_max_tokens``: the server knows only ``max_tokens`` (OpenAI's reasoning models only the newer name).
    ``replay_reasoning``: send earlier reasoning back as ``reasoning_content``, which DeepSeek requires.
    """
    quirks = options.quirks
    messages = MessageRenderer(replay_reasoning=replay_reasoning)
    rendered = messages.render(conversation.messages)
    if replay_reasoning or quirks != OPENAI:
        rendered = fit_messages(rendered, quirks, join=quirks.joined_text, replay_reasoning=replay_reasoning)
    body: dict[str, Json] = {"model": conversation.model, "messages": rendered}
    body |= _sampling(conversation, quirks)
    if conversation.max_output_tokens is not None:
        body["max_tokens" if legacy_max_tokens else "max_completion_tokens"] = conversation.max_output_tokens
    body |= _tools(conversation)
    if conversation.output_format is not None:
        body["response_format"] = _response_format(conversation.output_format)
    told = messages.told
    if (effort := _effort(conversation.reasoning)) is not None:
        body["reasoning_effort"] = fit_effort(effort, options.known_as or conversation.model)
        if body["reasoning_effort"] != effort:
            told.append("reasoning_effort")
    if conversation.stream:
        # Always with usage: the gateway meters on it. A client that did not ask does not see the chunk.
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if (tier := service_tier(conversation.service_tier)) is not None:
        body["service_tier"] = tier
    lost = (*_unsupported(conversation, quirks), *messages.unsupported)
    if lost and not options.drop_unsupported:
        raise cannot_carry("OpenAI dialect", lost)
    return Rendered(body, (*lost, *told))


def _unsupported(conversation: Conversation, quirks: ChatQuirks) -> list[str]:
    lost = [path for path, _ in conversation.unmapped]
    if conversation.top_k is not None:
        lost.append("top_k")
    if quirks.max_stops is not None and len(conversation.stop) > quirks.max_stops:
        lost.append("stop")
    if conversation.service_tier is not None and service_tier(conversation.service_tier) is None:
        lost.append("service_tier")
    return lost


def _sampling(conversation: Conversation, quirks: ChatQuirks) -> dict[str, Json]:
    stop: list[Json] = [*conversation.stop[: quirks.max_stops]]
    fields: dict[str, Json] = {
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "stop": stop or None,
        "seed": conversation.seed,
        "n": conversation.n,
        "frequency_penalty": conversation.frequency_penalty,
        "presence_penalty": conversation.presence_penalty,
        "logit_bias": conversation.logit_bias,
        "logprobs": conversation.logprobs,
        "top_logprobs": conversation.top_logprobs,
        # The older name of `safety_identifier`: OpenAI still takes it, compatible servers know no other.
        "user": end_user(conversation.user),
        "verbosity": conversation.verbosity,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _tools(conversation: Conversation) -> dict[str, Json]:
    # OpenAI refuses a tool_choice and parallel_tool_calls where there are no tools; without tools they say nothing.
    if not conversation.tools:
        return {}
    fields: dict[str, Json] = {"tools": [_tool(tool) for tool in conversation.tools]}
    if conversation.tool_choice is not None:
        fields["tool_choice"] = _tool_choice(conversation.tool_choice)
    if conversation.parallel_tool_calls is not None:
        fields["parallel_tool_calls"] = conversation.parallel_tool_calls
    return fields


def _tool(tool: Tool) -> JsonObject:
    # No cache mark: OpenAI caches by itself, and compatible servers refuse the field.
    function: dict[str, Json] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _tool_choice(choice: ToolChoice) -> Json:
    if choice.mode == "named":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode


def _response_format(wanted: OutputFormat) -> JsonObject:
    if wanted.kind == "json":
        return {"type": "json_object"}
    # A name is required here and unknown to other vendors; it has no meaning but in a model's eyes.
    schema: dict[str, Json] = {"name": wanted.name or "answer"}
    if wanted.description is not None:
        schema["description"] = wanted.description
    if wanted.schema is not None:
        schema["schema"] = wanted.schema
    if wanted.strict is not None:
        schema["strict"] = wanted.strict
    return {"type": "json_schema", "json_schema": schema}


def _effort(reasoning: Reasoning | None) -> str | None:
    """``reasoning_effort``; None leaves it to the model.

    Thinking that is switched off without an effort stays unsaid: models that cannot reason refuse the field, even
    with ``none``, and this is the default of every Anthropic request.
    """
    if reasoning is None:
        return None
    if reasoning.effort is not None or reasoning.budget_tokens is None or not reasoning.enabled:
        return reasoning.effort
    return next((effort for most, effort in _EFFORT_OF_BUDGET if reasoning.budget_tokens <= most), "high")
