"""The request's fields beside messages, tools and reasoning: limits, sampling, tiers, and Bedrock's own names.

Source: ``ConverseRequest`` and ``InferenceConfiguration`` of the service model.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from extproc.dialects.bedrock.families import Family
from extproc.dialects.bedrock.render_blocks import Rendering
from extproc.dialects.losses import BLANK_STOP, DEFAULT_ONLY, NOT_BESIDE_TEMPERATURE, NOT_WITH_REASONING, Losses
from extproc.dialects.turns import Block
from extproc.domain.conversation import Conversation
from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Json, JsonObject, kind_of

MAX_METADATA = 16
"""Pairs of ``requestMetadata``."""

_METADATA_KEY = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,\-.]{1,256}")
_METADATA_VALUE = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,\-.]{0,256}")

_TIERS: Mapping[str, str | None] = {
    "auto": None,  # the account's choice, which is the default
    "default": "default",
    "standard_only": "default",
    "flex": "flex",
    "priority": "priority",
    "reserved": "reserved",
}

_TAKEN = frozenset({"guardrailConfig", "performanceConfig", "requestMetadata", "additionalModelRequestFields"})
"""Fields of Bedrock's own that clients of any dialect may send, by Bedrock's name and in its shape."""

_ANTHROPIC_BETA = "anthropic_beta"


@dataclass(slots=True)
class Extras:
    """What clients ask of Bedrock by its own names, found among what no dialect has a word for."""

    fields: Block = field(default_factory=dict[str, Json])
    """Members of the request."""
    additional: Block = field(default_factory=dict[str, Json])
    """Members of ``additionalModelRequestFields``."""


def note_losses(conversation: Conversation, to: Rendering) -> None:
    """Names what Converse has no field for. A value that is another vendor's default asks for nothing."""
    asked: dict[str, object] = {
        "n": conversation.n if conversation.n != 1 else None,
        "logit_bias": conversation.logit_bias,
        "logprobs": conversation.logprobs,
        "top_logprobs": conversation.top_logprobs,
    }
    for path, value in asked.items():
        if value:
            to.losses.refuse(path)
    if conversation.verbosity not in {None, "medium"}:
        to.losses.tell("verbosity")
    if conversation.user is not None:
        to.losses.tell("user")


def render_extras(conversation: Conversation, to: Rendering) -> Extras:
    """Bedrock's own fields; all else that is unmapped is refused by name. Raises ``InvalidRequest`` for a wrong type."""
    extras = Extras()
    metadata: dict[str, Json] = {}
    for path, value in conversation.unmapped:
        if path == "metadata" and isinstance(value, Mapping):
            metadata |= _metadata(value, to.losses)
        elif path == _ANTHROPIC_BETA and to.family.is_claude:
            extras.additional[_ANTHROPIC_BETA] = value
        elif path in _TAKEN:
            if not isinstance(value, Mapping):
                raise InvalidRequest(f"{path} must be a JSON object, not {kind_of(value)}", param=path)
            if path == "additionalModelRequestFields":
                extras.additional |= value
            else:
                extras.fields[path] = value
        else:
            to.losses.refuse_unmapped(path)
    _finish(extras, metadata, stream=conversation.stream)
    return extras


def _finish(extras: Extras, metadata: dict[str, Json], *, stream: bool) -> None:
    own = extras.fields.get("requestMetadata")
    if isinstance(own, Mapping):
        metadata |= own
    if metadata:
        extras.fields["requestMetadata"] = dict(list(metadata.items())[-MAX_METADATA:])
    guardrail = extras.fields.get("guardrailConfig")
    if isinstance(guardrail, Mapping) and not stream:
        # How a guardrail treats a stream: a whole answer has no such field.
        extras.fields["guardrailConfig"] = {k: v for k, v in guardrail.items() if k != "streamProcessingMode"}


def _metadata(value: JsonObject, losses: Losses) -> Block:
    """OpenAI's ``metadata`` as labels of Bedrock's invocation logs, as far as they keep to its alphabet."""
    taken: Block = {}
    for name, text in value.items():
        fits = isinstance(text, str) and _METADATA_KEY.fullmatch(name) and _METADATA_VALUE.fullmatch(text)
        if fits and len(taken) < MAX_METADATA:
            taken[name] = text
        else:
            losses.tell(f"metadata.{name}")
    return taken


