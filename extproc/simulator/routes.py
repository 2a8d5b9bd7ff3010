"""Every path that the simulator serves, vendor by vendor: path → manners and handler."""

import re
from collections.abc import Mapping
from dataclasses import replace

import orjson

from extproc.domain.reading import Json
from extproc.simulator.anthropic import dialect as anthropic_dialect
from extproc.simulator.anthropic import endpoints as anthropic_endpoints
from extproc.simulator.azure.dialect import AzureManners, FilteredSpeech
from extproc.simulator.azure.errors import fronted
from extproc.simulator.call import Call, Handler, Route
from extproc.simulator.clouds import CLOUD_ROUTES
from extproc.simulator.cohere import dialect as cohere_dialect
from extproc.simulator.cohere import embed as cohere_embed
from extproc.simulator.cohere import rerank as cohere_rerank
from extproc.simulator.dialect import Dialect, Manners
from extproc.simulator.handlers import generate, plain
from extproc.simulator.openai import (
    batches,
    endpoints,
    files,
    images,
    moderations,
    rerank,
    speech,
    transcripts,
)
from extproc.simulator.openai import dialect as openai_dialect
from extproc.simulator.openai_completions import dialect as completions_dialect
from extproc.simulator.openai_responses import dialect as responses_dialect
from extproc.simulator.openai_responses import endpoints as responses
from extproc.simulator.wire import Refused, Reply, Request


def _exact(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path))


def _unknown(call: Call) -> Reply:
    method, path = call.request.method, call.request.path
    raise Refused(f"Invalid URL ({method} {path})", status=404, kind="not_found_error")


_CHAT = Route("POST", _exact("/v1/chat/completions"), openai_dialect, generate(openai_dialect))
_MESSAGES = Route("POST", _exact("/v1/messages"), anthropic_dialect, generate(anthropic_dialect))

_QUICK: Mapping[tuple[str, str], Route] = {
    ("POST", "/v1/chat/completions"): _CHAT,
    ("POST", "/v1/messages"): _MESSAGES,
}
"""The two that benchmarks use, found without a search."""

_MODELS: Mapping[bool, Route] = {
    True: Route("GET", _exact("/v1/models"), anthropic_dialect, plain(anthropic_endpoints.models)),
    False: Route("GET", _exact("/v1/models"), openai_dialect, plain(endpoints.models)),
}
"""Two vendors have this path; Anthropic's clients name a version."""


def _post(path: str, handler: Handler, manners: Manners = openai_dialect) -> Route:
    return Route("POST", re.compile(path), manners, handler)


def _get(path: str, handler: Handler, manners: Manners = openai_dialect) -> Route:
    return Route("GET", re.compile(path), manners, handler)


def _form(path: str, handler: Handler) -> Route:
    return Route("POST", re.compile(path), openai_dialect, handler, form=True)


_SPOKEN: tuple[tuple[str, Dialect], ...] = (
    ("/chat/completions", openai_dialect),
    ("/completions", completions_dialect),
)
"""OpenAI's, behind ``/v1``; these Azure has behind the name of a deployment, too, and tells what its filter has found."""

_BY_DEPLOYMENT: tuple[Route, ...] = (
    _post("/embeddings", endpoints.embeddings),
    _post("/images/generations", images.generations),
    _form("/images/edits", images.edits),
    _post("/audio/speech", speech.speech),
    _form("/audio/transcriptions", transcripts.transcriptions),
    _form("/audio/translations", transcripts.translations),
)
"""OpenAI's, behind ``/v1``; these Azure has behind the name of a deployment, too."""

_BY_RESOURCE: tuple[Route, ...] = (
    _post("/responses", responses.create, responses_dialect),
    _post("/responses/input_tokens", responses.input_tokens, responses_dialect),
    _get("/responses/(?P<response>[^/]+)", responses.retrieve, responses_dialect),
    Route("DELETE", re.compile("/responses/(?P<response>[^/]+)"), responses_dialect, responses.delete),
    _form("/files", files.upload),
    _get("/files", files.listing),
    _get("/files/(?P<file>[^/]+)", files.retrieve),
    _get("/files/(?P<file>[^/]+)/content", files.download),
    Route("DELETE", re.compile("/files/(?P<file>[^/]+)"), openai_dialect, files.delete),
    _post("/batches", batches.create),
    _get("/batches", batches.listing),
    _get("/batches/(?P<batch>[^/]+)", batches.retrieve),
    Route("POST", re.compile("/batches/(?P<batch>[^/]+)/cancel"), openai_dialect, batches.cancel, raw=True),
    _get("/models/(?P<model>[^/]+)", endpoints.model),
)
"""OpenAI's, behind ``/v1``; these Azure has for a whole resource."""


