"""Citations: Converse's shape ↔ Anthropic's, which is the neutral one.

Sources: ``Citation`` and ``CitationLocation`` of the service model; ``anthropic.types.TextCitation`` and
``TextCitationParam``. Converse counts pages, characters and blocks as Anthropic does and names them alike in all kinds.
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass


@valueclass
class _Kind:
    """A location: Converse's member, Anthropic's type, and the pairs of their fields."""

    location: str
    type: str
    fields: tuple[tuple[str, str], ...]
    title: str = "document_title"


_KINDS = (
    _Kind(
        "documentChar",
        "char_location",
        (("documentIndex", "document_index"), ("start", "start_char_index"), ("end", "end_char_index")),
    ),
    _Kind(
        "documentPage",
        "page_location",
        (("documentIndex", "document_index"), ("start", "start_page_number"), ("end", "end_page_number")),
    ),
    _Kind(
        "documentChunk",
        "content_block_location",
        (("documentIndex", "document_index"), ("start", "start_block_index"), ("end", "end_block_index")),
    ),
    _Kind(
        "searchResultLocation",
        "search_result_location",
        (("searchResultIndex", "search_result_index"), ("start", "start_block_index"), ("end", "end_block_index")),
        title="title",
    ),
    _Kind("web", "web_search_result_location", (("url", "url"),), title="title"),
)
_OF_TYPE: Mapping[str, _Kind] = {kind.type: kind for kind in _KINDS}


def parse_citation(citation: JsonObject) -> JsonObject | None:
    """A citation of an answer; None where its location is of a kind that is not known here."""
    location = citation.get("location")
    if not isinstance(location, Mapping):
        return None
    for kind in _KINDS:
        place = location.get(kind.location)
        if isinstance(place, Mapping):
            parsed: dict[str, Json] = {"type": kind.type, "cited_text": _cited(citation.get("sourceContent"))}
            parsed |= {theirs: place.get(ours) for ours, theirs in kind.fields}
            parsed[kind.title] = citation.get("title")
            parsed |= _extras(kind, citation)
            return parsed
    return None


def _extras(kind: _Kind, citation: JsonObject) -> JsonObject:
    """What Anthropic's type requires beyond the common fields."""
    if kind.type == "search_result_location":
        return {"source": citation.get("source") or ""}
    return {"encrypted_index": ""} if kind.type == "web_search_result_location" else {"file_id": None}


def render_citation(citation: JsonObject) -> JsonObject | None:
    """A citation of an earlier answer, sent back; None where Converse has no word for it."""
    type_name = citation.get("type")
    kind = _OF_TYPE.get(type_name) if isinstance(type_name, str) else None
    if kind is None:
        return None
    place = {ours: value for ours, theirs in kind.fields if (value := citation.get(theirs)) is not None}
    rendered: dict[str, Json] = {"location": {kind.location: place}}
    cited = citation.get("cited_text")
    if isinstance(cited, str) and cited:
        rendered["sourceContent"] = [{"text": cited}]
    for theirs, ours in ((kind.title, "title"), ("source", "source")):
        value = citation.get(theirs)
        if isinstance(value, str):
            rendered[ours] = value
    return rendered


def _cited(content: Json) -> str:
    if not isinstance(content, list):
        return ""
    texts = (item.get("text") for item in content if isinstance(item, Mapping))
    return "".join(text for text in texts if isinstance(text, str))
