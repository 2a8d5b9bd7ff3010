"""Annotations of an answer ↔ neutral citations, which have Anthropic's shape.

Source: openai.types.chat.chat_completion_message.Annotation, the same objects in a stream's ``delta.annotations``: OpenAI's
search models send all of them in one chunk, behind the text.
"""

from extproc.domain.reading import Json, JsonObject

MAX_ANNOTATIONS = 256
"""Of one choice: far above what an answer has; a stream's wait for its end. Further ones are left out."""


def parse_annotations(value: Json) -> tuple[JsonObject, ...]:
    """The citations of web pages, the only kind that there is; what else a server sends there is left out."""
    if not isinstance(value, list):
        return ()
    return tuple(citation for item in value if (citation := _parse(item)) is not None)


def render_annotation(citation: JsonObject, start: int, end: int) -> JsonObject | None:
    """The annotation of the answer's characters ``start`` to ``end``; None for what has no address.

    Passages of the client's own documents have no word in this API.
    """
    url = citation.get("url")
    if citation.get("type") != "web_search_result_location" or not isinstance(url, str):
        return None
    title = citation.get("title")
    place: JsonObject = {
        "start_index": start,
        "end_index": end,
        "title": title if isinstance(title, str) else "",
        "url": url,
    }
    return {"type": "url_citation", "url_citation": place}


class Annotations:
    """Annotates the text of a choice that is streamed: a citation is of the text since the one before."""

    __slots__ = ("_begin", "_end", "length", "rendered")

    def __init__(self) -> None:
        self.rendered: list[Json] = []
        self.length = 0
        """Characters of the text so far."""
        self._begin = self._end = 0

    def add(self, citation: JsonObject) -> None:
        """The next citation, if there is a word for it."""
        if self.length > self._end:
            self._begin, self._end = self._end, self.length
        annotation = render_annotation(citation, self._begin, self._end)
        if annotation is not None and len(self.rendered) < MAX_ANNOTATIONS:
            self.rendered.append(annotation)


def _parse(value: Json) -> JsonObject | None:
    place = value.get("url_citation") if isinstance(value, dict) else None
    if not isinstance(place, dict) or not isinstance(place.get("url"), str):
        return None
    title = place.get("title")
    return {
        "type": "web_search_result_location",
        "url": place["url"],
        "title": title if isinstance(title, str) else None,
        # OpenAI tells where it cites, not what.
        "cited_text": "",
        "encrypted_index": "",
    }