def _azure(prefix: str, route: Route, *, versioned: bool) -> Route:
    manners = AzureManners(route.manners, versioned=versioned)
    return replace(route, path=re.compile(prefix + route.path.pattern), manners=manners)


def _behind(prefix: str, route: Route) -> Route:
    return replace(route, path=re.compile(prefix + route.path.pattern))


_OPENAI: tuple[Route, ...] = (
    *(_behind("/v1", _post(path, generate(dialect), dialect)) for path, dialect in _SPOKEN),
    *(_behind("/v1", route) for route in (*_BY_DEPLOYMENT, *_BY_RESOURCE)),
    _post("/v1/moderations", moderations.moderations),
)

_FILTERED: tuple[Route, ...] = tuple(
    _post(path, generate(FilteredSpeech(dialect)), dialect) for path, dialect in _SPOKEN
)
_AZURE_DEPLOYMENT: tuple[Route, ...] = (*_FILTERED, *_BY_DEPLOYMENT)
_AZURE_RESOURCE: tuple[Route, ...] = (*_BY_RESOURCE, _get("/models", plain(endpoints.models)))
_AZURE: tuple[Route, ...] = (
    *(_azure("/openai/v1", route, versioned=False) for route in (*_AZURE_DEPLOYMENT, *_AZURE_RESOURCE)),
    *(_azure("/openai/deployments/(?P<model>[^/]+)", route, versioned=True) for route in _AZURE_DEPLOYMENT),
    *(_azure("/openai", route, versioned=True) for route in _AZURE_RESOURCE),
)


def _unknown_to_azure(call: Call) -> Reply:
    del call
    raise fronted(404)


_NOWHERE = re.compile("")
_UNKNOWN: Mapping[bool, Route] = {
    True: Route("", _NOWHERE, anthropic_dialect, _unknown, raw=True),
    False: Route("", _NOWHERE, openai_dialect, _unknown, raw=True),
}
_UNKNOWN_TO_AZURE = Route("", _NOWHERE, AzureManners(openai_dialect, versioned=False), _unknown_to_azure, raw=True)

_RERANKS: Mapping[bool, Route] = {
    True: _post("/v1/rerank", cohere_rerank.rerank_v1, cohere_dialect),
    False: _post("/v1/rerank", rerank.rerank),
}
"""Two vendors have this path, with nothing but the model to tell them apart."""

_ROUTES: tuple[Route, ...] = (
    _post("/v1/messages/count_tokens", plain(anthropic_endpoints.count_tokens), anthropic_dialect),
    _post("/v2/embed", cohere_embed.embed, cohere_dialect),
    _post("/v2/rerank", cohere_rerank.rerank, cohere_dialect),
    *_OPENAI,
    *_AZURE,
    *CLOUD_ROUTES,
)


def find_route(request: Request, path: str) -> tuple[Route, dict[str, str]]:
    """The route of a request and the named parts of its path; one that refuses where there is none."""
    method = request.method
    if (quick := _QUICK.get((method, path))) is not None:
        return quick, {}
    speaks_anthropic = request.header(b"anthropic-version") is not None
    if (method, path) == ("GET", "/v1/models"):
        return _MODELS[speaks_anthropic], {}
    if (method, path) == ("POST", "/v1/rerank"):
        return _RERANKS[_is_coheres(request)], {}
    if speaks_anthropic and path.startswith("/v1/models/"):
        return _UNKNOWN[True], {}
    for route in _ROUTES:
        if route.method == method and (found := route.path.fullmatch(path)):
            return route, {name: value for name, value in found.groupdict().items() if value is not None}
    return (_UNKNOWN_TO_AZURE if path.startswith("/openai/") else _UNKNOWN[speaks_anthropic]), {}


def _is_coheres(request: Request) -> bool:
    """Whether the model is called as Cohere's are: ``rerank-v3.5``, ``rerank-english-v3.0``."""
    try:
        body: Json = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(body, dict) and str(body.get("model")).startswith("rerank-")
