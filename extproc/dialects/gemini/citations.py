"""Citations and grounding ↔ citations in Anthropic's shape, which is the neutral one.

Sources: https://ai.google.dev/api/generate-content#citationmetadata, .../generate-content#GroundingMetadata, and
``anthropic.types.CitationsWebSearchResultLocation``. That shape has a field that only Claude's own searches can fill,
``encrypted_index``: here it is empty.
"""

from collections.abc import Iterator, Mapping

from extproc.dialects.gemini.models import generation_of
from extproc.domain.reading import Json, JsonObject

MAX_CITATIONS = 256
"""Of one candidate: far above what an answer has; a stream repeats them, so they are remembered."""


def parse_citations(candidate: JsonObject) -> list[JsonObject]:
    """The citations of a candidate, each once. Never raises; what has no address is left out."""
    found: dict[tuple[str, str], JsonObject] = {}
    for uri, title, text in (*_cited(candidate), *_grounded(candidate)):
        if len(found) < MAX_CITATIONS:
            found[uri, text] = {
                "type": "web_search_result_location",
                "url": uri,
                "title": title,
                "cited_text": text,
                "encrypted_index": "",
            }
    return list(found.values())


def render_citations(citations: list[JsonObject]) -> JsonObject | None:
    """The ``citationMetadata`` of those that have an address; None where none has."""
    sources: list[Json] = []
    for citation in citations:
        uri = citation.get("url")
        if isinstance(uri, str):
            title = citation.get("title")
            sources.append({"uri": uri, "title": title} if isinstance(title, str) else {"uri": uri})
    return {"citationSources": sources} if sources else None


def search_count(candidate: JsonObject, model: str) -> int:
    """How many web searches are charged for this candidate: each query since Gemini 3, all of a prompt as one before.

    Source: https://ai.google.dev/gemini-api/docs/google-search#pricing.
    """
    queries = len(_list(_object(candidate, "groundingMetadata"), "webSearchQueries"))
    return min(queries, 1) if 0 < generation_of(model) < 3 else queries


def _cited(candidate: JsonObject) -> Iterator[tuple[str, str | None, str]]:
    metadata = _object(candidate, "citationMetadata")
    # Vertex says `citations`, the Gemini API `citationSources`.
    for source in (*_list(metadata, "citations"), *_list(metadata, "citationSources")):
        if isinstance(source, Mapping) and isinstance(uri := source.get("uri"), str):
            title = source.get("title")
            yield uri, title if isinstance(title, str) else None, ""


def _grounded(candidate: JsonObject) -> Iterator[tuple[str, str | None, str]]:
    metadata = _object(candidate, "groundingMetadata")
    chunks = _list(metadata, "groundingChunks")
    for support in _list(metadata, "groundingSupports"):
        if not isinstance(support, Mapping):
            continue
        text = _object(support, "segment").get("text")
        for index in _list(support, "groundingChunkIndices"):
            chunk = chunks[index] if isinstance(index, int) and 0 <= index < len(chunks) else None
            source = next(iter(chunk.values()), None) if isinstance(chunk, Mapping) else None
            if isinstance(source, Mapping) and isinstance(uri := source.get("uri"), str):
                title = source.get("title")
                yield uri, title if isinstance(title, str) else None, text if isinstance(text, str) else ""


def _object(value: JsonObject, name: str) -> JsonObject:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _list(value: JsonObject, name: str) -> list[Json]:
    found = value.get(name)
    return found if isinstance(found, list) else []
