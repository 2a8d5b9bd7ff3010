"""The judge of Responses: OpenAI's own SDK, its parameter types for requests, its client for answers and streams."""

from collections.abc import Iterator, Mapping
from typing import get_args

import httpx
from openai import OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter

WHOLE = TypeAdapter(ResponseCreateParamsNonStreaming)
STREAMING = TypeAdapter(ResponseCreateParamsStreaming)
EVENTS = {
    name: kind
    for kind in get_args(get_args(ResponseStreamEvent)[0])
    for name in get_args(kind.model_fields["type"].annotation)
}
KINDS = {".json": "application/json", ".sse": "text/event-stream"}
ENDS = {"response.completed", "response.incomplete", "response.failed"}


def check_request(body, *, stream):
    """Raise where the SDK could not send this body; unknown fields count."""
    assert body.get("stream", False) is stream
    typed = {**body, "input": [_typed(index, item) for index, item in enumerate(body["input"])]}
    checked = _plain((STREAMING if stream else WHOLE).validate_python(typed, extra="forbid"))
    assert checked == typed


def _typed(index, item):
    """The SDK's types want an id and a status of an answer's message, which only stored ones have; the API does not."""
    if item.get("role") == "assistant" and isinstance(item["content"], list):
        return {"id": f"msg_{index}", "status": "completed", **item}
    return item


def _plain(value):
    """The validated value, for pydantic checks an ``Iterable`` only while it is read."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | Iterator) else value


def read_answer(data: bytes, suffix: str) -> Response:
    """The SDK's own object, as an application gets it; a stream is joined. Raises the SDK's error where there is one."""
    answer = httpx.Response(200, headers={"content-type": KINDS[suffix]}, content=data)
    with httpx.Client(transport=httpx.MockTransport(lambda _: answer)) as http:
        sdk = OpenAI(api_key="k", base_url="http://gateway/v1", http_client=http, max_retries=0)
        if suffix == ".json":
            whole = sdk.responses.create(model="m", input="i")
        else:
            with sdk.responses.stream(model="m", input="i") as stream:
                events = list(stream)
            whole = _joined(events)
    return Response.model_validate(whole.to_dict(warnings=False), strict=True)


def _joined(events):
    """The response of the last event, after a look at those before it: their types, their numbers, what they add up to."""
    built = {}
    for number, event in enumerate(events):
        raw = event.to_dict(warnings=False)
        raw.pop("snapshot", None)
        raw.pop("parsed", None)
        assert raw["sequence_number"] == number
        if event.type in EVENTS and event.type != "response.completed":  # of which the SDK makes its own
            EVENTS[event.type].model_validate(raw, strict=True)
        _add(built, raw)
    assert [event.type for event in events if event.type in ENDS] == [events[-1].type]
    final = events[-1].response
    assert final.status == events[-1].type.removeprefix("response.")
    if final.status != "failed":
        assert [built[place] for place in sorted(built)] == [item.to_dict() for item in _unparsed(final).output]
    return _unparsed(final)


def _unparsed(response):
    body = response.to_dict(warnings=False)  # pydantic's, of the SDK's own generic types
    for item in body["output"]:
        item.pop("parsed_arguments", None)
        for part in item.get("content") or ():
            part.pop("parsed", None)
    return Response.model_validate(body)


CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
"""Items whose text is one member."""


def _add(built, raw):
    """One event's share of the output: what the deltas say must be what is done, and what is done is the item."""
    kind, place = raw["type"], raw.get("output_index")
    if kind == "response.output_item.added":
        assert place == len(built)
        built[place] = {**raw["item"], "texts": [[]] if raw["item"]["type"] in CALLS else []}
    elif kind == "response.output_item.done":
        item, texts = raw["item"], built[place]["texts"]
        assert item["id"] == built[place]["id"]
        match item["type"]:
            case "message":
                said = [part.get("text", part.get("refusal")) for part in item["content"]]
            case "reasoning":
                said = [part["text"] for part in item["summary"]]
            case kind if kind in CALLS:
                said = [item[CALLS[kind]]]
            case _:
                said = []
        assert said == ["".join(text) for text in texts]
        built[place] = item
    elif kind.endswith("part.added"):
        assert raw.get("content_index", raw.get("summary_index")) == len(built[place]["texts"])
        assert raw["item_id"] == built[place]["id"]
        built[place]["texts"].append([])
    elif kind.endswith(".delta"):
        assert raw["item_id"] == built[place]["id"]
        built[place]["texts"][-1].append(raw["delta"])
    elif kind.endswith((".text.done", "_text.done", "refusal.done", "arguments.done")):
        whole = next(raw[name] for name in ("text", "refusal", "arguments") if name in raw)
        assert whole == "".join(built[place]["texts"][-1])
