"""What Azure's content filter says about a prompt and an answer, in the answer.

Source: https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter-annotations
"""

from collections.abc import Iterator

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.wire import Event

SAFE: JsonObject = {
    name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")
}
"""Nothing was found."""
_DATA = b"data: "


def filtered_whole(body: bytes) -> bytes:
    """An answer of Chat Completions or Completions with the filter's findings."""
    document: dict[str, Json] = orjson.loads(body)
    document["choices"] = [{**choice, "content_filter_results": SAFE} for choice in _choices(document)]
    document["prompt_filter_results"] = _prompt()
    return orjson.dumps(document)


def filtered_events(events: Iterator[Event]) -> Iterator[Event]:
    """The same for a stream: a first chunk without choices tells about the prompt."""
    opening = {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": _prompt()}
    yield Event(_DATA + orjson.dumps(opening) + b"\n\n")
    for event in events:
        if event.data.startswith(b"data: {"):
            chunk: dict[str, Json] = orjson.loads(event.data[len(_DATA) :])
            found: JsonObject = SAFE if event.content else {}
            chunk["choices"] = [{**choice, "content_filter_results": found} for choice in _choices(chunk)]
            yield event._replace(data=_DATA + orjson.dumps(chunk) + b"\n\n")
        else:
            yield event


def _prompt() -> list[Json]:
    return [{"prompt_index": 0, "content_filter_results": SAFE}]


def _choices(document: dict[str, Json]) -> Iterator[dict[str, Json]]:
    choices = document["choices"]
    assert isinstance(choices, list)
    for choice in choices:
        assert isinstance(choice, dict)
        yield choice
