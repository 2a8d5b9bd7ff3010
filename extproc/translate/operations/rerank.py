"""Rerank: ``POST /v1/rerank`` in the shape of Cohere's second version, which Jina, vLLM, Together and others share.

Sources: https://docs.cohere.com/reference/rerank, https://docs.vllm.ai/en/latest/models/pooling_models.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-supported.html. Servers of that shape are called with
``Passthrough``.
"""

from collections.abc import Mapping
from typing import Literal

from extproc.domain.errors import InvalidRequest, ProviderBadAnswer, UnsupportedFeature
from extproc.domain.reading import Json, JsonObject, kind_of
from extproc.domain.usage import Usage
from extproc.domain.valueclass import valueclass
from extproc.translate.answer import TranslatedAnswer
from extproc.translate.edit import DELETE, Delete, edit_members
from extproc.translate.operations.base import (
    OperationJob,
    answered,
    edited,
    read_object,
    refuse_lost,
    write_answer,
    write_request,
)
from extproc.translate.operations.usage import read_usage
from extproc.translate.request import TranslatedRequest

_DOCUMENTS_OF_A_UNIT = 100
"""https://cohere.com/pricing and https://aws.amazon.com/bedrock/pricing: a query with up to 100 documents."""
_KNOWN = frozenset({"model", "query", "documents", "top_n", "max_tokens_per_doc", "return_documents"})


@valueclass
class _Documents:
    """The texts, whether any was wrapped in an object, and paths beside ``text`` that Cohere does not take."""

    texts: tuple[str, ...]
    wrapped: bool
    lost: tuple[str, ...]


def _documents(parsed: JsonObject) -> _Documents:
    value = parsed.get("documents")
    if not isinstance(value, list) or not value:
        raise InvalidRequest("documents must be a list of texts, and not empty", param="documents")
    texts: list[str] = []
    lost: list[str] = []
    wrapped = False
    for index, item in enumerate(value):
        path = f"documents[{index}]"
        text = item.get("text") if isinstance(item, Mapping) else item
        if not isinstance(text, str):
            raise InvalidRequest(f"{path} must be a string or an object with a text, not {kind_of(item)}", param=path)
        if isinstance(item, Mapping):
            wrapped = True
            lost += [f"{path}.{name}" for name in item if name != "text"]
        texts.append(text)
    return _Documents(tuple(texts), wrapped, tuple(lost))


def _check(parsed: JsonObject) -> None:
    if not isinstance(parsed.get("query"), str):
        raise InvalidRequest("query is required and must be a string", param="query")
    wanted = parsed.get("return_documents")
    if wanted is not None and not isinstance(wanted, bool):
        raise InvalidRequest("return_documents must be true or false", param="return_documents")


def _with_documents(said: JsonObject, request: JsonObject) -> JsonObject | None:
    """The answer with each result's document, as ``return_documents`` asks; None where it does not.

    Version 2 of Cohere's API gives none back, so they are the request's.
    """
    if request.get("return_documents") is not True:
        return None
    texts = _documents(request).texts
    results: list[Json] = []
    for result in _results(said):
        index = result.get("index")
        if not isinstance(index, int) or not 0 <= index < len(texts):
            raise ProviderBadAnswer("the provider's answer ranks a document that was not sent")
        results.append({**result, "document": {"text": texts[index]}})
    return {**said, "results": results}


def _results(said: JsonObject) -> list[JsonObject]:
    results = said.get("results")
    if not isinstance(results, list):
        raise ProviderBadAnswer("the provider's answer has no results")
    found = [result for result in results if isinstance(result, Mapping)]
    if len(found) != len(results):
        raise ProviderBadAnswer("the provider's answer holds a result that is no object")
    return found


class CohereRerank:
    """Cohere's own API, ``POST /v2/rerank``: the client's own shape, so its bytes are edited."""

    def request(self, body: bytes, parsed: JsonObject, job: OperationJob) -> TranslatedRequest:
        """The model is changed; documents that are objects become texts; ``return_documents`` is for the answer."""
        _check(parsed)
        documents = _documents(parsed)
        refuse_lost(documents.lost, job, "Cohere")
        changes: dict[str, Json | Literal[Delete.DELETE]] = {**job.edits, "model": job.model}
        if documents.wrapped:
            changes["documents"] = list(documents.texts)
        if "return_documents" in parsed:
            changes["return_documents"] = DELETE
        return TranslatedRequest(edit_members(body, changes, parsed=parsed), documents.lost)

    def answer(self, body: bytes, *, model: str, request: JsonObject) -> TranslatedAnswer:
        """Usage is ``meta.billed_units``: search units."""
        said = read_object(body)
        _results(said)
        shown = _with_documents(said, request)
        usage = read_usage(said) or Usage()
        return answered(body if shown is None else write_answer(shown), usage, model=model, said=said)


class BedrockRerank:
    """``cohere.rerank-*`` with InvokeModel."""

    def request(self, body: bytes, parsed: JsonObject, job: OperationJob) -> TranslatedRequest:
        """Cohere's body, with its version instead of a model. Raises ``UnsupportedFeature`` for other models."""
        if "cohere.rerank" not in job.model:
            raise UnsupportedFeature(
                f"the gateway knows no rerank of the Bedrock model {job.model[:200]}; it knows ids with cohere.rerank",
                param="model",
            )
        asked = {name: value for name, value in edited(parsed, job.edits).items() if value is not None}
        _check(asked)
        documents = _documents(asked)
        lost = (*documents.lost, *(name for name in asked if name not in _KNOWN))
        refuse_lost(lost, job, "Cohere on Bedrock")
        texts: list[Json] = list(documents.texts)
        members: dict[str, Json] = {"api_version": 2, "query": asked["query"], "documents": texts}
        members |= {name: asked[name] for name in ("top_n", "max_tokens_per_doc") if name in asked}
        return TranslatedRequest(write_request(members, body), lost)

    def answer(self, body: bytes, *, model: str, request: JsonObject) -> TranslatedAnswer:
        """Bedrock reports no usage: search units are reckoned from the documents, one for each 100.

        A long document counts as several at AWS, so it may be more.
        """
        said = read_object(body)
        _results(said)
        units = -(-len(_documents(request).texts) // _DOCUMENTS_OF_A_UNIT)
        usage: JsonObject = {"api_version": {"version": "2"}, "billed_units": {"search_units": units}}
        shown = {**(_with_documents(said, request) or said), "meta": usage}
        return answered(write_answer(shown), Usage(search_units=units), model=model, said=said)
