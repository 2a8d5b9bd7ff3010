"""Models of InvokeModel that do not speak: Titan's and Cohere's embeddings, Cohere's rerank.

Each takes the body and unique text for ids, gives the answer and its input tokens, and raises ``Refused``. Sources:
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html, .../model-parameters-embed.html
and https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-supported.html
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.bedrock.errors import invalid
from extproc.simulator.embedding import similarity, vector
from extproc.simulator.tokens import prompt_tokens
from extproc.simulator.wire import names

MAX_TEXTS = 96
_TITAN_SIZES = (256, 512, 1024)
_COHERE_SIZE = 1024
_COHERE_SIZES = (256, 512, 1024, 1536)
_TITAN_FIELDS = names("inputText dimensions normalize embeddingTypes")
_EMBED_FIELDS = names("texts images inputs input_type truncate embedding_types output_dimension max_tokens")
_RERANK_FIELDS = names("query documents top_n api_version max_tokens_per_doc")
_INPUT_TYPES = ("search_document", "search_query", "classification", "clustering", "image")
_TYPES = ("float", "int8", "uint8", "binary", "ubinary")


def titan_embed(body: JsonObject, token: str) -> tuple[JsonObject, int]:
    """``amazon.titan-embed-text-v2``."""
    del token
    _check_fields(body, _TITAN_FIELDS)
    text, size = body.get("inputText"), body.get("dimensions", 1024)
    if not isinstance(text, str):
        raise _malformed("#: required key [inputText] not found")
    if not text:
        raise _malformed("#/inputText: expected minLength: 1, actual: 0")
    if not isinstance(size, int) or size not in _TITAN_SIZES:
        raise _malformed(f"#/dimensions: {size} is not a valid enum value")
    types = body.get("embeddingTypes", ["float"])
    if not isinstance(types, list) or any(one not in ("float", "binary") for one in types):
        raise _malformed("#/embeddingTypes: not a valid enum value")
    found = vector(text, size)
    by_type = {str(one): _typed(found, str(one)) for one in types}
    answer: dict[str, Json] = {"inputTextTokenCount": prompt_tokens(text), "embeddingsByType": by_type}
    if "float" in types:
        answer["embedding"] = list[Json](found)
    return answer, prompt_tokens(text)


def cohere_embed(body: JsonObject, token: str) -> tuple[JsonObject, int]:
    """``cohere.embed-english-v3``, ``-multilingual-v3`` and ``-v4``."""
    _check_fields(body, _EMBED_FIELDS)
    if body.get("input_type") not in _INPUT_TYPES:
        raise _malformed("#/input_type: required, one of " + ", ".join(_INPUT_TYPES))
    texts = _texts(body)
    size = body.get("output_dimension", _COHERE_SIZE)
    if not isinstance(size, int) or size not in _COHERE_SIZES:
        raise _malformed(f"#/output_dimension: {size} is not a valid enum value")
    types = body.get("embedding_types")
    vectors = [vector(text, size) for text in texts]
    answer: dict[str, Json] = {"id": token, "texts": list[Json](texts)}
    if types is None:
        answer["embeddings"] = [list[Json](one) for one in vectors]
        answer["response_type"] = "embeddings_floats"
    else:
        if not isinstance(types, list) or any(one not in _TYPES for one in types):
            raise _malformed("#/embedding_types: not a valid enum value")
        answer["embeddings"] = {str(kind): [_typed(one, str(kind)) for one in vectors] for kind in types}
        answer["response_type"] = "embeddings_by_type"
    return answer, sum(prompt_tokens(text) for text in texts)


def cohere_rerank(body: JsonObject, token: str) -> tuple[JsonObject, int]:
    """``cohere.rerank-v3-5``; ``api_version`` must be 2."""
    del token
    _check_fields(body, _RERANK_FIELDS)
    query, documents, most = body.get("query"), body.get("documents"), body.get("top_n")
    version = body.get("api_version")
    if not isinstance(version, int) or version < 2:
        raise _malformed("#/api_version: required, expected minimum: 2")
    if not isinstance(query, str) or not query:
        raise _malformed("#/query: required, expected minLength: 1")
    if not isinstance(documents, list) or not documents or not all(isinstance(one, str) for one in documents):
        raise _malformed("#/documents: required, expected a list of strings")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise _malformed("#/top_n: expected minimum: 1")
    texts = [str(one) for one in documents]
    ranked = sorted(((similarity(query, text), -at) for at, text in enumerate(texts)), reverse=True)
    results: list[Json] = [{"index": -at, "relevance_score": score} for score, at in ranked[:most]]
    return {"results": results}, prompt_tokens(query) * len(texts) + sum(prompt_tokens(text) for text in texts)


def _texts(body: JsonObject) -> list[str]:
    given, images, inputs = body.get("texts"), body.get("images"), body.get("inputs")
    if sum(one is not None for one in (given, images, inputs)) != 1:
        raise _malformed("#: exactly one of [texts], [images] and [inputs] is required")
    if isinstance(given, list) and all(isinstance(one, str) for one in given):
        texts = [str(one) for one in given]
    elif isinstance(images, list):
        texts = [str(one) for one in images]
    elif isinstance(inputs, list):
        texts = [_text_of(one) for one in inputs]
    else:
        raise _malformed("#/texts: expected a list of strings")
    if not 0 < len(texts) <= MAX_TEXTS:
        raise _malformed(f"#/texts: expected maximum item count: {MAX_TEXTS}, found: {len(texts)}")
    return texts


def _text_of(value: Json) -> str:
    content = value.get("content") if isinstance(value, Mapping) else None
    parts = content if isinstance(content, list) else []
    return " ".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))


def _typed(numbers: list[float], kind: str) -> Json:
    """The vector as another type; the binary ones pack eight signs in a number."""
    match kind:
        case "int8":
            return [max(-128, min(127, round(number * 127))) for number in numbers]
        case "uint8":
            return [max(0, min(255, round(number * 127) + 128)) for number in numbers]
        case "binary" | "ubinary":
            shift = 128 if kind == "binary" else 0
            octets = (numbers[start : start + 8] for start in range(0, len(numbers), 8))
            return [sum((one > 0) << (7 - at) for at, one in enumerate(octet)) - shift for octet in octets]
        case _:
            return list[Json](numbers)


def _check_fields(body: JsonObject, known: frozenset[str]) -> None:
    for name in body:
        if name not in known:
            raise _malformed(f"#: extraneous key [{name}] is not permitted")


def _malformed(what: str) -> Exception:
    return invalid(f"Malformed input request: {what}, please reformat your input and try again.")
