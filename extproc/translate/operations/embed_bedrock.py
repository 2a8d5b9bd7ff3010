"""Embeddings of Amazon Bedrock (InvokeModel), where every family of models has a body of its own.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html.
"""

from collections.abc import Mapping

from extproc.domain.errors import UnsupportedFeature
from extproc.domain.reading import Json, JsonObject
from extproc.domain.usage import Usage
from extproc.translate.answer import TranslatedAnswer
from extproc.translate.operations.base import Operation, OperationJob, count, read_object, refuse_lost, write_request
from extproc.translate.operations.embed_cohere import cohere_body, cohere_vectors
from extproc.translate.operations.embeddings import embeddings_answer, read_asked
from extproc.translate.request import TranslatedRequest


class _Titan:
    """``amazon.titan-embed-text-v1`` and ``-v2``: one text in a call."""

    def request(self, body: bytes, parsed: JsonObject, job: OperationJob) -> TranslatedRequest:
        sized = "titan-embed-text-v1" not in job.model
        asked = read_asked(parsed, job, frozenset({"normalize"}) if sized else frozenset())
        if len(asked.texts) != 1:
            raise UnsupportedFeature(
                f"this model's provider (Amazon Titan on Bedrock) embeds one text in a request, and input has"
                f" {len(asked.texts)}: send them one by one",
                param="input",
            )
        # The vectors are for anything; a document and a query are embedded alike.
        told = (*asked.told, "input_type") if asked.purpose is not None else asked.told
        lost = (*asked.lost, "dimensions") if asked.dimensions is not None and not sized else asked.lost
        refuse_lost(lost, job, "Amazon Titan on Bedrock")
        members: dict[str, Json] = {"inputText": asked.texts[0], **asked.own}
        if sized and asked.dimensions is not None:
            members["dimensions"] = asked.dimensions
        return TranslatedRequest(write_request(members, body), (*lost, *told))

    def answer(self, body: bytes, *, model: str, request: JsonObject) -> TranslatedAnswer:
        said = read_object(body)
        usage = Usage(input=count(said, "inputTextTokenCount"))
        return embeddings_answer([said.get("embedding")], usage, model=model, request=request)


class _Cohere:
    """``cohere.embed-*``. The body tells no usage, only the header ``x-amzn-bedrock-input-token-count``."""

    def request(self, body: bytes, parsed: JsonObject, job: OperationJob) -> TranslatedRequest:
        members, dropped = cohere_body(parsed, job, "Cohere on Bedrock")
        return TranslatedRequest(write_request(members, body), dropped)

    def answer(self, body: bytes, *, model: str, request: JsonObject) -> TranslatedAnswer:
        return embeddings_answer(cohere_vectors(read_object(body)), Usage(), model=model, request=request)


_FAMILIES: Mapping[str, Operation] = {"titan-embed-text": _Titan(), "cohere.embed": _Cohere()}
"""What a model's id holds, an inference profile's and an ARN's too → whose body it takes."""


class BedrockEmbeddings:
    """The families whose body is known; usage only from Titan, ``inputTextTokenCount``."""

    def request(self, body: bytes, parsed: JsonObject, job: OperationJob) -> TranslatedRequest:
        """The family's body. Raises ``UnsupportedFeature`` for a model of none, and for several texts at Titan."""
        return _family(job.model).request(body, parsed, job)

    def answer(self, body: bytes, *, model: str, request: JsonObject) -> TranslatedAnswer:
        """The family's answer in OpenAI's shape."""
        return _family(model).answer(body, model=model, request=request)


def _family(model: str) -> Operation:
    for mark, operation in _FAMILIES.items():
        if mark in model:
            return operation
    raise UnsupportedFeature(
        f"the gateway knows no embeddings of the Bedrock model {model[:200]}; it knows ids with"
        f" {' or '.join(_FAMILIES)}",
        param="model",
    )
