"""Every operation that is no conversation, and who offers it: (operation, the configuration's dialect) → how."""

from collections.abc import Mapping

from extproc.domain.reading import JsonObject
from extproc.translate.edit import DELETE, Changes
from extproc.translate.foreign import without_foreign
from extproc.translate.operations.base import Operation
from extproc.translate.operations.count_tokens import CountOwn, counting
from extproc.translate.operations.count_wraps import COUNT_WRAPS, VERTEX_VERSION
from extproc.translate.operations.embed_bedrock import BedrockEmbeddings
from extproc.translate.operations.embed_cohere import CohereEmbeddings
from extproc.translate.operations.embed_google import GeminiEmbeddings, VertexEmbeddings
from extproc.translate.operations.passthrough import Passthrough, Untouched, always, is_stream_or_text
from extproc.translate.operations.rerank import BedrockRerank, CohereRerank
from extproc.translate.pairs import CLIENT_DIALECTS, PROVIDER_DIALECTS


def _own_anthropic(body: bytes, parsed: JsonObject) -> Changes:
    return without_foreign("anthropic-messages", body, parsed)


def _own_vertex_anthropic(body: bytes, parsed: JsonObject) -> Changes:
    # Only Anthropic itself takes a cache mark at the top; no count depends on it.
    return {"anthropic_version": VERTEX_VERSION, "cache_control": DELETE, **_own_anthropic(body, parsed)}


def _own_responses(body: bytes, parsed: JsonObject) -> Changes:
    return without_foreign("openai-responses", body, parsed)


_OPENAI: Mapping[str, Operation] = {
    "embeddings": Passthrough("data"),
    "moderations": Passthrough("results"),
    "images": Passthrough("data"),
    "images-edits": Passthrough("data"),
    "images-variations": Passthrough("data"),
    "speech": Passthrough("audio", opaque=always),
    "transcriptions": Passthrough("text", opaque=is_stream_or_text),
    "translations": Passthrough("text", opaque=is_stream_or_text),
    "files": Untouched(),
    "batches": Untouched(),
    "count-tokens-responses": Passthrough("input_tokens", more=_own_responses),
}
"""OpenAI's own API, which Azure has, too. Compatible servers have some of it: ``extproc.providers`` knows which."""

OPERATIONS: Mapping[tuple[str, str], Operation] = {
    **counting(CLIENT_DIALECTS, PROVIDER_DIALECTS),
    **{(name, dialect): operation for name, operation in _OPENAI.items() for dialect in ("openai", "azure-openai")},
    ("embeddings", "gemini"): GeminiEmbeddings(),
    ("embeddings", "vertex-gemini"): VertexEmbeddings(),
    ("embeddings", "cohere"): CohereEmbeddings(),
    ("embeddings", "bedrock"): BedrockEmbeddings(),
    ("rerank", "openai"): Passthrough("results"),
    ("rerank", "cohere"): CohereRerank(),
    ("rerank", "bedrock"): BedrockRerank(),
    ("count-tokens-anthropic", "anthropic"): Passthrough("input_tokens", more=_own_anthropic),
    ("count-tokens-anthropic", "bedrock-anthropic"): CountOwn(COUNT_WRAPS["bedrock-anthropic"]),
    ("count-tokens-anthropic", "vertex-anthropic"): Passthrough("input_tokens", more=_own_vertex_anthropic),
}
"""What is absent, a provider of that dialect does not offer. The later of two equal names counts: who speaks the
client's own dialect is not translated for."""
