"""How the commands ask the admin port: one request, JSON both ways, every failure one line."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote, urlencode, urlsplit

import click
import orjson

from extproc.domain.reading import Json, JsonObject

_TIMEOUT = 10.0
"""Seconds: longer than the gateway waits for its store, so that its own words arrive."""


@dataclass(frozen=True, slots=True)
class AdminClient:
    """One gateway's admin port. ``actor``: who asks, for the audit trail."""

    url: str
    token: str
    actor: str | None = None

    def ask(
        self, method: str, path: str, body: JsonObject | None = None, query: Mapping[str, str | None] | None = None
    ) -> JsonObject:
        """The answer's JSON. Raises ``ClickException`` in the words for the user."""
        asked = urlencode({name: value for name, value in (query or {}).items() if value is not None})
        status, content = self._exchange(
            method, f"/api/v1{path}{'?' if asked else ''}{asked}", None if body is None else orjson.dumps(body)
        )
        try:
            answer: object = orjson.loads(content)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise click.ClickException(f"{self.url} is no admin port of a gateway (it answers {status}, not JSON)")
        said = cast("JsonObject", answer)
        if status < 300:
            return said
        raise click.ClickException(_complaint(status, said))

    def _exchange(self, method: str, target: str, body: bytes | None) -> tuple[int, bytes]:
        # Checked here, for the words of http.client would repeat the token.
        if not self.token.isascii() or not self.token.isprintable():
            raise click.ClickException("the admin token holds a line break or another character that no token has")
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if self.actor:
            headers["x-llmgw-actor"] = "".join(char for char in self.actor if " " <= char <= "~")
        connection, root = self._connection()
        try:
            connection.request(method, root + target, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except ConnectionRefusedError:
            raise click.ClickException(f"no gateway runs at {self.url}: start it, or name another with --url") from None
        except TimeoutError:
            raise click.ClickException(f"{self.url} does not answer within {_TIMEOUT:g} s") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise click.ClickException(f"cannot ask {self.url}: {error}") from None
        finally:
            connection.close()

    def _connection(self) -> tuple[http.client.HTTPConnection, str]:
        """And the path that all paths of this URL begin with."""
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
            parts = urlsplit("")
        if parts.scheme not in {"http", "https"} or host is None:
            raise click.ClickException(f"'{self.url}' is no URL of an admin port; write http://127.0.0.1:9090")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return kind(host, port, timeout=_TIMEOUT), parts.path.rstrip("/")


def segment(name: str) -> str:
    """A name as a part of a path. Raises ``ClickException`` for an empty one: the path would be another."""
    if not name:
        raise click.ClickException("the id or name is empty")
    return quote(name, safe="")


def _complaint(status: int, answer: JsonObject) -> str:
    error: Json = answer.get("error")
    message = error.get("message") if isinstance(error, Mapping) else None
    if status == 401:
        return (
            "the gateway does not know this admin token: give the one of admin.token with --token or LLMGW_ADMIN_TOKEN"
        )
    return str(message) if message else f"the gateway answers {status}"
