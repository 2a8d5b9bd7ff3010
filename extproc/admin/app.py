"""The admin port's routes.

=========== ======= ==========================================================================================
path        token   answer
=========== ======= ==========================================================================================
/           yes     the paths there are
/healthz    no      200 while the process runs
/readyz     no      200 when a request would be served, else 503; the body says which part is not ready
/metrics    no      Prometheus text, or OpenMetrics where Accept asks for it; the sum over all workers
/config     yes     the configuration in force, without secrets
/api/v1/... yes     keys, organisations, teams, users, the audit trail (``api``); usage and alerts (``usage``)
/key/... and so on  LiteLLM's management API (``litellm.routes``); with a token
=========== ======= ==========================================================================================
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from extproc.admin.access import TokenGuard, Tokens
from extproc.admin.api import ROOT, api_routes
from extproc.admin.errors import AdminError
from extproc.admin.health import EnvoyReady, WorkerHealth, config_part, envoy_part, store_part, workers_part
from extproc.admin.litellm.routes import READING_POSTS, litellm_routes
from extproc.admin.litellm.templates import Templates
from extproc.admin.replies import error_reply, json_reply, refusal_reply
from extproc.admin.service import DirectoryService
from extproc.admin.usage import Books, usage_routes
from extproc.admin.views import config_view
from extproc.config.snapshot import Snapshot
from extproc.state.alert_log import AlertLog
from extproc.state.reports import Reports

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
"""Probes and scrapers carry no token; these say nothing that needs one."""

_CODES = {404: "not_found", 405: "method_not_allowed"}


@dataclass(frozen=True, slots=True)
class AdminDeps:
    """What the app asks. ``envoy_ready`` is None where Envoy is run by somebody else.

    ``metrics`` turns an Accept header into a body and its content type (``Exposition.render``); it is called on a
    thread. ``snapshot`` gives the configuration in force, None before the first.
    """

    version: str
    snapshot: Callable[[], Snapshot | None]
    worker_health: WorkerHealth
    metrics: Callable[[str], tuple[bytes, str]]
    envoy_ready: EnvoyReady | None = None
    directory: DirectoryService | None = None
    """None where the configuration has no store."""
    reports: Reports | None = None
    templates: Templates | None = None
    alerts: AlertLog | None = None


def create_app(deps: AdminDeps) -> Starlette:
    """The app, ready for ``server.serve_on``."""
    pages = _Pages(deps)
    return Starlette(
        routes=[
            Route("/", pages.index),
            Route("/healthz", pages.healthz),
            Route("/readyz", pages.readyz),
            Route("/metrics", pages.metrics),
            Route("/config", pages.config),
            *usage_routes(_books(deps)),
            *api_routes(deps.directory),
            *litellm_routes(deps.directory, deps.reports, deps.templates),
        ],
        middleware=[Middleware(TokenGuard, tokens=pages.tokens, open_paths=OPEN_PATHS, reading_posts=READING_POSTS)],
        exception_handlers={HTTPException: _http_error, AdminError: _refused, Exception: _crash},
    )


def _books(deps: AdminDeps) -> Books | None:
    if deps.directory is None or deps.reports is None:
        return None
    return Books(deps.directory, deps.reports, deps.alerts)


class _Pages:
    def __init__(self, deps: AdminDeps) -> None:
        self._deps = deps

    def tokens(self) -> Tokens:
        snapshot = self._deps.snapshot()
        return Tokens(snapshot.admin_token, snapshot.admin_read_token) if snapshot else Tokens()

    async def index(self, _: Request) -> Response:
        return json_reply(
            {
                "name": "llmgw admin",
                "version": self._deps.version,
                "paths": ["/healthz", "/readyz", "/metrics", "/config", ROOT],
            }
        )

    async def healthz(self, _: Request) -> Response:
        return json_reply({"status": "alive", "version": self._deps.version})

    async def readyz(self, _: Request) -> Response:
        snapshot = self._deps.snapshot()
        parts = {"config": config_part(snapshot.version if snapshot else None)}
        if self._deps.directory is not None:
            parts["store"] = store_part(known=self._deps.directory.known)
        if self._deps.envoy_ready:
            parts["workers"], parts["envoy"] = await asyncio.gather(
                workers_part(self._deps.worker_health), envoy_part(self._deps.envoy_ready)
            )
        else:
            parts["workers"] = await workers_part(self._deps.worker_health)
        ready = all(part.ready for part in parts.values())
        shown = {name: part.shown for name, part in parts.items()}
        return json_reply({"ready": ready, "parts": shown}, 200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        body, content_type = await asyncio.to_thread(self._deps.metrics, request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    async def config(self, _: Request) -> Response:
        snapshot = self._deps.snapshot()
        if snapshot is None:  # replaced by nothing since the guard looked
            return error_reply(503, "not_ready", "no configuration is loaded")
        return json_reply(config_view(snapshot))


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_reply(error.status_code, _CODES.get(error.status_code, "error"), error.detail, error.headers)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, AdminError)
    return refusal_reply(error)


async def _crash(_: Request, error: Exception) -> Response:  # noqa: ARG001 Starlette's signature
    # Starlette raises the error again once this is sent, so that the server logs it.
    return error_reply(500, "internal_error", "the admin port failed to answer; see the log")
