"""What is asked besides conversations: which operations are free, and which of the others have a bound. Tables.

::

    embeddings, rerank            tokens of what is sent, and no output; of rerank a price of a request is that of a search unit
    moderations                   likewise, and free where nobody names a price
    images, speech, ...           sold by what no usage report counts: only a price of each request bounds them
    count-tokens-..., files       free
    batches                       a file says what is to be done: no bound, but looking at one is free

Sources: https://developers.openai.com/api/docs/pricing (moderation is free),
https://platform.claude.com/docs/en/build-with-claude/token-counting#pricing, https://ai.google.dev/api/tokens.
"""

from collections.abc import Callable, Mapping

from extproc.accounting.bound import Bound
from extproc.accounting.cost import cost
from extproc.accounting.prompt_texts import least_units, most_units, walk_documents, walk_inputs
from extproc.accounting.spelling import count
from extproc.accounting.tally import Tally
from extproc.accounting.tariffs import Tariff
from extproc.domain.errors import UnboundedCost
from extproc.domain.reading import Json, JsonObject
from extproc.domain.usage import Usage

BY_TOKENS: Mapping[str, Callable[[JsonObject], Tally]] = {
    "embeddings": walk_inputs,
    "rerank": walk_documents,
    "moderations": lambda _: Tally(),
}
"""Operations that cost by the tokens of what is sent, and how it is read."""

_MANY = frozenset({"images", "images-edits", "images-variations"})
"""Of those that cost by the picture, the character or the minute, those that make ``n`` of them."""

_FREE = frozenset({"files", "count-tokens"})
_FREE_UNPRICED = frozenset({"moderations"})
_BATCHES = "batches"
_RERANK = "rerank"

_REQUEST_TOKENS = 256
"""As for conversations: what is put around texts."""
_EMPTY = 2
"""Bytes of a body that says nothing: ``{}``."""


def is_free(operation: str) -> bool:
    """Whether nothing is charged for it whatever the price is."""
    return operation in _FREE or operation.startswith("count-tokens-")


def sold(body: JsonObject, operation: str) -> int:
    """How often the price of a request is due: for each picture or search unit, once for all else that costs, else never.

    Of search units it is the least; ``charge`` heeds what was reported, ``operation_bound`` has the most.
    """
    if is_free(operation) or operation == _BATCHES:
        return 0
    if operation == _RERANK:
        return least_units(body)
    return max(_number(body.get("n")), 1) if operation in _MANY else 1


def counted(usage: Usage, operation: str) -> Usage:
    """What of an answer's usage is charged, in tokens and in money: nothing where no hold could bound it."""
    return usage if operation == "chat" or operation in BY_TOKENS else Usage()


def charge(
    tariff: Tariff | None,
    usage: Usage,
    *,
    operation: str = "chat",
    requests: int = 1,
    service_tier: str | None = None,
    regional: bool = False,
) -> int | None:
    """What an answer to any operation has cost, in nano-USD; None where its price, or what is billed, is not known.

    As ``cost``; ``requests`` is ``sold``. Other operations than conversations are told here what they do not cost.
    """
    if is_free(operation) or (tariff is None and operation in _FREE_UNPRICED):
        return 0
    if tariff is None or service_tier in tariff.unpriced or operation == _BATCHES:
        return None
    if operation != "chat" and operation not in BY_TOKENS and not tariff.flat:
        return None
    if operation == _RERANK and usage.search_units:
        requests = usage.search_units
    return cost(tariff, usage, service_tier=service_tier, regional=regional, requests=requests)


def operation_bound(body: JsonObject, size: int, operation: str) -> Bound:
    """The bound of what is no conversation. Raises ``UnboundedCost`` for what has none whatever the price is.

    ``body`` is empty where it is none of JSON's; a form's fields are texts. An operation that is not listed anywhere is
    one that only a price of each request bounds.
    """
    if operation == _BATCHES and (body or size > _EMPTY):
        raise UnboundedCost(
            "What a batch costs cannot be told from its request, so under a budget or a limit on tokens batches cannot "
            "be made. Send its requests one by one."
        )
    if is_free(operation) or operation == _BATCHES:
        return Bound(0, 0, 1, 0, 0, cached=False, requests=0, needs_price=False)
    walk = BY_TOKENS.get(operation)
    if walk is None:
        return Bound(0, 0, 1, 0, 0, cached=False, requests=sold(body, operation), sold_by=operation)
    tally = walk(body)
    read = max(size - tally.payload, 0)
    return Bound(
        input_tokens=read + tally.framing + _REQUEST_TOKENS,
        output_limit=0,
        n=1,
        extra_output=0,
        searches=0,
        cached=False,
        text_bytes=read,
        requests=most_units(body) if operation == _RERANK else 1,
        needs_price=operation not in _FREE_UNPRICED,
    )


def _number(value: Json) -> int:
    """Of a form too, whose fields are texts."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 9:
        return int(value)
    return count(value) or 0
