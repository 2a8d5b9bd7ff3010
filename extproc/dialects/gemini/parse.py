"""Request JSON → ``Conversation``. Counterpart: ``render.py``.

Source: https://ai.google.dev/api/generate-content; names in camelCase and in snake_case, as the vendor takes them.
"""

from collections.abc import Mapping

from extproc.dialects.gemini.parse_contents import parse_contents
from extproc.dialects.gemini.parse_options import parse_generation, parse_tools
from extproc.dialects.gemini.parse_parts import PartReader, Unmapped, keep_unread
from extproc.dialects.gemini.spelling import Message
from extproc.domain.conversation import Conversation
from extproc.domain.reading import Json

_TIERS: Mapping[str, str] = {"STANDARD": "default", "FLEX": "flex", "PRIORITY": "priority"}
"""``serviceTier`` of a request → neutral."""

_IGNORED = ("store",)
"""Whether the vendor may keep the exchange for its console: the answer is the same."""


_NAMES: Mapping[str, str] = {
    "messages": "contents",
    "tool_choice": "toolConfig.functionCallingConfig",
    "service_tier": "serviceTier",
    **{
        name: f"generationConfig.{own}"
        for name, own in (
            ("max_tokens", "maxOutputTokens"),
            ("temperature", "temperature"),
            ("top_p", "topP"),
            ("top_k", "topK"),
            ("stop", "stopSequences"),
            ("seed", "seed"),
            ("n", "candidateCount"),
            ("frequency_penalty", "frequencyPenalty"),
            ("presence_penalty", "presencePenalty"),
            ("logprobs", "responseLogprobs"),
            ("top_logprobs", "logprobs"),
            ("response_format", "responseMimeType"),
            ("reasoning_effort", "thinkingConfig"),
        )
    },
}
"""Fields that this API spells otherwise: ``Conversation.names``."""


def parse_request(body: Json) -> Conversation:
    """The conversation of a ``generateContent`` request. Raises ``InvalidRequest`` with the path of the field at fault.

    ``model`` is the body's own if it names one, else empty: it is in the path, as is whether to stream.
    """
    fields = Message(body)
    unmapped: Unmapped = []
    messages = parse_contents(fields, PartReader(unmapped))
    tools = parse_tools(fields, unmapped)
    generation = parse_generation(fields.message("generationConfig"))
    tier = fields.word("serviceTier")
    model = fields.optional_text("model") or ""
    for name in _IGNORED:
        fields.raw(name)
    keep_unread(fields, unmapped)
    return Conversation(
        model=model.removeprefix("models/"),
        messages=messages,
        tools=tools.tools,
        tool_choice=tools.choice,
        max_output_tokens=generation.max_output_tokens,
        temperature=generation.temperature,
        top_p=generation.top_p,
        top_k=generation.top_k,
        stop=generation.stop,
        seed=generation.seed,
        n=generation.n,
        output_format=generation.output_format,
        reasoning=generation.reasoning,
        frequency_penalty=generation.frequency_penalty,
        presence_penalty=generation.presence_penalty,
        logprobs=generation.logprobs,
        top_logprobs=generation.top_logprobs,
        service_tier=_TIERS.get(tier, tier.lower()) if tier else None,
        unmapped=(*unmapped, *generation.unmapped),
        names=_NAMES,
    )
