"""The paths the gateway serves, written out: method and path → what is asked, in which dialect.

Further spellings of the same paths: ``/anthropic/...`` for Anthropic SDKs that end their base URL so, Azure's
``/openai/v1/...``, ``/openai/deployments/<model>/...`` and ``/openai/...``, and OpenAI's without ``/v1``, for whoever
comes from a gateway whose base URL is its bare address.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal
from urllib.parse import unquote

from extproc.domain.errors import UnknownRoute
from extproc.domain.valueclass import valueclass

OPENAI, ANTHROPIC = "openai-chat", "anthropic-messages"
RESPONSES, COMPLETIONS, GEMINI = "openai-responses", "openai-completions", "gemini"

Kind = Literal["call", "models", "model"]
Body = Literal["json", "form", "none", "any"]

_ANTHROPIC_PREFIX = "/anthropic"
_MODELS = "/v1/models"


@valueclass
class Endpoint:
    """What a request asks: something of a model (``call``), the catalogue (``models``), or one entry (``model``).

    ``dialect`` is what the client speaks, for errors too; ``operation`` what a provider shall do (``chat`` for all
    conversations), or ``models`` for the catalogue, ``none`` where it is not known. ``model`` and ``stream`` are given where the path says them. ``body``: a JSON object, a form with
    files, nothing, or whatever there is; ``path`` is what follows ``/v1`` where the operation has paths of its own.
    ``default_model`` is asked for by a body that names none.
    """

    kind: Kind
    dialect: str
    operation: str = "chat"
    model: str | None = None
    stream: bool | None = None
    body: Body = "json"
    path: str = ""
    default_model: str | None = None


_POSTS: Mapping[str, Endpoint] = {
    "/v1/chat/completions": Endpoint("call", OPENAI),
    "/v1/responses": Endpoint("call", RESPONSES),
    "/v1/completions": Endpoint("call", COMPLETIONS),
    "/v1/messages": Endpoint("call", ANTHROPIC),
    "/v1/messages/count_tokens": Endpoint("call", ANTHROPIC, "count-tokens-anthropic"),
    "/v1/responses/input_tokens": Endpoint("call", RESPONSES, "count-tokens-responses"),
    "/v1/embeddings": Endpoint("call", OPENAI, "embeddings"),
    "/v1/rerank": Endpoint("call", OPENAI, "rerank"),
    "/v2/rerank": Endpoint("call", OPENAI, "rerank"),
    # The vendor's own default: openai.types.moderation_create_params
    "/v1/moderations": Endpoint("call", OPENAI, "moderations", default_model="omni-moderation-latest"),
    "/v1/images/generations": Endpoint("call", OPENAI, "images"),
    "/v1/images/edits": Endpoint("call", OPENAI, "images-edits", body="form"),
    "/v1/images/variations": Endpoint("call", OPENAI, "images-variations", body="form"),
    "/v1/audio/speech": Endpoint("call", OPENAI, "speech"),
    "/v1/audio/transcriptions": Endpoint("call", OPENAI, "transcriptions", body="form"),
    "/v1/audio/translations": Endpoint("call", OPENAI, "translations", body="form"),
}
"""What is asked with POST at one path."""

FORMS = frozenset(found.operation for found in _POSTS.values() if found.body == "form")
"""Operations whose body is a form."""

_ID = r"\w[\w.:-]{0,255}"
_ACCOUNT: tuple[tuple[str, re.Pattern[str], Body], ...] = (
    ("POST", re.compile(r"/v1/files"), "any"),
    ("GET", re.compile(rf"/v1/files(?:/{_ID}(?:/content)?)?"), "none"),
    ("DELETE", re.compile(rf"/v1/files/{_ID}"), "none"),
    ("POST", re.compile(rf"/v1/batches(?:/{_ID}/cancel)?"), "any"),
    ("GET", re.compile(rf"/v1/batches(?:/{_ID})?"), "none"),
)
"""What belongs to an account at a provider, and to no model."""

_GEMINI = re.compile(r"/(?:gemini/)?v1(?:beta|alpha)?/(?:publishers/google/)?models/(?P<model>[^:]+):(?P<verb>\w+)")
_GEMINI_VERBS: Mapping[str, bool] = {"generateContent": False, "streamGenerateContent": True}
"""What is served of the Gemini API, and whether it is a stream."""

_DEPLOYMENT = re.compile(r"/openai/deployments/(?P<model>[^/]+)(?P<rest>/.+)")
_MODEL_PATHS = re.compile(rf"{_MODELS}(?:/.*)?")
_BARE = re.compile(
    r"/(?:chat/completions|completions|embeddings|rerank|moderations|responses(?:/.*)?|images/.*|audio/.*"
    r"|models(?:/.*)?|files(?:/.*)?|batches(?:/.*)?)"
)
"""OpenAI's paths without ``/v1``."""

