"""``POST /v1/images/generations`` and ``/v1/images/edits``: always the same small picture, paid for by size and quality.

Source: https://platform.openai.com/docs/api-reference/images, token counts:
https://platform.openai.com/docs/guides/image-generation#cost-and-latency
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.call import Call
from extproc.simulator.dialect import Spent
from extproc.simulator.openai import dialect
from extproc.simulator.openai.errors import missing
from extproc.simulator.openai.rules import (
    Span,
    check_choices,
    check_flags,
    check_numbers,
    refuse_unknown,
    required_text,
    unknown_parameter,
)
from extproc.simulator.replies import charge, document, stream, text_bytes
from extproc.simulator.tokens import prompt_tokens
from extproc.simulator.wire import Event, Refused, Reply, names

KNOWN = names(
    "prompt background complexity frame_count frame_duration_ms model moderation n output_compression output_format "
    "partial_images quality response_format safety_identifier size stream style svg user"
)
KNOWN_EDIT = names(
    "prompt background complexity frame_count frame_duration_ms input_fidelity model n output_compression output_format "
    "partial_images quality response_format safety_identifier size stream svg user"
)
"""Text fields of an edit; its files are ``image``, ``mask`` and ``markup``."""

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
"""One black pixel."""
TOKENS: Mapping[str, Mapping[str, int]] = {
    "low": {"1024x1024": 272, "1024x1536": 408, "1536x1024": 400},
    "medium": {"1024x1024": 1056, "1024x1536": 1584, "1536x1024": 1568},
    "high": {"1024x1024": 4160, "1024x1536": 6240, "1536x1024": 6208},
}
"""Output tokens of an image of ``gpt-image-1``, the model where none is named otherwise."""
PARTIAL_TOKENS = 100
"""Of each partial image."""
INPUT_IMAGE_TOKENS = 323
"""Of each image that is edited."""

_MODEL = "gpt-image-1"
_SPANS: Mapping[str, Span] = {
    "n": Span(1, 10, whole=True),
    "partial_images": Span(0, 3, whole=True),
    "output_compression": Span(0, 100, whole=True),
}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "background": ("transparent", "opaque", "auto"),
    "output_format": ("png", "webp", "jpeg", "gif", "svg"),
    "quality": ("low", "medium", "high", "xhigh", "max", "auto", "standard", "hd"),
    "response_format": ("url", "b64_json"),
    "moderation": ("low", "auto"),
    "style": ("vivid", "natural"),
    "input_fidelity": ("high", "low"),
}
_URL = "https://images.example.com/simulated.png"


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be painted."""

    kind: str
    """``image_generation`` or ``image_edit``, as events call it."""
    count: int
    partial: int
    images: int
    """How many are given."""
    settings: dict[str, Json]


def generations(call: Call) -> Reply:
    """Make images of a prompt. Raises ``Refused``."""
    refuse_unknown(call.body, KNOWN)
    return _painted(call, "image_generation", call.body)


def edits(call: Call) -> Reply:
    """Change images as a prompt says. Raises ``Refused``."""
    refuse_unknown(call.body, KNOWN_EDIT)
    for file in call.files:
        if file.field not in {"image", "mask", "markup"}:
            raise unknown_parameter(file.field)
        if file.field == "image" and not file.content_type.startswith("image/"):
            raise Refused(
                f"Invalid file '{file.name}': unsupported mimetype ('{file.content_type}'). Supported file formats are "
                "'image/jpeg', 'image/png', and 'image/webp'.",
                param="image",
                code="unsupported_file_mimetype",
            )
    if not any(file.field == "image" for file in call.files):
        raise missing("image")
    return _painted(call, "image_edit", _typed(call.body))


