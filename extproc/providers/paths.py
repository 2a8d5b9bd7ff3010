"""Per dialect: the path of each operation, as it goes behind the base URL. Model names stand in it percent-encoded.

Sources: https://platform.openai.com/docs/api-reference,
https://learn.microsoft.com/azure/ai-foundry/openai/reference (deployments) and .../latest (v1),
https://docs.anthropic.com/en/api/overview,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html,
https://ai.google.dev/api/generate-content, https://cloud.google.com/vertex-ai/docs/reference/rest,
https://docs.anthropic.com/en/api/claude-on-vertex-ai, https://docs.cohere.com/reference/about.
"""

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import quote

from extproc.config.snapshot import Provider
from extproc.domain.errors import InvalidRequest, UnsupportedFeature
from extproc.domain.valueclass import valueclass

_OPENAI: Mapping[str, str] = {
    "embeddings": "/embeddings",
    "count-tokens": "/responses/input_tokens",
    "moderations": "/moderations",
    "images": "/images/generations",
    "images-edits": "/images/edits",
    "images-variations": "/images/variations",
    "speech": "/audio/speech",
    "transcriptions": "/audio/transcriptions",
    "translations": "/audio/translations",
}
"""By operation, behind ``/v1``."""
_NEEDS: Mapping[str, str] = {"count-tokens": "responses", "embeddings": "embeddings", "rerank": "rerank"}
"""Operation → the entry of ``Provider.apis`` without which a provider of OpenAI's shape has none."""
_DEPLOYED = frozenset(
    {
        *("/chat/completions", "/completions", "/embeddings", "/images/generations", "/images/edits"),
        *("/audio/speech", "/audio/transcriptions", "/audio/translations"),
    }
)
"""What Azure's dated API has below a deployment; the rest names the model in the body."""
_NOT_AT_AZURE = frozenset({"moderations", "images-variations", "rerank"})
_ACCOUNT = frozenset({"files", "batches"})
_ACCOUNT_PATH = re.compile(r"/(files|batches)(?:/[A-Za-z0-9_-]+)*(?:\?[!-~]*)?")
"""Ids have no dots, so no segment of what a client sends can lead elsewhere."""


@valueclass
class Ask:
    """What an attempt asks of a provider. ``model``: the provider's own name of it.

    ``path``: of ``files`` and ``batches``, what follows ``/v1``, with its query. ``content_type`` and ``accept`` are
    the client's where its body is passed on as it is (multipart); None: JSON, and events where it streams.
    """

    operation: str
    model: str
    stream: bool = False
    path: str = ""
    content_type: str | None = None
    accept: str | None = None


Path: TypeAlias = Callable[[Provider, Ask], str]
"""Raises ``UnsupportedFeature`` where the provider has no such operation."""


def openai(chat: str | None) -> Path:
    """Paths behind a base URL that ends in ``/v1``; ``chat``: the conversation API that is spoken."""

    def path(provider: Provider, ask: Ask) -> str:
        return _openai(provider, ask, chat)

    return path


def azure(chat: str | None) -> Path:
    """Paths behind an Azure resource: the v1 API, or the dated one where the provider has an ``api_version``."""

    def path(provider: Provider, ask: Ask) -> str:
        if ask.operation in _NOT_AT_AZURE:
            raise missing(provider, ask)
        found = _openai(provider, ask, chat)
        if provider.api_version is None:
            return f"/openai/v1{found}"
        start, _, query = found.partition("?")
        below = f"/deployments/{segment(ask.model)}" if start in _DEPLOYED else ""
        version = f"api-version={quote(provider.api_version, safe='')}"
        return f"/openai{below}{start}?{f'{query}&' if query else ''}{version}"

    return path


def anthropic(provider: Provider, ask: Ask) -> str:
    """Paths of Anthropic's own API."""
    match counted(ask.operation):
        case "chat":
            return "/v1/messages"
        case "count-tokens":
            return "/v1/messages/count_tokens"
        case _:
            raise missing(provider, ask)


def bedrock(provider: Provider, ask: Ask) -> str:
    """Converse for conversations; embeddings and reranking go by InvokeModel."""
    match counted(ask.operation):
        case "chat":
            return _model_at_bedrock(ask, "converse-stream" if ask.stream else "converse")
        case "embeddings" | "rerank":
            return _model_at_bedrock(ask, "invoke")
        case "count-tokens":
            return _model_at_bedrock(ask, "count-tokens")
        case _:
            raise missing(provider, ask)


def bedrock_anthropic(provider: Provider, ask: Ask) -> str:
    """InvokeModel with Anthropic's own body."""
    match counted(ask.operation):
        case "chat":
            return _model_at_bedrock(ask, "invoke-with-response-stream" if ask.stream else "invoke")
        case "count-tokens":
            return _model_at_bedrock(ask, "count-tokens")
        case _:
            raise missing(provider, ask)


