"""How each dialect says what a bound rests on: output limits, the number of answers, the fields that decide. Tables.

Sources: openai.types.chat.CompletionCreateParams, openai.types.responses.ResponseCreateParams,
openai.types.CompletionCreateParams, anthropic.types.MessageCreateParams, google.genai.types.GenerationConfig.
"""

from collections.abc import Iterator, Mapping
from typing import cast

from extproc.accounting.prompt_texts import NO_DOCUMENTS, NO_INPUTS
from extproc.accounting.servertools import unbounded_fields
from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass

_MOST = 10_000_000
"""Far beyond every model's output; larger numbers only break sums."""
_MANY = frozenset({"images", "images-edits", "images-variations"})
"""Operations that are done ``n`` times over."""
_OF_OPERATIONS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_MANY, ("n",)),
    "embeddings": ("service_tier", "input", "title", *NO_INPUTS),
    "rerank": ("query", "documents", *NO_DOCUMENTS),
}
"""What decides besides conversations."""


@valueclass
class Spelling:
    """A client dialect's words. ``limits``: fields of the output limit, of which the vendor may heed any."""

    limits: tuple[str, ...]
    answers: tuple[str, ...] = ()
    """Fields of the number of alternatives."""
    deciding: tuple[str, ...] = ()
    """Further top-level fields that a bound rests on."""
    within: tuple[str, ...] = ()
    """Top-level objects that hold ``limits`` and ``answers``; empty: they are at the top themselves."""
    least: int = 1
    """The smallest limit there is."""
    unsaid: int | None = None
    """The limit of a request that names none, where the dialect has one."""
    least_granted: int = 1
    """The smallest limit that the vendor takes, where one is put in."""

    def settings(self, body: JsonObject) -> Iterator[tuple[str, JsonObject]]:
        """The objects that may hold ``limits`` and ``answers``, each with the beginning of its members' paths."""
        if not self.within:
            yield "", body
        for name in self.within:
            inner = body.get(name)
            if isinstance(inner, dict):
                yield f"{name}.", inner

    def counts(self, body: JsonObject, names: tuple[str, ...]) -> list[int]:
        """Every count that one of these fields has."""
        return [
            found for _, inner in self.settings(body) for name in names if (found := count(inner.get(name))) is not None
        ]


_TOOLED = ("service_tier", "speed", "inference_geo", "tools", "web_search_options", "thinking", "prediction")
_SAID = (
    *("messages", "system", "functions", "thread", "cache_control", "prompt_cache_options", "context_management"),
    *("response_format", "output_config", "audio", "modalities"),
)
_CHAT = ("max_completion_tokens", "max_tokens")

SPELLINGS: Mapping[str, Spelling] = {
    "openai-chat": Spelling(_CHAT, ("n", "best_of"), (*_TOOLED, *_SAID)),
    # Anthropic takes 0, to fill its prompt cache.
    "anthropic-messages": Spelling(("max_tokens",), ("n", "best_of"), (*_TOOLED, *_SAID), least=0),
    "openai-responses": Spelling(
        ("max_output_tokens",),
        deciding=(
            *("max_tool_calls", "tools", "service_tier", "reasoning", "context_management", "background"),
            *("previous_response_id", "conversation", "prompt", "input", "prompt_cache_options"),
        ),
        # https://developers.openai.com/api/reference/resources/responses/methods/create
        least_granted=16,
    ),
    # A limit of 0 with ``echo`` gives the probabilities of the prompt alone.
    "openai-completions": Spelling(
        ("max_tokens",), ("n", "best_of"), ("echo", "prompt", "service_tier"), least=0, unsaid=16
    ),
    "gemini": Spelling(
        ("maxOutputTokens", "max_output_tokens"),
        ("candidateCount", "candidate_count"),
        (
            *("generationConfig", "generation_config", "tools", "serviceTier", "service_tier", "contents"),
            *("systemInstruction", "system_instruction", "continuationToken", "continuation_token"),
        ),
        within=("generationConfig", "generation_config"),
    ),
}
"""By client dialect, for conversations."""


def deciding(dialect: str, operation: str = "chat") -> tuple[str, ...]:
    """Top-level fields that a bound rests on: one that stands twice would be read one way here, another way there."""
    return _DECIDING[dialect] if operation == "chat" else _OF_OPERATIONS.get(operation, ())


def _all_of(dialect: str, found: Spelling) -> tuple[str, ...]:
    own = () if found.within else (*found.limits, *found.answers)
    # One that is refused may stand there twice, and be nothing the second time.
    return tuple(dict.fromkeys((*own, *found.deciding, *unbounded_fields(dialect))))


_DECIDING = {dialect: _all_of(dialect, found) for dialect, found in SPELLINGS.items()}
_NAMES = frozenset({"model", "stream"}.union(*_DECIDING.values(), *_OF_OPERATIONS.values()))
_FOLDED = {name.casefold(): name for name in _NAMES}


def check_case(body: JsonObject) -> None:
    """Servers in Go take ``Model`` for ``model``: a field that decides is spelled as its API spells it, or refused.

    Raises ``InvalidRequest`` naming the field. Source: https://pkg.go.dev/encoding/json#Unmarshal.
    """
    for name in body:
        if name not in _NAMES and (meant := _FOLDED.get(name.casefold())) is not None:
            raise InvalidRequest(
                f"The field {name} is not {meant}, but some servers read it so. Write {meant}.", param=name
            )


def check_counts(body: JsonObject, dialect: str, operation: str = "chat") -> None:
    """A server may read ``"8"`` as 8, and ``-1`` as no limit at all: what a bound rests on is a count, or refused.

    Raises ``InvalidRequest`` naming the field.
    """
    if operation in _MANY:
        _check(body.get("n"), "n", 1)
    if operation != "chat":
        return
    found = SPELLINGS[dialect]
    if dialect == "openai-responses":
        _check(body.get("max_tool_calls"), "max_tool_calls", 0)
    for prefix, inner in found.settings(body):
        for name in found.limits:
            _check(inner.get(name), prefix + name, found.least)
        for name in found.answers:
            _check(inner.get(name), prefix + name, 1)


def _check(value: Json, path: str, least: int) -> None:
    if value is None:
        return
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if not whole or not least <= cast("float", value) <= _MOST:
        raise InvalidRequest(f"{path} must be a whole number from {least} to {_MOST}.", param=path)


def count(value: Json) -> int | None:
    """A whole number that is not negative; the vendor refuses all else, but takes ``100.0``."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != value // 1:
        return None
    return int(value)
