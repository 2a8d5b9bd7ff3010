"""``Conversation`` → request JSON; its counterpart is ``parse``.

What this dialect has no word for is most of a conversation: one user turn of text can be carried, nothing before it.
"""

from extproc.dialects.base import Rendered, RenderOptions
from extproc.dialects.losses import Losses, spelt
from extproc.domain.conversation import Conversation, Text
from extproc.domain.errors import UnsupportedFeature
from extproc.domain.reading import Json

_OWN_FIELDS = frozenset({"suffix", "echo", "best_of"})
"""Fields of this API that have no neutral name; where a client sent them, they are carried as they are."""


def render_request(conversation: Conversation, options: RenderOptions) -> Rendered:
    """The request body. Raises ``UnsupportedFeature`` naming all that cannot be carried, unless it may be dropped.

    A conversation of more than one text is always refused: what would be left out is what the model is asked.
    """
    body: dict[str, Json] = {"model": conversation.model, "prompt": _prompt(conversation)}
    body |= _sampling(conversation)
    if conversation.stream:
        # Always with usage: the gateway meters on it. A client that did not ask does not see the chunk.
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    body |= {path: value for path, value in conversation.unmapped if path in _OWN_FIELDS}
    losses = Losses("Completions dialect", conversation)
    _note_losses(conversation, losses)
    return Rendered(body, losses.settle(drop=options.drop_unsupported))


def _prompt(conversation: Conversation) -> str:
    match conversation.messages:
        case (message,) if message.role == "user":
            match message.parts:
                case (Text(text=text),):
                    return text
                case _:
                    pass
        case _:
            pass
    raise UnsupportedFeature(
        "this model's provider (Completions dialect) takes a single text of the user, and no conversation",
        param=spelt("messages", conversation),
    )


def _sampling(conversation: Conversation) -> dict[str, Json]:
    stop: list[Json] = list(conversation.stop)
    fields: dict[str, Json] = {
        "max_tokens": conversation.max_output_tokens,
        "temperature": conversation.temperature,
        "top_p": conversation.top_p,
        "stop": stop or None,
        "seed": conversation.seed,
        "n": conversation.n,
        "frequency_penalty": conversation.frequency_penalty,
        "presence_penalty": conversation.presence_penalty,
        "logit_bias": conversation.logit_bias,
        "logprobs": (conversation.top_logprobs or 0) if conversation.logprobs else None,
        "user": conversation.user,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _note_losses(conversation: Conversation, losses: Losses) -> None:
    """Names what this API has no field for. A tool choice without tools says nothing."""
    reasoning = conversation.reasoning
    lost = {
        "messages[0].name": conversation.messages[0].name is not None,
        "tools": bool(conversation.tools),
        "response_format": conversation.output_format is not None,
        "reasoning_effort": reasoning is not None and reasoning.enabled,
        "top_k": conversation.top_k is not None,
        "service_tier": conversation.service_tier is not None,
        "verbosity": conversation.verbosity is not None,
    }
    for path, _ in conversation.unmapped:
        if path not in _OWN_FIELDS:
            losses.refuse_unmapped(path)
    for path, is_lost in lost.items():
        if is_lost:
            losses.refuse(path)