def gemini(provider: Provider, ask: Ask) -> str:
    """Paths of the Gemini API; a model is ``gemini-…``, ``models/…`` or ``tunedModels/…``."""
    model = ask.model if ask.model.startswith(("models/", "tunedModels/")) else f"models/{ask.model}"
    where = f"/{segment(provider.api_version or 'v1beta')}/{_segments(model)}"
    match counted(ask.operation):
        case "chat":
            return f"{where}:{'streamGenerateContent?alt=sse' if ask.stream else 'generateContent'}"
        case "embeddings":
            return f"{where}:batchEmbedContents"
        case "count-tokens":
            return f"{where}:countTokens"
        case _:
            raise missing(provider, ask)


def vertex_gemini(provider: Provider, ask: Ask) -> str:
    """Paths of Vertex AI; a model is as ``_vertex_model`` takes it."""
    where = _vertex_model(provider, ask.model, "google")
    match counted(ask.operation):
        case "chat":
            return f"{where}:{'streamGenerateContent?alt=sse' if ask.stream else 'generateContent'}"
        case "embeddings":
            return f"{where}:predict"
        case "count-tokens":
            return f"{where}:countTokens"
        case _:
            raise missing(provider, ask)


def vertex_anthropic(provider: Provider, ask: Ask) -> str:
    """Paths of Claude on Vertex AI; tokens are counted by a model of that name, the body names the real one."""
    match counted(ask.operation):
        case "chat":
            where = _vertex_model(provider, ask.model, "anthropic")
            return f"{where}:{'streamRawPredict' if ask.stream else 'rawPredict'}"
        case "count-tokens":
            return f"{_vertex_model(provider, 'count-tokens', 'anthropic')}:rawPredict"
        case _:
            raise missing(provider, ask)


def cohere(provider: Provider, ask: Ask) -> str:
    """Paths of Cohere's own API, version 2."""
    match ask.operation:
        case "embeddings":
            return "/v2/embed"
        case "rerank":
            return "/v2/rerank"
        case _:
            raise missing(provider, ask)


def counted(operation: str) -> str:
    """Tokens are counted at one place of a provider, whichever API the client asks by."""
    return "count-tokens" if operation.startswith("count-tokens-") else operation


def in_words(operation: str) -> str:
    """What an operation is called in a message to a client."""
    return "token counting" if counted(operation) == "count-tokens" else operation


def missing(provider: Provider, ask: Ask) -> UnsupportedFeature:
    """The error for an operation that a provider does not have."""
    return UnsupportedFeature(
        f'Provider "{provider.name}" ({provider.dialect}) has no {in_words(ask.operation)}; ask for a model that is'
        " served by one which has."
    )


def segment(name: str) -> str:
    """A name as one segment of a path; ``.`` and ``..`` would name another one."""
    return quote(name, safe="") if name not in {".", ".."} else name.replace(".", "%2E")


def _segments(name: str) -> str:
    return "/".join(map(segment, name.split("/")))


def _openai(provider: Provider, ask: Ask, chat: str | None) -> str:
    operation = counted(ask.operation)
    if operation == "chat" and chat is not None:
        return chat
    if operation in _ACCOUNT:
        return _account(provider, ask)
    if _NEEDS.get(operation, "chat") not in provider.apis | {"chat"}:
        raise missing(provider, ask)
    if operation == "rerank":
        return provider.rerank_path
    if operation not in _OPENAI:
        raise missing(provider, ask)
    return _OPENAI[operation]


def _account(provider: Provider, ask: Ask) -> str:
    """What belongs to the whole account is open only where the configuration says so."""
    if ask.operation not in provider.passthrough:
        raise missing(provider, ask)
    found = _ACCOUNT_PATH.fullmatch(ask.path)
    if found is None or found[1] != ask.operation:
        raise InvalidRequest(f"the path is none of {ask.operation}")
    return ask.path


def _model_at_bedrock(ask: Ask, call: str) -> str:
    """Ids with a version (``:0``) and ARNs (``/``) are one segment."""
    return f"/model/{segment(ask.model)}/{call}"


def _vertex_model(provider: Provider, model: str, publisher: str) -> str:
    """The resource of a model. Without a project it is that of express mode.

    ``model``: a bare name, ``publisher/name``, or a resource (``publishers/… endpoints/… models/… projects/…``).
    """
    if not model.startswith(("projects/", "publishers/", "endpoints/", "models/")):
        own, _, name = model.rpartition("/")
        model = f"publishers/{own or publisher}/models/{name}"
    project = f"projects/{provider.project}/locations/{provider.location}/" if provider.project else ""
    if model.startswith("projects/"):
        project = ""
    return f"/{segment(provider.api_version or 'v1')}/{_segments(project + model)}"
