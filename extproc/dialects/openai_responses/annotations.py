"""Annotations of a text ↔ neutral citations, which have Anthropic's shape.

Sources: openai.types.responses.ResponseOutputText, https://platform.claude.com/docs/en/build-with-claude/citations.
"""

from extproc.domain.reading import Json, JsonObject


def parse_annotation(value: Json) -> JsonObject | None:
    """The citation; None for what only OpenAI's own stores can resolve (files, containers)."""
    if not isinstance(value, dict) or value.get("type") != "url_citation" or not isinstance(value.get("url"), str):
        return None
    title = value.get("title")
    return {
        "type": "web_search_result_location",
        "url": value["url"],
        "title": title if isinstance(title, str) else None,
        # OpenAI tells where it cites, not what.
        "cited_text": "",
        "encrypted_index": "",
    }


def render_annotation(citation: JsonObject, start: int, end: int) -> JsonObject | None:
    """The annotation of the text's characters ``start`` to ``end``; None for a kind that is not known.

    A web page is a ``url_citation``; a passage of a document or of a search result is a ``file_citation``, whose
    ``file_id`` is empty where the document came inline.
    """
    match citation.get("type"):
        case "web_search_result_location":
            return {
                "type": "url_citation",
                "start_index": start,
                "end_index": end,
                "url": _text(citation, "url"),
                "title": _text(citation, "title"),
            }
        case "char_location" | "page_location" | "content_block_location":
            name = _text(citation, "document_title")
        case "search_result_location":
            name = _text(citation, "source") or _text(citation, "title")
        case _:
            return None
    return {"type": "file_citation", "file_id": _text(citation, "file_id"), "filename": name, "index": end}


def _text(citation: JsonObject, name: str) -> str:
    value = citation.get(name)
    return value if isinstance(value, str) else ""
