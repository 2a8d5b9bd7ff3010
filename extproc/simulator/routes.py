"""Every path that the simulator serves, vendor by vendor: path → dialect and handler."""

import re
from collections.abc import Mapping

from extproc.simulator.anthropic import dialect as anthropic_dialect
from extproc.simulator.anthropic import endpoints as anthropic_endpoints
from extproc.simulator.call import Call, Route
from extproc.simulator.clouds import CLOUD_ROUTES
from extproc.simulator.handlers import generate, plain
from extproc.simulator.openai import dialect as openai_dialect
from extproc.simulator.openai import endpoints as openai_endpoints
from extproc.simulator.wire import Refused, Reply, Request


def _exact(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path))


def _unknown(call: Call) -> Reply:
    method, path = call.request.method, call.request.path
    raise Refused(f"Invalid URL ({method} {path})", status=404, kind="not_found_error")


_CHAT = Route("POST", _exact("/v1/chat/completions"), openai_dialect, generate)
_MESSAGES = Route("POST", _exact("/v1/messages"), anthropic_dialect, generate)

_QUICK: Mapping[tuple[str, str], Route] = {
    ("POST", "/v1/chat/completions"): _CHAT,
    ("POST", "/v1/messages"): _MESSAGES,
}
"""The two that benchmarks use, found without a search."""

_ROUTES: tuple[Route, ...] = (
    Route("POST", _exact("/v1/embeddings"), openai_dialect, plain(openai_endpoints.embeddings)),
    Route("POST", _exact("/v1/messages/count_tokens"), anthropic_dialect, plain(anthropic_endpoints.count_tokens)),
    *CLOUD_ROUTES,
)

_MODELS: Mapping[bool, Route] = {
    True: Route("GET", _exact("/v1/models"), anthropic_dialect, plain(anthropic_endpoints.models)),
    False: Route("GET", _exact("/v1/models"), openai_dialect, plain(openai_endpoints.models)),
}

_UNKNOWN: Mapping[bool, Route] = {
    True: Route("", re.compile(""), anthropic_dialect, _unknown),
    False: Route("", re.compile(""), openai_dialect, _unknown),
}


def find_route(request: Request, path: str) -> tuple[Route, dict[str, str]]:
    """The route of a request and the named parts of its path; one that refuses where there is none."""
    if (quick := _QUICK.get((request.method, path))) is not None:
        return quick, {}
    speaks_anthropic = request.header(b"anthropic-version") is not None
    if (request.method, path) == ("GET", "/v1/models"):
        return _MODELS[speaks_anthropic], {}
    for route in _ROUTES:
        if route.method == request.method and (found := route.path.fullmatch(path)):
            return route, {name: value for name, value in found.groupdict().items() if value is not None}
    return _UNKNOWN[speaks_anthropic], {}
