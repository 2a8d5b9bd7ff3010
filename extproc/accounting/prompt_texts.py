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


def walk_prompts(body: JsonObject) -> Tally:
    """A request of Completions."""
    tally = Tally()
    _texts(body.get("prompt"), tally)
    return tally


def walk_inputs(body: JsonObject) -> Tally:
    """A request for embeddings. Raises ``UnboundedCost`` for what is no text: a vendor may price it apart."""
    tally = Tally()
    given = body.get("input")
    for name in ("messages", "inputs", "images"):
        if body.get(name) is not None:
            raise _no_text(name)
    if isinstance(given, dict) or (isinstance(given, list) and any(isinstance(one, dict) for one in given)):
        raise _no_text("input")
    _texts(given, tally)
    return tally


def walk_documents(body: JsonObject) -> Tally:
    """A request to rank: models read the query once with each document."""
    tally = Tally()
    documents, query = body.get("documents"), body.get("query")
    count = len(documents) if isinstance(documents, list) else 1
    if isinstance(documents, list) and any(_holds_media(one) for one in documents):
        raise _no_text("documents")
    if _holds_media(query) or isinstance(query, list):
        raise _no_text("query")
    again = len(query.encode("utf-8", "surrogatepass")) if isinstance(query, str) else 0
    tally.framing = count * (again + _INPUT_TOKENS)
    tally.messages = count
    return tally


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


def _holds_media(document: Json) -> bool:
    return isinstance(document, dict) and any(isinstance(value, dict | list) for value in document.values())


def _no_text(name: str) -> UnboundedCost:
    return UnboundedCost(
        f"{name} can hold more than text, which has prices of its own that are not known. Send texts alone.",
        param=name,
    )
