"""Models and embeddings.

Source: https://platform.openai.com/docs/api-reference/models and .../embeddings
"""

import base64
import struct

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.call import Call
from extproc.simulator.embedding import vector
from extproc.simulator.openai.errors import missing, wrong_type, wrong_value
from extproc.simulator.openai.rules import refuse_unknown
from extproc.simulator.replies import charge, document, named_model, text_bytes
from extproc.simulator.tokens import kind_of, prompt_tokens
from extproc.simulator.wire import Refused, Reply, Request

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


def model(call: Call) -> Reply:
    """``GET /v1/models/{model}``."""
    name = call.record.model
    return document(call, {"id": name, "object": "model", "created": _CREATED, "owned_by": "simulator"})


def embeddings(call: Call) -> Reply:
    """``POST /v1/embeddings``: unit vectors, equal for equal texts. Raises ``Refused``."""
    body = call.body
    refuse_unknown(body, _EMBEDDING_FIELDS)
    size, form = body.get("dimensions"), body.get("encoding_format") or "float"
    name = named_model(call)
    if form not in ("float", "base64"):
        raise wrong_value("encoding_format", form, ("float", "base64"))
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= _DIMENSIONS):
        raise wrong_type("dimensions", f"an integer from 1 to {_DIMENSIONS}", kind_of(size))
    texts = _inputs(body.get("input"))
    count = size or _DIMENSIONS
    spent = charge(call, sum(map(_tokens, texts)), most=sum(map(_most, texts)))
    answer: JsonObject = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _vector(text, count, packed=form == "base64")}
            for index, text in enumerate(texts)
        ],
        "model": name,
        "usage": {"prompt_tokens": spent.input, "total_tokens": spent.input},
    }
    return document(call, answer)


def _inputs(given: Json) -> list[Json]:
    """The inputs: a text, a list of texts, a list of token numbers, or a list of such lists."""
    if given is None:
        raise missing("input")
    if isinstance(given, str) or _is_tokens(given):
        given = [given]
    if not isinstance(given, list) or not given:
        raise wrong_type("input", "a string or an array", kind_of(given))
    for at, one in enumerate(given):
        if not isinstance(one, str) and not _is_tokens(one):
            raise wrong_type(f"input[{at}]", "a string or an array of tokens", kind_of(one))
        if one == "":
            raise Refused("'$.input' is invalid: a text to embed cannot be empty.", param="input")
    return given


def _is_tokens(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and all(type(one) is int for one in value)


def _tokens(given: Json) -> int:
    return len(given) if isinstance(given, list) else prompt_tokens(str(given))


def _most(given: Json) -> int:
    return len(given) if isinstance(given, list) else text_bytes(str(given))


def _vector(given: Json, count: int, *, packed: bool) -> Json:
    unit = vector(str(given), count)
    return base64.b64encode(struct.pack(f"<{count}f", *unit)).decode() if packed else list[Json](unit)
