"""What a request costs at most, before it is sent: ``Bound`` from the request alone, ``Quote`` for one tariff.

The proof in short. Tokens of text are no more than its bytes, images have their vendors' limits, and all else is bounded
by the context window. Each token is priced at the dearest rate that it can have. ``cost`` rounds up once, a quote at
least twice. ``tests/properties/test_accounting.py`` tries to break it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from extproc.accounting.cost import served_regionally
from extproc.accounting.images import WORST_IMAGE
from extproc.accounting.prompt import image_bound, walk
from extproc.accounting.rates import PER, Rates
from extproc.accounting.servertools import check_fields
from extproc.accounting.tariffs import STANDARD, Tariff
from extproc.domain.errors import UnboundedCost
from extproc.domain.reading import Json, JsonObject

_REQUEST_TOKENS = 256
"""What chat templates put around a conversation: gpt-oss's alone is about 70 tokens."""
_FORMAT_TOKENS = 1_024
"""What vendors tell a model about tools or an output format. Anthropic has published 159 to 530 for tools.
https://docs.anthropic.com/en/docs/tool-use-pricing-and-tokens"""

_REQUEST_JSON, _MESSAGE_JSON = 100, 32
"""Bytes of a request, and of each of its messages, that are no text of the prompt. Typical ones."""

_LIMITS: Mapping[str, tuple[str, ...]] = {
    "openai-chat": ("max_completion_tokens", "max_tokens"),
    "anthropic-messages": ("max_tokens",),
}
"""Output limit of a dialect: its fields, by the dialect's name."""

_TIERS: Mapping[Json, frozenset[str]] = {
    # Not asked for counts as `auto`, and `auto` is what the vendor's project or commitment says.
    None: frozenset({"priority"}),
    "auto": frozenset({"priority"}),
    "priority": frozenset({"priority"}),
    "fast": frozenset({"priority", "fast"}),
    "default": frozenset(),
    "standard": frozenset(),
    "standard_only": frozenset(),
    "flex": frozenset({"flex"}),
}
"""``service_tier`` of the request → tiers that may serve it besides the standard. One that is not listed: any.

Sources: openai.types.chat.CompletionCreateParams, anthropic.types.MessageCreateParams (``service_tier``).
"""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a request can come to, whatever model serves it. Tokens."""

    input_tokens: int
    """The prompt, each image at the dearest rule there is; does not bound what ``whole_window`` names."""
    output_limit: int | None
    """The client's own, for each of ``n`` answers."""
    n: int
    extra_output: int
    """Billed as output beside the limit: a prediction that turned out wrong."""
    searches: int
    """Uses of server tools that have a fee each."""
    cached: bool
    """Something is marked for the prompt cache."""
    cached_1h: bool = False
    """Something is marked to stay longer than the default."""
    images: int = 0
    whole_window: str | None = None
    """The field that has no bound in its bytes: the model's context window is the bound."""
    rounds: int = 1
    """How often the vendor may read the prompt and write an answer: once, and once for each use of a server tool."""
    tiers: frozenset[str] | None = frozenset()
    """Service tiers that may serve it besides the standard; None: any."""
    regional: bool = False
    """It chooses where it is served, which some vendors charge for."""
    spoken: bool = False
    """It asks for audio."""
    text_bytes: int = 0
    """About the bytes of the prompt's text, without media and JSON around it; no bound. ``estimate`` learns by it."""


@dataclass(frozen=True, slots=True)
class Quote:
    """The most that a request can cost on one tariff: ``fixed_usd + usd_per_output x output tokens granted``."""

    fixed_usd: int
    """Nano-USD: the whole prompt, predictions and fees."""
    usd_per_output: int
    """Nano-USD for one token of the output limit, in all of the answers asked for."""
    input_tokens: int
    outputs: int = 1
    """Output tokens that one token of the limit stands for: answers x rounds."""
    extra_output: int = 0
    """Output tokens beside the limit."""


