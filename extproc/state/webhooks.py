"""Alerts on the wire: what a webhook is sent, and the sending. ``alerts`` decides when.

Two formats. ``generic`` is the alert's own document as JSON, signed where the webhook has a secret. ``slack`` is a
message for an incoming webhook: ``text`` for notifications, ``blocks`` for the channel
(https://api.slack.com/messaging/webhooks).
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import http.client
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

import orjson

from extproc.config.snapshot import Secret, Webhook
from extproc.domain.keysets import is_loopback
from extproc.domain.valueclass import valueclass
from extproc.state.alert_log import Alert
from extproc.version import VERSION

ID_HEADER = "x-llmgw-id"
"""The alert's id: who has seen it drops the repetition."""
SIGNATURE_HEADER = "x-llmgw-signature"
"""``t=<Unix seconds>,v1=<hex>``: HMAC-SHA256 of ``<t>.<body>`` under the webhook's secret."""

SEND_ERRORS = (OSError, http.client.HTTPException, ValueError)
"""How a post can fail: network, TLS and time (``OSError``), what is not HTTP, a URL that is none. Their text may quote
the URL: only their kind may be told."""

_SOCKET_SECONDS = 10.0
"""For connecting, and for each wait on the socket."""
_WHOLE_SECONDS = 20.0
"""For the whole post: who answers byte by byte is not waited for."""
_QUEUE_SECONDS = 60.0
"""For a place among the posts to one webhook."""
_LONGEST_WAIT = 31 * 24 * 3600.0
"""Seconds in a ``Retry-After`` that are believed; ``inf`` is what a number of 400 digits becomes."""
_MOST_AT_ONCE = 4
"""Posts to one webhook; each has a thread while it lasts. Slack takes one a second."""


@valueclass
class Message:
    """One post. ``to`` is the webhook's name for logs."""

    to: str
    url: Secret
    headers: Mapping[str, str]
    body: bytes


@valueclass
class Reply:
    """What is read of an answer; its body is not."""

    status: int
    retry_after: str | None = None


Post: TypeAlias = Callable[[Message], Awaitable[Reply]]
"""Sends a message. Raises one of ``SEND_ERRORS``."""


def webhook_name(webhook: Webhook) -> str:
    """``hooks.example.com#1f2e3d4c``: names a webhook in logs and in the store, and shows nothing of a token."""
    url = webhook.url.reveal()
    digest = hashlib.sha256(f"{webhook.format} {url}".encode(errors="replace")).hexdigest()
    return f"{urlsplit(url).hostname}#{digest[:8]}"


