"""``Conversation`` → request JSON; its counterpart is ``parse``."""

from collections.abc import Mapping

from extproc.dialects.base import Rendered, RenderOptions
from extproc.dialects.losses import NOT_WHILE_REASONING, Losses
from extproc.dialects.openai_quirks import fit_items
from extproc.dialects.openai_requests import Fitted, end_user, fit_model
from extproc.dialects.openai_responses.render_items import ItemRenderer
from extproc.dialects.openai_responses.vocabulary import service_tier
from extproc.domain.conversation import Conversation, OutputFormat, Reasoning, Tool, ToolChoice
from extproc.domain.errors import UnsupportedFeature
from extproc.domain.reading import Json, JsonObject

_SHARED = frozenset(
    {
        "metadata",
        "moderation",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "store",
        "truncation",
    }
)
"""Fields without a neutral name that Chat Completions and Responses share, in shape and meaning."""

_NO_ARGUMENTS: JsonObject = {"type": "object", "properties": {}}


def render_request(conversation: Conversation, options: RenderOptions) -> Rendered:
    """The request body. Raises ``UnsupportedFeature`` naming all that cannot be carried, unless it may be dropped.

    Nothing is stored unless the client says so: the gateway sends whole conversations, and reasoning sealed.
    """
    losses = Losses("OpenAI Responses dialect", conversation)
    fitted = fit_model(conversation, options, chat=False)
    conversation = fitted.conversation
    items = ItemRenderer(losses)
    rendered = fit_items(items.render(conversation.messages), options.quirks)
    body: dict[str, Json] = {"model": conversation.model, "input": rendered, "store": False}
    body |= dict(conversation.hints)
    for path, value in conversation.unmapped:
        if path in _SHARED:
            body[path] = value
        else:
            losses.refuse_unmapped(path)
    body |= _limit(conversation, options, losses)
    body |= _sampling(conversation)
    body |= _tools(conversation)
    if text := _text(conversation):
        body["text"] = text
    if reasoning := _reasoning(conversation.reasoning, fitted.effort):
        body["reasoning"] = reasoning
    if include := _include(conversation, sealed=items.sealed):
        body["include"] = include
    if (tier := service_tier(conversation.service_tier)) is not None:
        body["service_tier"] = tier
    if conversation.stream:
        body["stream"] = True
    _note_losses(fitted, losses)
    return Rendered(body, losses.settle(drop=options.drop_unsupported))


def _note_losses(fitted: Fitted, losses: Losses) -> None:
    """Names what this API or this model has no field for. A value that is another vendor's default asks for nothing."""
    for path in fitted.lost:
        losses.refuse(path, NOT_WHILE_REASONING)
    for path in fitted.told:
        losses.tell(path)
    conversation = fitted.conversation
    asked: Mapping[str, object] = {
        "stop": conversation.stop,
        "n": conversation.n if conversation.n != 1 else None,
        "frequency_penalty": conversation.frequency_penalty,
        "presence_penalty": conversation.presence_penalty,
        "logit_bias": conversation.logit_bias,
    }
    for path, value in asked.items():
        if value:
            losses.refuse(path)
    for path, number in (("seed", conversation.seed), ("top_k", conversation.top_k)):
        if number is not None:
            losses.refuse(path)
    if conversation.service_tier is not None and service_tier(conversation.service_tier) is None:
        losses.refuse("service_tier")


def _limit(conversation: Conversation, options: RenderOptions, losses: Losses) -> dict[str, Json]:
    """``max_output_tokens``.

    Clients ask for a single one to see whether a model answers at all. A few more are told, unless nobody holds the money.
    """
    limit, least = conversation.max_output_tokens, options.quirks.least_output
    if limit is None:
        return {}
    if not 0 <= limit < least:
        return {"max_output_tokens": limit}
    if options.bounded:
        raise UnsupportedFeature(
            f"this model's provider (OpenAI Responses dialect) takes an output limit of {least} tokens at least, and a"
            f" budget keeps this request to {limit}. Ask for {least} or more.",
            param=losses.spelt("max_tokens"),
        )
    losses.tell("max_tokens")
    return {"max_output_tokens": least}


def _sampling(conversation: Conversation) -> dict[str, Json]:
    fields: dict[str, Json] = {
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "top_logprobs": conversation.top_logprobs,
        "safety_identifier": end_user(conversation.user),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _tools(conversation: Conversation) -> dict[str, Json]:
    # OpenAI refuses a tool_choice where there are no tools; without tools it says nothing.
    if not conversation.tools:
        return {}
    fields: dict[str, Json] = {"tools": [_tool(tool) for tool in conversation.tools]}
    if conversation.tool_choice is not None:
        fields["tool_choice"] = _tool_choice(conversation.tool_choice)
    if conversation.parallel_tool_calls is not None:
        fields["parallel_tool_calls"] = conversation.parallel_tool_calls
    return fields


def _tool(tool: Tool) -> JsonObject:
    body: dict[str, Json] = {"type": "function", "name": tool.name}
    if tool.description is not None:
        body["description"] = tool.description
    body["parameters"] = _NO_ARGUMENTS if tool.parameters is None else tool.parameters
    # Left out it would mean strict where possible, and make optional arguments required; elsewhere it means no.
    # https://developers.openai.com/api/docs/guides/function-calling#strict-mode
    body["strict"] = bool(tool.strict)
    return body


def _tool_choice(choice: ToolChoice) -> Json:
    return {"type": "function", "name": choice.name} if choice.mode == "named" else choice.mode


def _text(conversation: Conversation) -> JsonObject:
    text: dict[str, Json] = {}
    if conversation.output_format is not None:
        text["format"] = _format(conversation.output_format)
    if conversation.verbosity is not None:
        text["verbosity"] = conversation.verbosity
    return text


def _format(wanted: OutputFormat) -> JsonObject:
    if wanted.kind == "json":
        return {"type": "json_object"}
    # A name is required here and unknown to other vendors; it has no meaning but in a model's eyes.
    schema: dict[str, Json] = {"type": "json_schema", "name": wanted.name or "answer"}
    if wanted.description is not None:
        schema["description"] = wanted.description
    schema["schema"] = {} if wanted.schema is None else wanted.schema
    # Said either way, for this API's default is not that of Chat Completions for functions.
    schema["strict"] = bool(wanted.strict)
    return schema


def _reasoning(reasoning: Reasoning | None, effort: str | None) -> JsonObject:
    """``reasoning``; empty leaves it to the model.

    A summary is asked for only where the client wants to see one: OpenAI gives summaries to verified organisations
    alone, and refuses the others.
    """
    fields: dict[str, Json] = {} if effort is None else {"effort": effort}
    if reasoning is not None and reasoning.enabled and reasoning.display == "summarized":
        fields["summary"] = "auto"
    return fields


def _include(conversation: Conversation, *, sealed: bool) -> list[Json]:
    """``include``. Sealed reasoning is the default of today's API; models that cannot reason refuse to be asked for it."""
    reasoning = conversation.reasoning
    reasons = reasoning is not None and reasoning.enabled and reasoning.effort != "none"
    include: list[Json] = ["reasoning.encrypted_content"] if reasons or sealed else []
    if conversation.logprobs:
        include.append("message.output_text.logprobs")
    return include
