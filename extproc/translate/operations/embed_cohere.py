"""Embeddings of Cohere, at its own API (``POST /v2/embed``) and as a model of Amazon Bedrock.

Sources: https://docs.cohere.com/reference/embed,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html and ``…-embed-v3.html``.
"""

from collections.abc import Mapping

from extproc.domain.errors import InvalidRequest, ProviderBadAnswer
from extproc.domain.reading import Json, JsonObject
from extproc.domain.usage import Usage
from extproc.translate.answer import TranslatedAnswer
from extproc.translate.operations.base import OperationJob, count, member, read_object, refuse_lost, write_request
from extproc.translate.operations.embeddings import PURPOSES, embeddings_answer, read_asked
from extproc.translate.request import TranslatedRequest

_DEFAULT_PURPOSE = "search_document"
"""Cohere requires an ``input_type``, and OpenAI's clients have none: what is embedded most is what is searched."""
_OWN = frozenset({"truncate", "max_tokens"})


def cohere_body(parsed: JsonObject, job: OperationJob, who: str) -> tuple[dict[str, Json], tuple[str, ...]]:
    """The members that both places take, without ``model``; and what is dropped. Raises as ``Operation.request``."""
    asked = read_asked(parsed, job, _OWN)
    refuse_lost(asked.lost, job, who)
    purpose = (asked.purpose or _DEFAULT_PURPOSE).lower()
    if purpose not in PURPOSES:
        raise InvalidRequest(f"input_type must be one of {', '.join(PURPOSES)} at {who}", param="input_type")
    texts: list[Json] = list(asked.texts)
    body: dict[str, Json] = {"texts": texts, "input_type": purpose, "embedding_types": ["float"]}
    if asked.dimensions is not None:
        body["output_dimension"] = asked.dimensions
    return body | dict(asked.own), asked.dropped


def cohere_vectors(said: JsonObject) -> list[Json]:
    """The vectors of ``embeddings``: by type, or, of older models at Bedrock, a plain list."""
    found = said.get("embeddings")
    if isinstance(found, Mapping):
        found = found.get("float")
    if not isinstance(found, list):
        raise ProviderBadAnswer("the provider's answer has no list of embeddings")
    return found


class CohereEmbeddings:
    """Cohere's own API. It takes 96 texts in a request, and says so itself where there are more."""

    def request(self, body: bytes, parsed: JsonObject, job: OperationJob) -> TranslatedRequest:
        """``input_type`` is ``search_document`` where the client says none."""
        members, dropped = cohere_body(parsed, job, "Cohere")
        return TranslatedRequest(write_request({"model": job.model, **members}, body), dropped)

    def answer(self, body: bytes, *, model: str, request: JsonObject) -> TranslatedAnswer:
        """Usage is ``meta.billed_units``."""
        said = read_object(body)
        usage = Usage(input=count(member(member(said, "meta"), "billed_units"), "input_tokens"))
        return embeddings_answer(cohere_vectors(said), usage, model=model, request=request)