def message(webhook: Webhook, alert: Alert, now_ns: int) -> Message:
    """What a webhook is sent of an alert; a repetition differs in the signature's time alone."""
    body = orjson.dumps(_slack(alert) if webhook.format == "slack" else alert.document())
    headers = {
        "content-type": "application/json",
        "user-agent": f"llmgw/{VERSION}",
        ID_HEADER: alert.id,
    }
    if webhook.secret is not None:
        headers[SIGNATURE_HEADER] = signature(webhook.secret, body, now_ns // 1_000_000_000)
    return Message(webhook_name(webhook), webhook.url, headers, body)


def signature(secret: Secret, body: bytes, seconds: int) -> str:
    """The value of ``SIGNATURE_HEADER``. The time is signed too, so that a receiver can refuse what is replayed."""
    digest = hmac.new(secret.reveal().encode(), b"%d." % seconds + body, hashlib.sha256)
    return f"t={seconds},v1={digest.hexdigest()}"


def _slack(alert: Alert) -> dict[str, object]:
    when = datetime.fromtimestamp(alert.time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    line = _escaped(alert.text)
    return {
        "text": line,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": f":warning: {line}", "verbatim": True}},
            {
                "type": "context",
                "elements": [{"type": "mrkdwn", "text": _escaped(f"{when}, alert {alert.id}"), "verbatim": True}],
            },
        ],
    }


def _escaped(text: str) -> str:
    """Without Slack's three control characters, so that the name of a team can ping nobody.

    ``verbatim`` keeps Slack from making links of the rest (https://docs.slack.dev/messaging/formatting-message-text).
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def retry_after_seconds(text: str | None, now_ns: int) -> float:
    """What a ``Retry-After`` asks for, seconds or a date (RFC 9110, section 10.2.3); 0 where there is none to read."""
    if text is None:
        return 0.0
    try:
        seconds = float(text) if text.strip().isdecimal() else _date(text).timestamp() - now_ns / 1e9
    except (ValueError, OverflowError):  # also a year beyond what a number of the machine holds
        return 0.0
    return max(0.0, seconds) if seconds < _LONGEST_WAIT else 0.0


def _date(text: str) -> datetime:
    when = parsedate_to_datetime(text)
    return when if when.tzinfo else when.replace(tzinfo=UTC)  # a naive time would be taken as the machine's


class Poster:
    """Posts over HTTP or HTTPS with the standard library, each in a thread of its own. A ``Post``.

    Certificates are verified; redirects are not followed, for they would take the token elsewhere. The environment's
    proxies are used, but for this machine itself. Threads are daemons: a receiver that hangs keeps nobody from ending.
    """

    def __init__(self, socket_seconds: float = _SOCKET_SECONDS, whole_seconds: float = _WHOLE_SECONDS) -> None:
        self._socket_seconds = socket_seconds
        self._whole_seconds = whole_seconds
        self._places: dict[str, asyncio.Semaphore] = {}
        self._tls: ssl.SSLContext | None = None

    async def __call__(self, message: Message) -> Reply:
        """See ``Post``."""
        places = self._places.setdefault(message.to, asyncio.Semaphore(_MOST_AT_ONCE))
        async with asyncio.timeout(_QUEUE_SECONDS):
            await places.acquire()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Reply] = loop.create_future()

        def ended(result: Reply | BaseException) -> None:
            places.release()  # not before: a thread that is no longer waited for still counts
            if outcome.done():
                return
            if isinstance(result, Reply):
                outcome.set_result(result)
            else:
                outcome.set_exception(result)

        def work() -> None:
            try:
                result: Reply | BaseException = self._send(message)
            except SEND_ERRORS as error:
                result = error
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody wants to know
                loop.call_soon_threadsafe(ended, result)

        threading.Thread(target=work, name=f"webhook {message.to}", daemon=True).start()
        async with asyncio.timeout(self._whole_seconds):
            return await outcome

    def _send(self, message: Message) -> Reply:
        """In a thread. Raises ``SEND_ERRORS``."""
        url, headers = message.url.reveal(), dict(message.headers)
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"}:
            raise ValueError("not an HTTP URL")
        if "@" in parts.netloc:  # the library would take the credentials for a part of the host's name
            login, _, host = parts.netloc.rpartition("@")
            headers["authorization"] = f"Basic {base64.b64encode(unquote(login).encode()).decode()}"
            url = parts._replace(netloc=host).geturl()
        opener = urllib.request.OpenerDirector()
        # Without the library's handlers for redirects and error statuses every answer comes back as it is.
        opener.add_handler(urllib.request.ProxyHandler({} if is_loopback(parts.hostname or "") else None))
        opener.add_handler(urllib.request.HTTPHandler())
        if parts.scheme == "https":
            self._tls = self._tls or ssl.create_default_context()  # reads all authorities, which takes its time
            opener.add_handler(urllib.request.HTTPSHandler(context=self._tls))
        request = urllib.request.Request(url, data=message.body, headers=headers, method="POST")  # noqa: S310  checked
        try:
            with opener.open(request, timeout=self._socket_seconds) as response:
                return Reply(response.status, response.headers.get("retry-after"))
        except urllib.error.URLError as error:
            if isinstance(error.reason, OSError):
                raise error.reason from error  # says what happened, which URLError only quotes
            raise
