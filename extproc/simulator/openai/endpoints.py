"""OpenAI's small endpoints: models and embeddings.

Source: https://platform.openai.com/docs/api-reference/models and .../embeddings
"""

import base64
import hashlib
import struct
from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.openai.errors import missing, wrong_type, wrong_value
from extproc.simulator.tokens import kind_of, prompt_tokens
from extproc.simulator.wire import Refused, Request

MODELS = ("gpt-4o", "gpt-4o-mini", "gpt-5", "gpt-5-mini", "text-embedding-3-small")
"""What the list shows; any other name is served as well."""

_CREATED = 1_735_689_600
_DIMENSIONS = 1536
_EMBEDDING_FIELDS = frozenset({"input", "model", "dimensions", "encoding_format", "user"})


def models(body: JsonObject, request: Request) -> JsonObject:
    """``GET /v1/models``."""
    del body, request
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": _CREATED, "owned_by": "simulator"} for name in MODELS],
    }


def embeddings(body: JsonObject, request: Request) -> JsonObject:
    """``POST /v1/embeddings``: unit vectors, equal for equal texts. Raises ``Refused``."""
    del request
    unknown = [name for name in body if name not in _EMBEDDING_FIELDS]
    if unknown:
        raise Refused(f"Unrecognized request argument supplied: {unknown[0]}")
    model, size, form = body.get("model"), body.get("dimensions"), body.get("encoding_format") or "float"
    if not isinstance(model, str):
        raise Refused("you must provide a model parameter")
    if form not in ("float", "base64"):
        raise wrong_value("encoding_format", form, ("float", "base64"))
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= _DIMENSIONS):
        raise wrong_type("dimensions", f"an integer from 1 to {_DIMENSIONS}", kind_of(size))
    texts = _texts(body.get("input"))
    count = size or _DIMENSIONS
    total = sum(_tokens(text) for text in texts)
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _vector(text, count, packed=form == "base64")}
            for index, text in enumerate(texts)
        ],
        "model": model,
        "usage": {"prompt_tokens": total, "total_tokens": total},
    }


def _texts(given: Json) -> list[Json]:
    """The inputs: a text, a list of texts, a list of token numbers, or a list of such lists."""
    if given is None:
        raise missing("input")
    if isinstance(given, list) and given and not isinstance(given[0], int | float):
        return given
    if not given or isinstance(given, bool | int | float | Mapping):
        raise wrong_type("input", "a string or an array", kind_of(given))
    return [given]


def _tokens(text: Json) -> int:
    return prompt_tokens(text) if isinstance(text, str) else len(text) if isinstance(text, list) else 1


def _vector(text: Json, count: int, *, packed: bool) -> Json:
    seed = hashlib.shake_128(str(text).encode()).digest(2 * count)
    raw = [number / 32768 for number in struct.unpack(f"<{count}h", seed)]
    length = sum(number * number for number in raw) ** 0.5 or 1.0
    unit = [number / length for number in raw]
    if packed:
        return base64.b64encode(struct.pack(f"<{count}f", *unit)).decode()
    return list[Json](unit)
