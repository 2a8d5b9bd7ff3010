"""What a request costs at most, before it is sent: ``Bound`` from the request alone, ``Quote`` for one tariff.

The proof in short. Tokens of text are no more than its bytes, images have their vendors' limits, and all else is bounded
by the context window. Each token is priced at the dearest rate that it can have. ``cost`` rounds up once, a quote at
least twice. ``tests/properties/test_accounting.py`` tries to break it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from extproc.accounting.bound import Bound, Quote
from extproc.accounting.cost import asked_tier, served_regionally
from extproc.accounting.images import WORST_IMAGE
from extproc.accounting.operations import operation_bound
from extproc.accounting.prompt import walk
from extproc.accounting.rates import PER, Rates
from extproc.accounting.servertools import check_fields, check_settings
from extproc.accounting.spelling import SPELLINGS
from extproc.accounting.tally import image_bound
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
    "ultrafast": frozenset({"priority", "ultrafast"}),
    "unspecified": frozenset(),
}
"""``service_tier`` of the request → tiers that may serve it besides the standard. One that is not listed: any.

Sources: openai.types.responses.ResponseCreateParams, anthropic.types.MessageCreateParams,
google.genai.types.ServiceTier (``service_tier``).
"""

_UNASKED = frozenset({None, "auto"})
_FORMATS = ("tools", "functions", "response_format", "output_config")
_GEMINI_FORMATS = ("responseSchema", "responseJsonSchema", "responseMimeType", "responseFormat")
"""Members of ``generationConfig`` that ask for an output format; in snake_case, too."""


def prompt_bound(body: JsonObject, size: int, dialect: str, operation: str = "chat") -> Bound:
    """The bound of a client's request. ``size``: bytes of the body as it came; ``dialect``: the client's.

    Raises ``UnboundedCost``, naming the field and the mend, where the vendor may do any number of things.
    """
    if operation != "chat":
        return operation_bound(body, size, operation)
    check_fields(body, dialect)
    spelling = SPELLINGS[dialect]
    settings = list(spelling.settings(body))
    if spelling.within:
        for path, inner in settings:
            check_settings(inner, path.removesuffix("."))
    tally = walk(body, dialect)
    read = max(size - tally.payload, 0)
    formatted = any(_formats(body)) or (bool(spelling.within) and any(_gemini_formats(inner) for _, inner in settings))
    framing = _REQUEST_TOKENS + tally.framing + (_FORMAT_TOKENS if formatted else 0)
    n = max(spelling.counts(body, spelling.answers), default=1) or 1
    # Where two contradict each other, the vendor chooses.
    said = max(spelling.counts(body, spelling.limits), default=spelling.unsaid)
    tier = asked_tier(body)
    return Bound(
        input_tokens=read + framing + image_bound(tally),
        output_limit=said,
        n=n * tally.inputs,
        extra_output=_prediction(body.get("prediction")) * n + (_echo(body, read, tally.framing) * n),
        searches=tally.searches,
        cached=tally.cached,
        cached_1h=tally.cached_1h,
        images=tally.images,
        whole_window=tally.whole_window,
        kept=tally.kept,
        rounds=1 + tally.uses,
        tiers=_tiers(body, tier),
        regional=served_regionally(body),
        spoken=_spoken(body) or any(_spoken(inner) for _, inner in settings),
        text_bytes=max(read - _REQUEST_JSON - tally.messages * _MESSAGE_JSON, 0),
        tier_asked=tier not in _UNASKED,
        file_searches=tally.file_searches,
    )


def quote(bound: Bound, tariff: Tariff | None, *, keeps: bool = True) -> Quote:
    """The worst case on a tariff; None, no price: tokens only. ``keeps``: the provider has what ``bound.kept`` stands for.

    Raises ``UnboundedCost``, naming the field, where only the context window bounds the prompt, and nobody knows it, and
    where the operation or the service tier asked for has a bound on no price but its own.
    """
    if keeps and bound.kept is not None and bound.whole_window is None:
        bound = replace(bound, whole_window=bound.kept)
    _check_sold(bound, tariff)
    tokens = _input(bound, tariff)
    outputs = bound.n * bound.rounds
    if tariff is None:
        return Quote(0, 0, tokens, outputs, bound.extra_output)
    unit_in, unit_out, fees = _dearest(bound, tariff, tokens)
    percent = 100 + tariff.regional_percent if bound.regional else 100
    billed = (tokens * unit_in + bound.extra_output * unit_out) * percent + fees * 100
    return Quote(
        fixed_usd=-(-billed // (PER * 100)),
        usd_per_output=-(-unit_out * percent * outputs // (PER * 100)),
        input_tokens=tokens,
        outputs=outputs,
        extra_output=bound.extra_output,
    )


def _check_sold(bound: Bound, tariff: Tariff | None) -> None:
    if bound.sold_by is not None and not (tariff is not None and tariff.flat):
        raise UnboundedCost(
            f"What {bound.sold_by} cost cannot be told from the request, so under a budget or a limit on tokens the target "
            "needs a price of each request. Ask the platform team to set models.*.targets.*.price: {request: ...}."
        )
    asked = bound.tiers & tariff.unpriced if bound.tiers and bound.tier_asked and tariff is not None else None
    if asked:
        raise UnboundedCost(
            f"service_tier {min(asked)} has no published price. Leave it out, or have it set in the target's price.",
            param="service_tier",
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


def _dearest(bound: Bound, tariff: Tariff, prompt: int) -> tuple[int, int, int]:
    """The highest rates in reach: of a prompt token, of an output token, and of all fees together."""
    reach = [
        rates
        for tier, steps in tariff.dearest.items()
        if tier == STANDARD or _serves(tier, bound, tariff)
        for above, rates in steps
        if prompt > above
    ]
    return (
        max(_dearest_input(bound, tariff, rates) for rates in reach),
        max(max(rates.output, rates.reasoning, rates.audio_output if bound.spoken else 0) for rates in reach),
        bound.requests * max(rates.request for rates in reach)
        + bound.searches * max(rates.web_search for rates in reach)
        + bound.file_searches * max(rates.file_search for rates in reach),
    )


def _serves(tier: str, bound: Bound, tariff: Tariff) -> bool:
    if bound.tiers is None:
        return True
    return tier in bound.tiers and (bound.tier_asked or not tariff.only_asked)


def _dearest_input(bound: Bound, tariff: Tariff, rates: Rates) -> int:
    found = max(rates.input, rates.cache_read)
    if bound.cached or tariff.writes_unasked:
        found = max(found, rates.cache_write_5m)
    if bound.cached_1h:
        found = max(found, rates.cache_write_1h)
    if bound.whole_window is not None:  # what is no text may be audio
        found = max(found, rates.audio_input, rates.audio_cache_read)
    return found


def _tiers(body: JsonObject, asked: str | None) -> frozenset[str] | None:
    tiers = _TIERS.get(asked)
    speed = body.get("speed")
    if tiers is None or speed is None or speed == "standard":
        return tiers
    return tiers | {"fast"} if speed == "fast" else None


def _formats(body: JsonObject) -> Iterator[bool]:
    yield from (bool(body.get(name)) for name in _FORMATS)
    text = body.get("text")
    shape = text.get("format") if isinstance(text, dict) else None
    yield isinstance(shape, dict) and shape.get("type") != "text"


def _gemini_formats(settings: JsonObject) -> bool:
    return any(settings.get(name) or settings.get(_snake(name)) for name in _GEMINI_FORMATS)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _spoken(settings: JsonObject) -> bool:
    """OpenAI's ``audio`` and ``modalities``, Gemini's ``responseModalities`` and ``speechConfig``."""
    if any(settings.get(name) is not None for name in ("audio", "speechConfig", "speech_config")):
        return True
    said = (settings.get(name) for name in ("modalities", "responseModalities", "response_modalities"))
    return any(
        isinstance(one, str) and one.lower() == "audio"
        for several in said
        if isinstance(several, list)
        for one in several
    )


def _echo(body: JsonObject, read: int, framing: int) -> int:
    """Completions: the prompt said again. OpenAI bills it as prompt alone; a compatible server may count it twice."""
    return read + framing if body.get("echo") else 0


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
