"""``POST /v2/embed``: unit vectors, equal for equal texts.

Source: https://docs.cohere.com/reference/embed
"""

import base64
import struct
from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.call import Call
from extproc.simulator.cohere.check import check_fields, positive, text, texts
from extproc.simulator.cohere.errors import invalid, wrong_type
from extproc.simulator.embedding import vector
from extproc.simulator.replies import charge, document, text_bytes
from extproc.simulator.tokens import kind_of, prompt_tokens
from extproc.simulator.wire import Reply, names

KNOWN = names("model input_type texts images inputs max_tokens output_dimension embedding_types truncate priority")
MOST_TEXTS = 96
IMAGE_TOKENS = 800
"""Of an image: https://docs.cohere.com/docs/embeddings has a range; this one is simple."""

_PURPOSES = ("search_document", "search_query", "classification", "clustering", "image")
_KINDS = ("float", "int8", "uint8", "binary", "ubinary", "base64")
_SIZES = (256, 512, 1024, 1536)
_TRUNCATIONS = ("NONE", "START", "END")
_SIZE = 1536


def embed(call: Call) -> Reply:
    """Embed texts, images, or both. Raises ``Refused``."""
    body = call.body
    check_fields(body, KNOWN)
    model = text(body, "model")
    if body.get("input_type") not in _PURPOSES:
        raise invalid("valid input_type must be provided with the provided model")
    size = positive(body, "output_dimension") or _SIZE
    if size not in _SIZES:
        raise invalid(f"output_dimension must be one of {', '.join(map(str, _SIZES))}")
    if body.get("output_dimension") is not None and not model.startswith("embed-v4"):
        raise invalid("output_dimension is not supported by the provided model")
    if body.get("truncate") not in (None, *_TRUNCATIONS):
        raise invalid("truncate must be one of NONE, START, END")
    positive(body, "max_tokens")
    kinds = _kinds(body.get("embedding_types"))
    given, images = _given(body)
    read = "".join(one for one in given if not _is_image(one))
    tokens = sum(IMAGE_TOKENS if _is_image(one) else prompt_tokens(one) for one in given)
    spent = charge(call, tokens, most=text_bytes(read) + images * IMAGE_TOKENS)
    pictures = min(spent.input, images * IMAGE_TOKENS)
    units: dict[str, Json] = {"input_tokens": spent.input - pictures}
    if images:
        units |= {"images": images, "image_tokens": pictures}
    answer: JsonObject = {
        "id": call.token,
        "embeddings": {kind: [_typed(vector(one, size), kind) for one in given] for kind in kinds},
        "texts": body.get("texts") or [],
        "response_type": "embeddings_by_type",
        "meta": {"api_version": {"version": "2"}, "billed_units": units},
    }
    return document(call, answer)


def _given(body: JsonObject) -> tuple[list[str], int]:
    """What is to be embedded, and how much of it is images."""
    sources = [name for name in ("texts", "images", "inputs") if body.get(name) is not None]
    if len(sources) != 1:
        raise invalid("exactly one of texts, images, or inputs must be provided")
    source = sources[0]
    given = _inputs(body["inputs"]) if source == "inputs" else texts(body[source], source)
    if not given:
        raise invalid(f"{source} must not be empty")
    if len(given) > MOST_TEXTS:
        raise invalid(f"total number of texts must be at most {MOST_TEXTS} - received {len(given)}")
    if source == "images" and not all(map(_is_image, given)):
        raise invalid("images must be data URIs")
    return given, sum(map(_is_image, given))


def _inputs(given: Json) -> list[str]:
    if not isinstance(given, list):
        raise wrong_type("inputs", kind_of(given), "[]object")
    return [_content(one, f"inputs[{at}]") for at, one in enumerate(given)]


def _content(one: Json, path: str) -> str:
    """The parts of an input as one text; an image alone stays an image."""
    parts = one.get("content") if isinstance(one, Mapping) else None
    if not isinstance(parts, list) or not parts:
        raise wrong_type(path, kind_of(one), "object with content")
    found: list[str] = []
    for part in parts:
        match part:
            case {"type": "text", "text": str(words)}:
                found.append(words)
            case {"type": "image_url", "image_url": {"url": str(url)}}:
                found.append(url)
            case _:
                raise invalid(f"{path} has content of an unknown type")
    return "".join(found)


def _is_image(given: str) -> bool:
    return given.startswith("data:image/")


def _kinds(given: Json) -> list[str]:
    if given is None:
        return ["float"]
    found = texts(given, "embedding_types")
    if not found or any(kind not in _KINDS for kind in found):
        raise invalid(f"embedding_types must be of {', '.join(_KINDS)}")
    return found


def _typed(numbers: list[float], kind: str) -> Json:
    """The vector as numbers of that kind; binary ones have eight dimensions in a byte."""
    signed = [max(-128, min(127, round(number * 127))) for number in numbers]
    bits = [
        sum((number > 0) << (7 - at) for at, number in enumerate(numbers[i : i + 8])) for i in range(0, len(numbers), 8)
    ]
    match kind:
        case "int8":
            return list[Json](signed)
        case "uint8":
            return [number + 128 for number in signed]
        case "binary":
            return [byte - 128 for byte in bits]
        case "ubinary":
            return list[Json](bits)
        case "base64":
            return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
        case _:
            return list[Json](numbers)
