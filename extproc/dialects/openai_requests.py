"""What requests to OpenAI's conversation APIs have in common, whichever it is."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256

from extproc.dialects.base import RenderOptions
from extproc.dialects.openai_models import Traits, traits_of
from extproc.domain.conversation import Conversation, Reasoning, Source
from extproc.domain.valueclass import valueclass

MAX_END_USER = 64
"""Characters of ``user``. ``safety_identifier`` may have 128 today, but one end user should have one name in both.
openai.types.responses.response_create_params"""

_FILE_NAMES: Mapping[str, str] = {
    "application/pdf": "document.pdf",
    "application/json": "document.json",
    "text/plain": "document.txt",
    "text/csv": "document.csv",
    "text/markdown": "document.md",
    "text/html": "document.html",
}

_SCHEMES = ("https://", "http://", "data:")

_EFFORT_OF_BUDGET: tuple[tuple[int, str], ...] = ((4096, "low"), (16384, "medium"))
"""Highest thinking budget (tokens) → effort; above the last: ``high``.

OpenAI publishes no token counts for its efforts. Anthropic's budgets start at 1,024 and its own example takes 10,000,
so these are ``low`` and ``medium``; from half of a 32,000-token answer on, the client wants ``high``.
https://platform.claude.com/docs/en/build-with-claude/extended-thinking
"""

_NEVER: Mapping[str, object] = {"frequency_penalty": 0, "presence_penalty": 0, "logit_bias": {}}
"""Fields that no reasoning model takes → the values that ask for nothing.
https://learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning"""
_REASONING: Mapping[str, object] = {**_NEVER, "temperature": 1, "top_p": 1, "logprobs": False, "top_logprobs": 0}
"""The same, while it reasons.
https://developers.openai.com/api/docs/guides/deployment-checklist"""


def end_user(name: str | None) -> str | None:
    """The end user's id, or what stands in for one that is too long: always the same for the same user."""
    if name is None or len(name) <= MAX_END_USER:
        return name
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def file_name(title: str | None, media_type: str | None) -> str:
    """The name of a file that is sent along, by which OpenAI tells its format: a made one where it has no title."""
    return title or _FILE_NAMES.get(media_type or "", "document")


@valueclass
class Fitted:
    """A request as the model takes it. ``lost``: fields that asked for something it refuses; ``told``: hints it weakens."""

    conversation: Conversation
    effort: str | None
    """What is sent; None leaves it to the model."""
    lost: tuple[str, ...]
    told: tuple[str, ...]


def fit_model(conversation: Conversation, options: RenderOptions, *, chat: bool) -> Fitted:
    """Fits effort and sampling to the model. ``chat``: it is asked by Chat Completions, else by Responses.

    Servers other than OpenAI's own see to that themselves, all but the effort.
    """
    traits = traits_of(options.known_as or conversation.model)
    if not options.quirks.model_rules:
        traits = Traits(traits.efforts)
    asked = _asked_effort(conversation.reasoning, traits)
    effort = traits.nearest(asked)
    if chat and conversation.tools and not traits.chat_tools and "none" in traits.efforts and traits.reasons(asked):
        effort = "none"
    conversation, lost = _without(conversation, _refused(traits, effort))
    return Fitted(conversation, effort, lost, ("reasoning_effort",) if effort != asked else ())


def _asked_effort(reasoning: Reasoning | None, traits: Traits) -> str | None:
    """Thinking that is switched off without an effort stays unsaid unless the model is known to think all the same.

    Models that cannot reason refuse the field, even with ``none``, and this is the default of many an Anthropic request.
    """
    if reasoning is None or reasoning.effort is not None:
        return None if reasoning is None else reasoning.effort
    if not reasoning.enabled:
        return "none" if traits.reasons(None) and "none" in traits.efforts else None
    if reasoning.budget_tokens is None:
        return None
    return next((effort for most, effort in _EFFORT_OF_BUDGET if reasoning.budget_tokens <= most), "high")


def _refused(traits: Traits, effort: str | None) -> Mapping[str, object]:
    """Names of fields that the model does not take at this effort → the value that asks for nothing."""
    if traits.unasked is None:
        return {}
    fields = _REASONING if traits.reasons(effort) else _NEVER
    return fields if traits.stops else {**fields, "stop": ()}


def _without(conversation: Conversation, fields: Mapping[str, object]) -> tuple[Conversation, tuple[str, ...]]:
    """The conversation without the fields, and those of them that asked for something."""
    said = {name: value for name in fields if (value := getattr(conversation, name)) not in (None, ())}
    if not said:
        return conversation, ()
    nothing = {name: () if name == "stop" else None for name in said}
    return replace(conversation, **nothing), tuple(name for name, value in said.items() if value != fields[name])


def source_url(source: Source) -> str | None:
    """Where OpenAI finds an image or a file, ``data:`` included; None where it cannot.

    Another vendor's store (``gs://``) is not for OpenAI to read.
    """
    if source.data is not None:
        return f"data:{source.media_type or ''};base64,{source.data}"
    return source.url if source.url is not None and source.url.startswith(_SCHEMES) else None
