"""The admin tokens: every path needs one save those named open, so that a new route is protected by default.

Two roles: ``admin`` may do everything, ``reader`` may only look, which is every GET and HEAD, and POST where a path is
named as one that only reads.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from extproc.admin.errors import ReadOnly
from extproc.admin.replies import error_reply, refusal_reply
from extproc.config.snapshot import Secret
from extproc.state.audit import Actor

Role = Literal["admin", "reader"]

ACTOR_HEADER = "x-llmgw-actor"
"""Who stands behind the token, for the audit trail: as the caller says, for the token is all that is known."""

_SCHEME = b"bearer "
_STATE = "llmgw.actor"
_LONGEST_ACTOR = 200


@dataclass(frozen=True, slots=True)
class Tokens:
    """What opens the admin port; None: nothing has that role."""

    admin: Secret | None = None
    reader: Secret | None = None

    def roles(self) -> Sequence[tuple[Secret, Role]]:
        """The tokens that are set. An empty one is an environment variable that is set to nothing."""
        pairs: tuple[tuple[Secret | None, Role], ...] = ((self.admin, "admin"), (self.reader, "reader"))
        return [(token, role) for token, role in pairs if token is not None and token.reveal()]


class TokenGuard:
    """ASGI middleware: passes a request on when its path is open or it bears a token that may do it; else answers itself.

    ``tokens`` is asked on every request, since a reload may change it; with none configured, or nothing loaded yet,
    everything that is not open is refused. ``reading_posts``: paths whose POST changes nothing.
    """

    def __init__(
        self,
        app: ASGIApp,
        tokens: Callable[[], Tokens],
        open_paths: frozenset[str],
        reading_posts: frozenset[str] = frozenset(),
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._open = open_paths
        self._reading_posts = reading_posts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decide, then pass on or refuse."""
        if scope["type"] == "lifespan" or scope["path"] in self._open:
            await self._app(scope, receive, send)
            return
        roles = self._tokens().roles()
        headers = Headers(scope=scope)
        role = _role(_presented(headers), roles)
        if not roles:
            refusal = error_reply(
                403,
                "admin_token_not_set",
                "this path needs an admin token and none is configured: set admin.token in gateway.yaml",
            )
        elif role is None:
            refusal = error_reply(
                401,
                "invalid_admin_token",
                "send the admin token as 'Authorization: Bearer <token>'",
                headers={"WWW-Authenticate": 'Bearer realm="llmgw admin"'},
            )
        elif role == "reader" and not self._reads(scope):
            refusal = refusal_reply(
                ReadOnly("This token may only read. Use the one of admin.token to change something.")
            )
        else:
            scope[_STATE] = Actor(_actor_name(headers) or role, role)
            await self._app(scope, receive, send)
            return
        await refusal(scope, receive, send)

    def _reads(self, scope: Scope) -> bool:
        method = scope.get("method")
        return method in {"GET", "HEAD"} or (method == "POST" and scope["path"] in self._reading_posts)


def actor_of(request: Request) -> Actor:
    """Who asks. Only for paths behind ``TokenGuard`` that are not open."""
    actor = request.scope[_STATE]
    assert isinstance(actor, Actor)
    return actor


def _actor_name(headers: Headers) -> str:
    # Of a hostile caller too: what is not visible ASCII would garble the log of whoever reads the trail.
    return "".join(char for char in headers.get(ACTOR_HEADER, "") if " " <= char <= "~").strip()[:_LONGEST_ACTOR]


def _presented(headers: Headers) -> bytes:
    # Starlette decodes headers as Latin-1, which gives every byte back.
    value = headers.get("authorization", "").encode("latin-1")
    return value[len(_SCHEME) :].strip() if value[: len(_SCHEME)].lower() == _SCHEME else b""


def _role(presented: bytes, roles: Sequence[tuple[Secret, Role]]) -> Role | None:
    # Digests are of equal length, so the time says nothing about a token's length either.
    digest = hashlib.sha256(presented).digest()
    found: list[Role] = [
        role for token, role in roles if hmac.compare_digest(digest, hashlib.sha256(token.reveal().encode()).digest())
    ]
    return found[0] if found else None