def render_tier(conversation: Conversation, losses: Losses) -> Block:
    """``serviceTier``."""
    asked = conversation.service_tier
    if asked is None:
        return {}
    if asked not in _TIERS:
        losses.tell("service_tier")
        return {}
    tier = _TIERS[asked]
    return {"serviceTier": {"type": tier}} if tier else {}


def render_inference(conversation: Conversation, to: Rendering, *, fixed: bool) -> tuple[Block, Block]:
    """``inferenceConfig`` and members of ``additionalModelRequestFields``. ``fixed``: thinking rules sampling out.

    OpenAI's temperature goes to 2, Converse's to 1: above, it is 1, and named, for the nearest value is what was meant.
    """
    config: Block = {}
    if conversation.max_output_tokens is not None:
        config["maxTokens"] = conversation.max_output_tokens
    temperature, top_p, top_k = conversation.temperature, conversation.top_p, conversation.top_k
    if temperature is not None and temperature > 1:
        temperature = 1
        to.losses.tell("temperature")
    if to.family.is_claude:
        temperature, top_p, top_k = _for_claude(temperature, top_p, top_k, to, fixed=fixed)
    elif fixed:
        for name in ("temperature", "top_p", "top_k"):
            if getattr(conversation, name) is not None:
                to.losses.refuse(name, NOT_WITH_REASONING)
        temperature = top_p = top_k = None
    if temperature is not None:
        config["temperature"] = temperature
    if top_p is not None:
        config["topP"] = top_p
    stop = _stop(conversation.stop, to)
    if stop:
        config["stopSequences"] = stop
    return config, _top_k(top_k, to) | _openai_fields(conversation, to)


def _for_claude(
    temperature: float | None, top_p: float | None, top_k: int | None, to: Rendering, *, fixed: bool
) -> tuple[float | None, float | None, int | None]:
    """As far as the model takes them: the newest none but their defaults, others one of temperature and top_p.

    Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html.
    """
    default_only = to.family.claude.sampling == "default"
    why = DEFAULT_ONLY if default_only else NOT_WITH_REASONING
    if temperature is not None and (default_only or fixed) and temperature != 1:
        to.losses.refuse("temperature", why)
        temperature = None
    # With thinking, top_p may be 0.95 to 1.
    if top_p is not None and ((default_only and top_p != 1) or (fixed and top_p < 0.95)):
        to.losses.refuse("top_p", why)
        top_p = None
    if top_k is not None and (default_only or fixed):
        to.losses.refuse("top_k", why)
        top_k = None
    if default_only:
        return None, None, None
    if to.family.claude.sampling == "one" and temperature is not None and top_p is not None:
        # The one that says something: 1 is the default of both.
        if temperature == 1 and top_p != 1:
            return None, top_p, top_k
        if top_p != 1:
            to.losses.refuse("top_p", NOT_BESIDE_TEMPERATURE)
        return temperature, None, top_k
    return temperature, top_p, top_k


def _top_k(top_k: int | None, to: Rendering) -> Block:
    if top_k is None:
        return {}
    match to.family.name:
        case "claude":
            return {"top_k": top_k}
        case "nova" | "nova2":
            return {"inferenceConfig": {"topK": top_k}}
        case _:
            to.losses.refuse("top_k")
            return {}


def _openai_fields(conversation: Conversation, to: Rendering) -> Block:
    """Of OpenAI's open models AWS says that any further field of Chat Completions goes into the additional ones."""
    asked: dict[str, Json] = {
        "seed": conversation.seed,
        "frequency_penalty": conversation.frequency_penalty or None,
        "presence_penalty": conversation.presence_penalty or None,
    }
    given: Block = {name: value for name, value in asked.items() if value is not None}
    if to.family.name == "gpt-oss":
        return given
    for name in given:
        to.losses.refuse(name)
    return {}


def _stop(stop: tuple[str, ...], to: Rendering) -> list[Json]:
    """An empty sequence is refused by the vendor, by Claude a blank one, too."""
    sequences: list[Json] = [sequence for sequence in stop if _stops(sequence, to.family)]
    if len(sequences) < len(stop):
        to.losses.refuse("stop", BLANK_STOP)
    return sequences


def _stops(sequence: str, family: Family) -> bool:
    return bool(sequence.strip() if family.is_claude else sequence)