_SERVED = (
    "This gateway serves POST /v1/chat/completions, /v1/responses, /v1/completions, /v1/embeddings, /v1/messages,"
    " /v1/messages/count_tokens, /v1/rerank, /v1/moderations, /v1/images/*, /v1/audio/*, /v1/files, /v1/batches and"
    " GET /v1/models; an OpenAI SDK's base_url ends in /v1 or has no path, an Anthropic SDK's has none."
)


_CONVERSATIONS: Mapping[str, str] = {COMPLETIONS: "text_completion", GEMINI: "generate_content"}


def operation_name(operation: str, dialect: str) -> str:
    """What telemetry calls it, after the GenAI conventions: conversations have three names there.

    https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
    """
    return _CONVERSATIONS.get(dialect, "chat") if operation == "chat" else operation


def dialect_of(path: str, headers: Mapping[str, str]) -> str:
    """The dialect to speak to a client of whom only path and headers are known, also when the path is wrong."""
    if path.startswith((_ANTHROPIC_PREFIX, "/v1/messages")) or "anthropic-version" in headers:
        return ANTHROPIC
    if path.startswith(("/v1beta/", "/gemini/")) or "x-goog-api-key" in headers:
        return GEMINI
    return OPENAI


def find_endpoint(method: str, target: str, headers: Mapping[str, str]) -> Endpoint:
    """The endpoint of a request. ``target`` is ``:path``, query included. Raises ``UnknownRoute`` naming what there is."""
    path, _, query = target.partition("?")
    served, model = _respelt(path)
    if (found := _POSTS.get(served)) is not None:
        if method != "POST":
            raise UnknownRoute(f"{path} takes POST, not {method}.")
        return found if model is None else _of_model(found, model)
    if (gemini := _gemini(method, path, query)) is not None:
        return gemini
    if served == _MODELS or served.startswith(f"{_MODELS}/"):
        return _catalogue(method, path, served, dialect_of(path, headers))
    if served.startswith(("/v1/files", "/v1/batches")):
        return _account(method, path, served, query, dialect_of(path, headers))
    if served.startswith("/v1/responses/"):
        raise UnknownRoute(f"There is nothing at {method} {path[:200]}: this gateway keeps no responses. {_SERVED}")
    raise UnknownRoute(f"There is nothing at {method} {path[:200]}. {_SERVED}")


def _respelt(path: str) -> tuple[str, str | None]:
    """The path as the tables have it, and the model where it stands in Azure's."""
    if path.startswith(_ANTHROPIC_PREFIX + "/"):
        return path[len(_ANTHROPIC_PREFIX) :], None
    if path.startswith("/openai/v1/"):
        return path[len("/openai") :], None
    if (azure := _DEPLOYMENT.fullmatch(path)) is not None:
        return f"/v1{azure['rest']}", unquote(azure["model"])
    if _BARE.fullmatch(path):
        return f"/v1{path}", None
    served = f"/v1{path[len('/openai') :]}"
    if path.startswith("/openai/") and (served in _POSTS or _MODEL_PATHS.fullmatch(served)):
        return served, None  # Azure's dated API, where the path names no model: responses, the catalogue
    return path, None


def _of_model(found: Endpoint, model: str) -> Endpoint:
    return replace(found, model=model)


def _gemini(method: str, path: str, query: str) -> Endpoint | None:
    found = _GEMINI.fullmatch(path)
    if found is None:
        return None
    stream = _GEMINI_VERBS.get(found["verb"])
    if stream is None:
        raise UnknownRoute(
            f"This gateway does not serve {found['verb'][:50]}; of the Gemini API it serves generateContent and"
            " streamGenerateContent."
        )
    if method != "POST":
        raise UnknownRoute(f"{path[:200]} takes POST, not {method}.")
    if stream and "alt=sse" not in query.split("&"):
        raise UnknownRoute("streamGenerateContent is served as server-sent events only: add ?alt=sse.")
    return Endpoint("call", GEMINI, model=unquote(found["model"]), stream=stream)


def _catalogue(method: str, path: str, served: str, dialect: str) -> Endpoint:
    if method != "GET":
        raise UnknownRoute(f"{path[:200]} takes GET, not {method}.")
    name = unquote(served[len(_MODELS) + 1 :])
    return Endpoint("model", dialect, "models", model=name) if name else Endpoint("models", dialect, "models")


def _account(method: str, path: str, served: str, query: str, dialect: str) -> Endpoint:
    operation = "files" if served.startswith("/v1/files") else "batches"
    if dialect != OPENAI:  # the path is one of Anthropic's API, too
        raise UnknownRoute(
            f"This gateway serves {operation} in OpenAI's API only, and this is a request of another one."
        )
    for verb, pattern, body in _ACCOUNT:
        if verb == method and pattern.fullmatch(served):
            own = served.removeprefix("/v1") + (f"?{query}" if query else "")
            return Endpoint("call", OPENAI, operation, body=body, path=own)
    raise UnknownRoute(f"There is nothing at {method} {path[:200]}. {_SERVED}")
