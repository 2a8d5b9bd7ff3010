"""Embeddings: what a client asks with OpenAI's ``POST /v1/embeddings``, and an answer in OpenAI's shape.

The vendors' sides are in ``embed_google``, ``embed_cohere`` and ``embed_bedrock``. Beside OpenAI's fields there is
``input_type`` (or ``task_type``), what the vectors are for, in Cohere's or in Google's words; models that distinguish
documents from queries find far less without it. Sources: openai.types.embedding_create_params,
openai.types.create_embedding_response.
"""

import base64
import struct
from collections.abc import Mapping
from typing import Literal, cast

from extproc.domain.errors import InvalidRequest, ProviderBadAnswer, UnsupportedFeature
from extproc.domain.reading import Fields, Json, JsonObject, kind_of
from extproc.domain.usage import Usage
from extproc.domain.valueclass import valueclass
from extproc.translate.answer import TranslatedAnswer
from extproc.translate.operations.base import OperationJob, answered, edited, read_object, write_answer

Encoding = Literal["float", "base64"]


@valueclass
class EmbeddingsAsked:
    """A request, read.

    ``purpose``: what the vectors are for, in Cohere's words where it has one (``PURPOSES``), else in Google's.
    ``own``: fields that only the vendor's API has. ``lost``: paths that nobody can carry; ``told``: hints.
    """

    texts: tuple[str, ...]
    dimensions: int | None
    purpose: str | None
    own: Mapping[str, Json]
    lost: tuple[str, ...]
    told: tuple[str, ...]

    @property
    def dropped(self) -> tuple[str, ...]:
        """What is left out."""
        return (*self.lost, *self.told)


PURPOSES: Mapping[str, str] = {
    "search_document": "RETRIEVAL_DOCUMENT",
    "search_query": "RETRIEVAL_QUERY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}
"""Cohere's ``input_type`` → Google's ``taskType``. https://docs.cohere.com/reference/embed,
https://ai.google.dev/api/embeddings#v1beta.TaskType."""
_COHERE_WORD: Mapping[str, str] = {google: cohere for cohere, google in PURPOSES.items()}
_GOOGLES_ALONE = frozenset(
    {"SEMANTIC_SIMILARITY", "QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY", "TASK_TYPE_UNSPECIFIED"}
)
"""Values of ``taskType`` that Cohere has no word for."""
MAX_TEXTS = 2048
"""OpenAI's own limit (openai.types.embedding_create_params). Each text becomes an object at some vendors."""


def read_asked(parsed: JsonObject, job: OperationJob, own: frozenset[str]) -> EmbeddingsAsked:
    """The request, with the job's edits. ``own``: names of the vendor's fields that are carried as they are.

    Raises ``InvalidRequest`` with the path of the field at fault, ``UnsupportedFeature`` for an input of tokens.
    """
    asked = edited(parsed, job.edits)
    fields = Fields(asked)
    fields.raw("model")
    texts = _texts(fields.raw("input"))
    dimensions = fields.integer("dimensions")
    encoding_of(asked)
    fields.raw("encoding_format")
    told = ("user",) if fields.optional_text("user") is not None else ()
    purpose, google = fields.optional_text("input_type"), fields.optional_text("task_type")
    if purpose is not None and google is not None:
        raise InvalidRequest("input_type and task_type mean the same: send one of them", param="task_type")
    word = _word(purpose, "input_type") or _word(google, "task_type")
    carried = {name: value for name in own if (value := fields.raw(name)) is not None}
    return EmbeddingsAsked(texts, dimensions, word, carried, tuple(fields.unread()), told)


def _word(purpose: str | None, name: str) -> str | None:
    """A closed list: the word is written beside every text."""
    if purpose is None:
        return None
    upper, lower = purpose.upper(), purpose.lower()
    found = _COHERE_WORD.get(upper) or (lower if lower in PURPOSES else upper if upper in _GOOGLES_ALONE else None)
    if found is None:
        raise InvalidRequest(f"{name} must be one of {', '.join((*PURPOSES, *sorted(_GOOGLES_ALONE)))}", param=name)
    return found


def encoding_of(asked: JsonObject) -> Encoding:
    """How the client wants its vectors. Raises ``InvalidRequest``."""
    encoding = asked.get("encoding_format")
    if encoding is None:
        return "float"
    if isinstance(encoding, str) and encoding in {"float", "base64"}:
        return cast("Encoding", encoding)
    raise InvalidRequest("encoding_format must be float or base64", param="encoding_format")


def _texts(value: Json) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not value:
        raise InvalidRequest("input must be a string or a list of strings, and not empty", param="input")
    if len(value) > MAX_TEXTS and not isinstance(value[0], int):
        raise InvalidRequest(f"input holds {len(value)} texts; send {MAX_TEXTS} at once at most", param="input")
    texts: list[str] = []
    for index, item in enumerate(value):
        if isinstance(item, list) or (isinstance(item, int) and not isinstance(item, bool)):
            raise UnsupportedFeature(
                "input holds tokens, which only the vendor of their tokenizer can read, and this model's is another:"
                " send text (LangChain: check_embedding_ctx_length=False)",
                param="input",
            )
        if not isinstance(item, str):
            raise InvalidRequest(f"input[{index}] must be a string, not {kind_of(item)}", param=f"input[{index}]")
        texts.append(item)
    return tuple(texts)


def input_count(request: JsonObject) -> int:
    """How many vectors the client waits for."""
    value = request.get("input")
    return len(value) if isinstance(value, list) else 1


def embeddings_answer(vectors: list[Json], usage: Usage, *, model: str, request: JsonObject) -> TranslatedAnswer:
    """OpenAI's shape. Raises ``ProviderBadAnswer`` where there are more or fewer vectors than texts, or none at all."""
    if len(vectors) != input_count(request):
        raise ProviderBadAnswer(
            f"the provider's answer has {len(vectors)} embeddings for {input_count(request)} inputs"
        )
    packed = encoding_of(request) == "base64"
    data: list[Json] = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if packed else _checked(vector)}
        for index, vector in enumerate(vectors)
    ]
    body: JsonObject = {
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": usage.prompt, "total_tokens": usage.prompt},
    }
    return answered(write_answer(body), usage, model=model, said={})


def _checked(vector: Json) -> list[Json]:
    if isinstance(vector, list) and vector and isinstance(vector[0], int | float):
        return vector
    raise ProviderBadAnswer("the provider's answer holds an embedding that is no list of numbers")


def _packed(vector: Json) -> str:
    """Little-endian 32-bit floats in base64, as OpenAI's API sends and its SDKs read them."""
    numbers = _checked(vector)
    try:
        return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
    except (struct.error, OverflowError) as error:
        raise ProviderBadAnswer("the provider's answer holds an embedding that is no list of numbers") from error


def vectors_in(body: bytes, name: str) -> tuple[JsonObject, list[Json]]:
    """The answer, and its list ``name``. Raises ``ProviderBadAnswer``."""
    said = read_object(body)
    found = said.get(name)
    if not isinstance(found, list):
        raise ProviderBadAnswer(f"the provider's answer has no list of {name}")
    return said, found
