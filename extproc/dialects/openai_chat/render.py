"""``Conversation`` → request JSON; its counterpart is ``parse``."""

from extproc.dialects.base import Rendered, RenderOptions
from extproc.dialects.losses import NOT_WHILE_REASONING, Losses
from extproc.dialects.openai_chat.render_messages import MessageRenderer
from extproc.dialects.openai_chat.vocabulary import service_tier
from extproc.dialects.openai_quirks import fit_messages
from extproc.dialects.openai_requests import Fitted, end_user, fit_model
from extproc.domain.conversation import Conversation, OutputFormat, Tool, ToolChoice
from extproc.domain.quirks import OPENAI, ChatQuirks
from extproc.domain.reading import Json, JsonObject


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
    fitted = fit_model(conversation, options, chat=True)
    conversation = fitted.conversation
    losses = Losses("OpenAI dialect", conversation)
    _note_losses(fitted, quirks, losses)
    messages = MessageRenderer(losses, replay_reasoning=replay_reasoning)
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
    if fitted.effort is not None:
        body["reasoning_effort"] = fitted.effort
    if conversation.stream:
        # Always with usage: the gateway meters on it. A client that did not ask does not see the chunk.
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if (tier := service_tier(conversation.service_tier)) is not None:
        body["service_tier"] = tier
    return Rendered(body, losses.settle(drop=options.drop_unsupported))


def _note_losses(fitted: Fitted, quirks: ChatQuirks, losses: Losses) -> None:
    conversation = fitted.conversation
    for path, _ in conversation.unmapped:
        losses.refuse_unmapped(path)
    if conversation.top_k is not None:
        losses.refuse("top_k")
    if quirks.max_stops is not None and len(conversation.stop) > quirks.max_stops:
        losses.refuse("stop", f"{quirks.max_stops} at most")
    if conversation.service_tier is not None and service_tier(conversation.service_tier) is None:
        losses.refuse("service_tier")
    for path in fitted.lost:
        losses.refuse(path, NOT_WHILE_REASONING)
    for path in fitted.told:
        losses.tell(path)


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
