"""Embeddings of the Gemini API (``:batchEmbedContents``) and of Vertex AI (``:predict``).

Sources: https://ai.google.dev/api/embeddings#method:-models.batchembedcontents,
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api, and what google-genai's
``embed_content`` sends and reads.
"""

from collections.abc import Mapping

from extproc.domain.errors import InvalidRequest, ProviderBadAnswer
from extproc.domain.reading import Json, JsonObject
from extproc.domain.usage import Usage
from extproc.translate.answer import TranslatedAnswer
from extproc.translate.operations.base import OperationJob, count, member, refuse_lost, write_request
from extproc.translate.operations.embeddings import (
    PURPOSES,
    EmbeddingsAsked,
    embeddings_answer,
    read_asked,
    vectors_in,
)
from extproc.translate.request import TranslatedRequest

_MOST_TITLE = 512
"""Characters: it is written beside every text. Longer than any headline."""


def resource_name(model: str) -> str:
    """The name of a model inside a body of the Gemini API: ``models/…``."""
    return model if "/" in model else f"models/{model}"


def _task(asked: EmbeddingsAsked) -> str | None:
    """Google's word."""
    return None if asked.purpose is None else PURPOSES.get(asked.purpose, asked.purpose)


def _title(asked: EmbeddingsAsked) -> str | None:
    title = asked.own.get("title")
    if title is None or (isinstance(title, str) and len(title) <= _MOST_TITLE):
        return title
    raise InvalidRequest(f"title must be a string of {_MOST_TITLE} characters at most", param="title")


class GeminiEmbeddings:
    """The Gemini API. It told no usage for long, and ``usageMetadata`` is read where there is one: else usage is 0."""

    def request(self, body: bytes, parsed: JsonObject, job: OperationJob) -> TranslatedRequest:
        """One ``EmbedContentRequest`` for each text."""
        asked = read_asked(parsed, job, frozenset({"title"}))
        refuse_lost(asked.lost, job, "Gemini API")
        common: dict[str, Json] = {
            "taskType": _task(asked),
            "outputDimensionality": asked.dimensions,
            "title": _title(asked),
        }
        shared = {name: value for name, value in common.items() if value is not None}
        model = resource_name(job.model)
        requests: list[Json] = [
            {"model": model, "content": {"parts": [{"text": text}]}, **shared} for text in asked.texts
        ]
        return TranslatedRequest(write_request({"requests": requests}, body), asked.dropped)

    def answer(self, body: bytes, *, model: str, request: JsonObject) -> TranslatedAnswer:
        """``{"embeddings": [{"values": [...]}]}``."""
        said, found = vectors_in(body, "embeddings")
        usage = Usage(input=count(member(said, "usageMetadata"), "promptTokenCount"))
        return embeddings_answer([_values(item) for item in found], usage, model=model, request=request)


class VertexEmbeddings:
    """Vertex AI's ``text-embedding-*``, ``text-multilingual-embedding-*`` and ``gemini-embedding-001``.

    The last takes one text in a request; Vertex says so itself where there are more.
    """

    def request(self, body: bytes, parsed: JsonObject, job: OperationJob) -> TranslatedRequest:
        """``{"instances": [{content, task_type, title}], "parameters": {...}}``."""
        asked = read_asked(parsed, job, frozenset({"title", "autoTruncate"}))
        refuse_lost(asked.lost, job, "Vertex AI")
        task, title = _task(asked), _title(asked)
        shared: dict[str, Json] = {} if task is None else {"task_type": task}
        if title is not None:
            shared["title"] = title
        wanted: dict[str, Json] = {
            "outputDimensionality": asked.dimensions,
            "autoTruncate": asked.own.get("autoTruncate"),
        }
        parameters = {name: value for name, value in wanted.items() if value is not None}
        instances: list[Json] = [{"content": text, **shared} for text in asked.texts]
        whole = {"instances": instances, "parameters": parameters} if parameters else {"instances": instances}
        return TranslatedRequest(write_request(whole, body), asked.dropped)

    def answer(self, body: bytes, *, model: str, request: JsonObject) -> TranslatedAnswer:
        """``{"predictions": [{"embeddings": {"values": [...], "statistics": {"token_count": 4}}}]}``."""
        _, found = vectors_in(body, "predictions")
        embeddings = [member(item, "embeddings") for item in found if isinstance(item, Mapping)]
        tokens = sum(count(member(embedding, "statistics"), "token_count") for embedding in embeddings)
        vectors = [_values(embedding) for embedding in embeddings]
        return embeddings_answer(vectors, Usage(input=tokens), model=model, request=request)


def _values(item: Json) -> Json:
    if isinstance(item, Mapping) and "values" in item:
        return item["values"]
    raise ProviderBadAnswer("the provider's answer holds an embedding without values")
