"""The admin token: every path needs it save those named open, so that a new route is protected by default."""

import hashlib
import hmac
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from extproc.admin.replies import error_reply
from extproc.config.snapshot import Secret

_SCHEME = b"bearer "


class TokenGuard:
    """ASGI middleware: passes a request on when its path is open or it bears the token; else answers itself.

    ``token`` is asked on every request, since a reload may change it; None (none configured, or nothing loaded yet)
    refuses everything that is not open.
    """

    def __init__(self, app: ASGIApp, token: Callable[[], Secret | None], open_paths: frozenset[str]) -> None:
        self._app = app
        self._token = token
        self._open = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decide, then pass on or refuse."""
        if scope["type"] == "lifespan" or scope["path"] in self._open:
            await self._app(scope, receive, send)
            return
        token = self._token()
        if token is None or not token.reveal():  # empty: an environment variable that is set to nothing
            refusal = error_reply(
                403,
                "admin_token_not_set",
                "this path needs an admin token and none is configured: set admin.token in gateway.yaml",
            )
        elif _same(_presented(Headers(scope=scope)), token.reveal()):
            await self._app(scope, receive, send)
            return
        else:
            refusal = error_reply(
                401,
                "invalid_admin_token",
                "send the admin token as 'Authorization: Bearer <token>'",
                headers={"WWW-Authenticate": 'Bearer realm="llmgw admin"'},
            )
        await refusal(scope, receive, send)


def _presented(headers: Headers) -> bytes:
    # Starlette decodes headers as Latin-1, which gives every byte back.
    value = headers.get("authorization", "").encode("latin-1")
    return value[len(_SCHEME) :].strip() if value[: len(_SCHEME)].lower() == _SCHEME else b""


def _same(presented: bytes, token: str) -> bool:
    # Digests are of equal length, so the time says nothing about the token's length either.
    return hmac.compare_digest(hashlib.sha256(presented).digest(), hashlib.sha256(token.encode()).digest())