def _painted(call: Call, kind: str, body: JsonObject) -> Reply:
    prompt = required_text(body, "prompt")
    check_numbers(body, _SPANS)
    check_flags(body, "stream")
    check_choices(body, _CHOICES)
    model = call.record.model or _MODEL
    if model.startswith("dall-e"):
        return _old(call, body)
    if body.get("response_format") is not None:
        raise unknown_parameter("response_format")
    order = _order(kind, body, sum(1 for file in call.files if file.field == "image"))
    streams = body.get("stream") is True
    partial = order.partial if streams else 0
    quality, size = str(order.settings["quality"]), str(order.settings["size"])
    each = TOKENS.get(quality, TOKENS["high"]).get(size, TOKENS["high"]["1024x1536"])
    output = order.count * each + partial * PARTIAL_TOKENS
    pictures = order.images * INPUT_IMAGE_TOKENS
    spent = charge(call, prompt_tokens(prompt) + pictures, output, most=text_bytes(prompt) + pictures)
    if streams:
        return stream(call, dialect, lambda: _events(order, spent))
    images: list[Json] = [{"b64_json": PICTURE} for _ in range(order.count)]
    answer: JsonObject = {"created": _now(call), **order.settings, "data": images, "usage": _usage(order, spent)}
    return document(call, answer, spent.output)


def _old(call: Call, body: JsonObject) -> Reply:
    """The models that are billed by the image."""
    if body.get("stream") is True:
        raise Refused("Streaming is not supported with this model.", param="stream")
    count = body.get("n")
    inside: JsonObject = {"b64_json": PICTURE} if body.get("response_format") == "b64_json" else {"url": _URL}
    if call.record.model == "dall-e-3":
        if count not in (None, 1):
            raise Refused("You must provide n=1 for this model.", param="n")
        inside = {"revised_prompt": str(body["prompt"]), **inside}
    charge(call, 0)
    images: list[Json] = [inside for _ in range(count if isinstance(count, int) else 1)]
    return document(call, {"created": _now(call), "data": images})


def _order(kind: str, body: JsonObject, images: int) -> _Order:
    count, partial = body.get("n"), body.get("partial_images")

    def chosen(name: str, default: str) -> str:
        value = body.get(name)
        return default if value is None or value == "auto" else str(value)

    settings: dict[str, Json] = {
        "background": chosen("background", "opaque"),
        "output_format": chosen("output_format", "png"),
        "quality": chosen("quality", "high"),
        "size": chosen("size", "1024x1024"),
    }
    return _Order(
        kind, count if isinstance(count, int) else 1, partial if isinstance(partial, int) else 0, images, settings
    )


def _events(order: _Order, spent: Spent) -> Iterator[Event]:
    created = 1_735_689_600
    shown: JsonObject = {"b64_json": PICTURE, "created_at": created, **order.settings}
    for index in range(order.partial):
        kind = f"{order.kind}.partial_image"
        yield _event(kind, {"type": kind, **shown, "partial_image_index": index}, PARTIAL_TOKENS)
    left = spent.output - order.partial * PARTIAL_TOKENS
    for index in range(order.count):
        kind = f"{order.kind}.completed"
        final = index == order.count - 1
        usage: JsonObject = {"usage": _usage(order, spent)} if final else {}
        yield _event(kind, {"type": kind, **shown, **usage}, left if final else 0)


def _event(kind: str, body: JsonObject, tokens: int) -> Event:
    return Event(b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(body) + b"\n\n", tokens, content=True)


def _usage(order: _Order, spent: Spent) -> JsonObject:
    pictures = min(spent.input, order.images * INPUT_IMAGE_TOKENS)
    return {
        "input_tokens": spent.input,
        "input_tokens_details": {"image_tokens": pictures, "text_tokens": spent.input - pictures},
        "output_tokens": spent.output,
        "output_tokens_details": {"image_tokens": spent.output, "text_tokens": 0},
        "total_tokens": spent.input + spent.output,
    }


def _now(call: Call) -> int:
    return int(call.record.received_at)


def _typed(body: JsonObject) -> JsonObject:
    """A form's fields with the types that they have in JSON; what is none stays text, and is refused."""
    typed = dict(body)
    for name in _SPANS:
        value = body.get(name)
        if isinstance(value, str) and value.isdecimal():
            typed[name] = int(value)
    if body.get("stream") in {"true", "false"}:
        typed["stream"] = body["stream"] == "true"
    return typed
