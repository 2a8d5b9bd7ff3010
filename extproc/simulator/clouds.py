"""Paths of the clouds: Bedrock, Gemini, Vertex, and where their credentials come from."""

import re

from extproc.simulator.bedrock import dialect as bedrock_dialect
from extproc.simulator.bedrock import endpoints as bedrock
from extproc.simulator.call import Handler, Route
from extproc.simulator.credentials import aws, entra, google
from extproc.simulator.dialect import Manners
from extproc.simulator.gemini import dialect as gemini_dialect
from extproc.simulator.gemini import endpoints as gemini
from extproc.simulator.handlers import generate
from extproc.simulator.vertex import claude as vertex_claude
from extproc.simulator.vertex import dialect as vertex_dialect
from extproc.simulator.vertex import endpoints as vertex

_GEMINI = r"/v1(?:beta)?/models"
_VERTEX = r"/v1(?:beta1)?/projects/[^/]+/locations/[^/]+/publishers"


def _bedrock(operation: str, handler: Handler) -> Route:
    return Route("POST", re.compile(rf"/model/(?P<model>[^/]+)/{operation}"), bedrock_dialect, handler, raw=True)


def _model(base: str, operation: str, manners: Manners, handler: Handler) -> Route:
    return Route("POST", re.compile(rf"{base}/(?P<model>[^/]+):{operation}"), manners, handler)


def _issuer(method: str, path: str, manners: Manners, handler: Handler) -> Route:
    """The group ``model`` is the name under which programmes find a credential endpoint."""
    return Route(method, re.compile(path), manners, handler, raw=True)


_BEDROCK = (
    _bedrock("converse(?:-stream)?", bedrock.converse),
    _bedrock("invoke", bedrock.invoke),
    _bedrock("invoke-with-response-stream", bedrock.invoke_stream),
    _bedrock("count-tokens", bedrock.count_tokens),
    _bedrock("[a-z-]+", bedrock.unknown),
)

_GOOGLES = f"{_VERTEX}/google/models"
_ANTHROPICS = f"{_VERTEX}/anthropic/models"
_SPEAK = "(?:generateContent|streamGenerateContent)"

_GEMINI_ROUTES = (
    _model(_GEMINI, _SPEAK, gemini_dialect, gemini.generate(gemini_dialect, vertex=False)),
    _model(_GEMINI, "countTokens", gemini_dialect, gemini.count_tokens(vertex=False)),
    _model(_GEMINI, "embedContent", gemini_dialect, gemini.embed(vertex=False)),
    _model(_GEMINI, "batchEmbedContents", gemini_dialect, gemini.batch_embed),
    Route("GET", re.compile("/v1beta/models"), gemini_dialect, gemini.models),
    Route("GET", re.compile("/v1beta/models/(?P<model>[^/]+)"), gemini_dialect, gemini.model),
)
"""``GET /v1/models`` is OpenAI's and Anthropic's here."""

_VERTEX_ROUTES = (
    _model(_GOOGLES, _SPEAK, vertex_dialect, gemini.generate(vertex_dialect, vertex=True)),
    _model(_GOOGLES, "countTokens", vertex_dialect, gemini.count_tokens(vertex=True)),
    _model(_GOOGLES, "embedContent", vertex_dialect, gemini.embed(vertex=True)),
    _model(_GOOGLES, "predict", vertex_dialect, gemini.predict),
    Route("POST", re.compile(rf"{_ANTHROPICS}/count-tokens:rawPredict"), vertex_claude, vertex.count_tokens),
    _model(_ANTHROPICS, "(?:rawPredict|streamRawPredict)", vertex_claude, generate(vertex_claude)),
)

_CREDENTIALS = (
    _issuer("POST", r"/(?P<model>sts)?/?", aws.STS, aws.assume_role),
    _issuer("GET", r"/(?P<model>container-credentials)", aws.CONTAINER, aws.container),
    _issuer("GET", r"/(?P<model>computeMetadata)/v1/(?P<path>.*)", google.METADATA, google.metadata),
    _issuer("GET", r"/", google.METADATA, google.root),
    _issuer("POST", r"/(?P<model>token)", google.OAUTH, google.token),
    _issuer("POST", r"/[^/]+/(?P<model>oauth2)/v2\.0/token", entra.ENTRA, entra.token),
)

CLOUD_ROUTES: tuple[Route, ...] = (*_BEDROCK, *_GEMINI_ROUTES, *_VERTEX_ROUTES, *_CREDENTIALS)