def prompt_bound(body: JsonObject, size: int, dialect: str) -> Bound:
    """The bound of a client's request. ``size``: bytes of the body as it came; ``dialect``: the client's.

    Raises ``UnboundedCost``, naming the field and the mend, where the vendor may do any number of things.
    """
    check_fields(body)
    tally = walk(body)
    read = max(size - tally.payload, 0)
    framing = _REQUEST_TOKENS + tally.framing + (_FORMAT_TOKENS if _formatted(body) else 0)
    n = max(_count(body.get("n")) or 1, _count(body.get("best_of")) or 1)
    limits = [limit for name in _LIMITS[dialect] if (limit := _count(body.get(name))) is not None]
    modalities = body.get("modalities")
    return Bound(
        input_tokens=read + framing + image_bound(tally),
        # Where two contradict each other, the vendor chooses.
        output_limit=max(limits, default=None),
        n=n,
        extra_output=_prediction(body.get("prediction")) * n,
        searches=tally.searches,
        cached=tally.cached,
        cached_1h=tally.cached_1h,
        images=tally.images,
        whole_window=tally.whole_window,
        rounds=1 + tally.uses,
        tiers=_tiers(body),
        regional=served_regionally(body),
        spoken=body.get("audio") is not None or (isinstance(modalities, list) and "audio" in modalities),
        text_bytes=max(read - _REQUEST_JSON - tally.messages * _MESSAGE_JSON, 0),
    )


def quote(bound: Bound, tariff: Tariff | None) -> Quote:
    """The worst case on a tariff; None, no price: tokens only.

    Raises ``UnboundedCost``, naming the field, where only the context window bounds the prompt, and nobody knows it.
    """
    tokens = _input(bound, tariff)
    outputs = bound.n * bound.rounds
    if tariff is None:
        return Quote(0, 0, tokens, outputs, bound.extra_output)
    unit_in, unit_out, request, search = _dearest(bound, tariff, tokens)
    percent = 100 + tariff.regional_percent if bound.regional else 100
    billed = (tokens * unit_in + bound.extra_output * unit_out) * percent + (request + bound.searches * search) * 100
    return Quote(
        fixed_usd=-(-billed // (PER * 100)),
        usd_per_output=-(-unit_out * percent * outputs // (PER * 100)),
        input_tokens=tokens,
        outputs=outputs,
        extra_output=bound.extra_output,
    )


def _input(bound: Bound, tariff: Tariff | None) -> int:
    image = WORST_IMAGE if tariff is None else tariff.image_tokens
    tokens = bound.input_tokens - bound.images * (WORST_IMAGE - image)
    if bound.whole_window is None:
        return tokens
    window = None if tariff is None else tariff.context_window
    if window is None:
        raise UnboundedCost(
            f"{bound.whole_window} can be any number of tokens, and the context window of the model is not known. "
            "Leave it out, or have the target's context_window set.",
            param=bound.whole_window,
        )
    return max(tokens, window) * bound.rounds


def _dearest(bound: Bound, tariff: Tariff, prompt: int) -> tuple[int, int, int, int]:
    """The highest rates in reach: of a prompt token, an output token, a request, a search."""
    reach = [
        rates
        for tier, steps in tariff.dearest.items()
        if tier == STANDARD or bound.tiers is None or tier in bound.tiers
        for above, rates in steps
        if prompt > above
    ]
    return (
        max(_dearest_input(bound, tariff, rates) for rates in reach),
        max(max(rates.output, rates.reasoning, rates.audio_output if bound.spoken else 0) for rates in reach),
        max(rates.request for rates in reach),
        max(rates.web_search for rates in reach),
    )


def _dearest_input(bound: Bound, tariff: Tariff, rates: Rates) -> int:
    found = max(rates.input, rates.cache_read)
    if bound.cached or tariff.writes_unasked:
        found = max(found, rates.cache_write_5m)
    if bound.cached_1h:
        found = max(found, rates.cache_write_1h)
    if bound.whole_window is not None:  # what is no text may be audio
        found = max(found, rates.audio_input, rates.audio_cache_read)
    return found


def _tiers(body: JsonObject) -> frozenset[str] | None:
    asked = body.get("service_tier")
    tiers = _TIERS.get(asked) if asked is None or isinstance(asked, str) else None
    speed = body.get("speed")
    if tiers is None or speed is None or speed == "standard":
        return tiers
    return tiers | {"fast"} if speed == "fast" else None


def _formatted(body: JsonObject) -> bool:
    return any(body.get(name) for name in ("tools", "functions", "response_format", "output_config"))


def _prediction(prediction: Json) -> int:
    """Bytes of a predicted output, each at least a token.

    Source: https://developers.openai.com/api/docs/guides/predicted-outputs: rejected tokens are billed as output.
    """
    if not isinstance(prediction, dict):
        return 0
    content = prediction.get("content")
    parts = content if isinstance(content, list) else [content]
    texts = (part.get("text") if isinstance(part, dict) else part for part in parts)
    return sum(_bytes(text) for text in texts if isinstance(text, str))


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _count(value: Json) -> int | None:
    """A whole number that is not negative; the vendor refuses all else, but takes ``100.0``."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != value // 1:
        return None
    return int(value)
