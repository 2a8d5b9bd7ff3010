"""``POST /v2/rerank`` and ``/v1/rerank``: the more words a document shares with the query, the better.

Source: https://docs.cohere.com/reference/rerank and https://docs.cohere.com/v1/reference/rerank; what a search costs:
https://docs.cohere.com/docs/how-does-cohere-pricing-work
"""

from collections.abc import Mapping

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.call import Call
from extproc.simulator.cohere.check import check_fields, positive, text, texts
from extproc.simulator.cohere.errors import invalid, wrong_type
from extproc.simulator.embedding import similarity
from extproc.simulator.replies import charge, document
from extproc.simulator.tokens import kind_of, prompt_tokens
from extproc.simulator.wire import Reply, names

KNOWN = names("model query documents top_n max_tokens_per_doc priority")
KNOWN_V1 = names("model query documents top_n rank_fields return_documents max_chunks_per_doc")

DOCUMENTS_PER_UNIT = 100
TOKENS_PER_DOCUMENT = 500
"""A longer document, its query counted in, counts as several."""
_MOST_DOCUMENTS = 10_000


def rerank(call: Call) -> Reply:
    """The second version: documents are texts, and are not sent back. Raises ``Refused``."""
    check_fields(call.body, KNOWN)
    positive(call.body, "max_tokens_per_doc")
    found = call.body.get("documents")
    return _ranked(call, texts(found, "documents") if found is not None else [], "2", shown=False)


def rerank_v1(call: Call) -> Reply:
    """The first version: documents may be objects, and come back on demand. Raises ``Refused``."""
    body = call.body
    check_fields(body, KNOWN_V1)
    positive(body, "max_chunks_per_doc")
    fields = body.get("rank_fields")
    names_of = texts(fields, "rank_fields") if fields is not None else ["text"]
    found = body.get("documents")
    if found is not None and not isinstance(found, list):
        raise wrong_type("documents", kind_of(found), "array")
    documents = [_document(one, names_of, f"documents[{at}]") for at, one in enumerate(found or [])]
    return _ranked(call, documents, "1", shown=body.get("return_documents") is True)


def units(query: str, documents: list[str]) -> int:
    """Search units of one call."""
    asked = prompt_tokens(query)
    chunks = sum(max(1, -(-(asked + prompt_tokens(one)) // TOKENS_PER_DOCUMENT)) for one in documents)
    return -(-chunks // DOCUMENTS_PER_UNIT)


def _ranked(call: Call, documents: list[str], version: str, *, shown: bool) -> Reply:
    body = call.body
    text(body, "model")
    query = text(body, "query")
    top = positive(body, "top_n") or len(documents)
    if not documents:
        raise invalid("list of documents must not be empty")
    if len(documents) > _MOST_DOCUMENTS:
        raise invalid(f"number of documents must be at most {_MOST_DOCUMENTS} - received {len(documents)}")
    # Searches are billed, not tokens.
    charge(call, 0)
    scores = [similarity(query, one) for one in documents]
    best = sorted(range(len(documents)), key=lambda at: -scores[at])[:top]
    results: list[Json] = [
        {"index": at, "relevance_score": scores[at], **({"document": {"text": documents[at]}} if shown else {})}
        for at in best
    ]
    answer: JsonObject = {
        "id": call.token,
        "results": results,
        "meta": {"api_version": {"version": version}, "billed_units": {"search_units": units(query, documents)}},
    }
    return document(call, answer)


def _document(one: Json, fields: list[str], path: str) -> str:
    if isinstance(one, str):
        return one
    if not isinstance(one, Mapping):
        raise wrong_type(path, kind_of(one), "string or object")
    found = {name: one[name] for name in fields if name in one}
    if not found:
        raise invalid(f"{path} has none of the rank_fields")
    alone = found.get("text")
    return alone if len(found) == 1 and isinstance(alone, str) else orjson.dumps(found).decode()
