"""``prompt`` for requests of plain texts: Completions, embeddings, rerank.

Sources: openai.types.CompletionCreateParams, openai.types.EmbeddingCreateParams,
https://docs.cohere.com/reference/rerank.
"""

from typing import TypeGuard

import orjson

from extproc.accounting.tally import Tally
from extproc.domain.errors import UnboundedCost
from extproc.domain.reading import Json, JsonObject

_INPUT_TOKENS = 16
"""Framing of one text: what begins and ends it, and the few words that tell a model what it is embedded for."""


NO_INPUTS = ("messages", "inputs", "images")
NO_DOCUMENTS = ("messages", "inputs", "images", "texts")
"""Members in which some servers take something else than ``input`` and ``documents``."""

_DOCUMENTS_OF_A_UNIT = 100
_TOKENS_OF_A_DOCUMENT = 500
_TOKENS_OF_A_CHUNK = 240
"""Cohere counts a document as several where it has, with the query, more than 500 tokens. Each piece has the query
before it, of which 256 tokens are read. https://cohere.com/pricing, https://docs.cohere.com/docs/reranking-best-practices
"""


def walk_prompts(body: JsonObject) -> Tally:
    """A request of Completions."""
    tally = Tally()
    _texts(body.get("prompt"), tally)
    return tally


def walk_inputs(body: JsonObject) -> Tally:
    """A request for embeddings. Raises ``UnboundedCost`` for what is no text: a vendor may price it apart."""
    tally = Tally()
    given = body.get("input")
    for name in NO_INPUTS:
        if body.get(name) is not None:
            raise _no_text(name)
    if isinstance(given, dict) or (isinstance(given, list) and any(_holds_objects(one) for one in given)):
        raise _no_text("input")
    _texts(given, tally)
    tally.framing += tally.inputs * _bytes(body.get("title"))  # Google's: read with each of them
    return tally


def walk_documents(body: JsonObject) -> Tally:
    """A request to rank: models read the query once with each document."""
    tally = Tally()
    documents, query = body.get("documents"), body.get("query")
    count = len(documents) if isinstance(documents, list) else 1
    for name in NO_DOCUMENTS:
        if body.get(name) is not None:
            raise _no_text(name)
    # An object in place of the list is vLLM's way to send pictures.
    if isinstance(documents, dict) or (isinstance(documents, list) and any(_holds_media(one) for one in documents)):
        raise _no_text("documents")
    if isinstance(query, dict | list):
        raise _no_text("query")
    tally.framing = count * (_bytes(query) + _INPUT_TOKENS)
    tally.messages = count
    return tally


def least_units(body: JsonObject) -> int:
    """Search units of a request to rank, if no document is a long one."""
    documents = body.get("documents")
    return max(-(-len(documents) // _DOCUMENTS_OF_A_UNIT), 1) if isinstance(documents, list) else 1


def most_units(body: JsonObject) -> int:
    """The most search units that a request to rank can come to: a long document counts as several."""
    documents = body.get("documents")
    query = _bytes(body.get("query"))
    sizes = (query + _bytes(one) for one in (documents if isinstance(documents, list) else [documents]))
    chunks = sum(1 if size <= _TOKENS_OF_A_DOCUMENT else -(-size // _TOKENS_OF_A_CHUNK) for size in sizes)
    return max(-(-chunks // _DOCUMENTS_OF_A_UNIT), 1)


def _texts(given: Json, tally: Tally) -> None:
    """A text, texts, tokens, or lists of tokens. A token is a token, however many digits it is written with."""
    several = isinstance(given, list) and not _is_tokens(given)
    for one in given if several and isinstance(given, list) else [given]:
        if _is_tokens(one):
            tally.framing += len(one)
            # No way to write these numbers is shorter; spaces between them count as text.
            tally.payload += len(orjson.dumps(one))
    tally.inputs = max(len(given), 1) if several and isinstance(given, list) else 1
    tally.messages = tally.inputs
    tally.framing += tally.inputs * _INPUT_TOKENS


def _is_tokens(value: Json) -> TypeGuard[list[Json]]:
    if not isinstance(value, list) or not value or type(value[0]) is not int:
        return False
    # orjson writes integers of 64 bits at most, and larger ones are no tokens.
    return all(type(one) is int and 0 <= one < 1 << 53 for one in value)


def _holds_objects(one: Json) -> bool:
    return isinstance(one, dict) or (isinstance(one, list) and any(isinstance(inner, dict | list) for inner in one))


def _holds_media(document: Json) -> bool:
    if isinstance(document, dict):
        return any(isinstance(value, dict | list) for value in document.values())
    return isinstance(document, list)


def _bytes(value: Json) -> int:
    """Of a text, or of an object of texts; 0 for all else."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    return sum(len(name) + _bytes(one) for name, one in value.items()) if isinstance(value, dict) else 0


def _no_text(name: str) -> UnboundedCost:
    return UnboundedCost(
        f"{name} can hold more than text, which has prices of its own that are not known. Send texts alone.",
        param=name,
    )
