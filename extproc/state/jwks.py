"""The key sets of identity providers: fetched from a URL or a file, kept, refreshed in the background.

``extproc.policy.tokens`` reads them from memory through ``KeySets``. What was loaded once is kept while its source
fails, however long; a key that is gone from the source is gone here with the next refresh.
"""

import asyncio
import contextlib
import hashlib
import http.client
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TypeAlias
from urllib.parse import urlsplit

from extproc.config.snapshot import JwtIssuer
from extproc.domain.keysets import (
    KeySet,
    KeySetError,
    KeySets,
    SigningKey,
    is_loopback,
    parse_key_set,
    source_problem,
)
from extproc.domain.valueclass import valueclass

_LIMIT = 256 * 1024
"""Bytes of a document; a key takes about 2 KiB with its certificate chain."""
_CHUNK = 16 * 1024
_MOST_THREADS = 8
_LONGEST_PAUSE = 60.0
"""Between two tries of a source that fails: after an outage identities work again within a minute."""
_JITTER = 0.1
"""So that workers started together do not ask together for ever."""
_PORTS = {"https": 443, "http": 80}
_SOURCE_ERRORS = (OSError, ValueError, http.client.HTTPException)
"""Network, TLS, files (``OSError``, of which ``URLError`` is one); bad documents (``KeySetError`` is a ``ValueError``)."""


@valueclass
class KeysLoaded:
    """A source has a new or changed set."""

    source: str
    kids: tuple[str | None, ...]
    skipped: tuple[str, ...]
    """Why which keys of the document are not used."""


@valueclass
class KeysFailed:
    """A source could not be read; the last good set, if there was one, stays."""

    source: str
    problem: str
    failures: int
    """In a row."""
    stale: bool
    """Whether there is a set to go on with."""


KeysEvent: TypeAlias = KeysLoaded | KeysFailed
Observer: TypeAlias = Callable[[KeysEvent], None]
"""Told on the event loop; it must not raise."""


@valueclass
class Pace:
    """Seconds. ``early``: the least between two refreshes that unknown keys ask for, as strangers can make them up."""

    timeout: float = 5.0
    """For each read of a socket, and for the whole document."""
    early: float = 30.0
    first_retry: float = 1.0
    """Doubled with each failure."""
    wait: float = 1.0
    """How long a request waits for a refresh."""


class _Feed:
    """One source and its newest good set."""

    def __init__(self, source: str, every: float) -> None:
        self.source = source
        self.every = every
        self.keyset = KeySet()
        self.version = 0
        self.digest = b""
        self.failures = 0
        self.pending = True
        self.asked_at = float("-inf")
        self.wake = asyncio.Event()
        self.turn = asyncio.Event()
        """Set when the refresh under way, or the next one, has ended; then another one takes its place."""

    def end_turn(self) -> None:
        self.pending = False
        turn, self.turn = self.turn, asyncio.Event()
        turn.set()


class JwksCache(KeySets):
    """The key sets of these issuers. One event loop uses it; files and sockets are read in threads of its own.

    Issuers with the same source share it, at the shorter of their intervals.
    """

    def __init__(self, issuers: Sequence[JwtIssuer], observer: Observer, pace: Pace | None = None) -> None:
        self._observer = observer
        self._pace = pace or Pace()
        intervals: dict[str, float] = {}
        for issuer in issuers:
            intervals[issuer.jwks] = min(issuer.refresh_seconds, intervals.get(issuer.jwks, issuer.refresh_seconds))
        self._feeds = {source: _Feed(source, every) for source, every in intervals.items()}
        self._random = random.Random()  # noqa: S311  spreads load, hides nothing
        self._tasks: list[asyncio.Task[None]] = []
        self._threads: ThreadPoolExecutor | None = None

    async def start(self) -> None:
        """Begin to refresh, and wait for the first sets, for about a second: a source that is away holds up nothing."""
        if not self._feeds:
            return
        self._threads = ThreadPoolExecutor(min(len(self._feeds), _MOST_THREADS), thread_name_prefix="jwks")
        for feed in self._feeds.values():
            task = asyncio.create_task(self._follow(feed, self._threads), name=f"refresh {feed.source}")
            task.add_done_callback(lambda done, feed=feed: self._ended(feed, done))
            self._tasks.append(task)
        await asyncio.gather(*(self.refreshed(source) for source in self._feeds))

    async def close(self) -> None:
        """Stop refreshing; a fetch under way is left to its timeout."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def find(self, source: str, kid: str | None) -> tuple[SigningKey, ...]:
        """See ``KeySets``."""
        feed = self._feeds.get(source)
        return () if feed is None else feed.keyset.candidates(kid)

    def version(self, source: str) -> int:
        """See ``KeySets``."""
        feed = self._feeds.get(source)
        return 0 if feed is None else feed.version

    def wanted(self, source: str) -> None:
        """See ``KeySets``. A failing source keeps to its back-off."""
        feed = self._feeds.get(source)
        now = time.monotonic()
        if feed is None or feed.pending or feed.failures or now - feed.asked_at < self._pace.early:
            return
        feed.asked_at = now
        feed.pending = True
        feed.wake.set()

    async def refreshed(self, source: str) -> bool:
        """See ``KeySets``. Nobody waits for a source whose last try failed."""
        feed = self._feeds.get(source)
        if feed is None or not feed.pending or feed.failures:
            return False
        before = feed.version
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pace.wait):
                await feed.turn.wait()
        return feed.version != before

    async def _follow(self, feed: _Feed, threads: ThreadPoolExecutor) -> None:
        while True:
            feed.pending = True
            pause = await self._refresh(feed, threads)
            feed.end_turn()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await feed.wake.wait()
            feed.wake.clear()

    async def _refresh(self, feed: _Feed, threads: ThreadPoolExecutor) -> float:
        """One try. Returns the seconds until the next one."""
        loop = asyncio.get_running_loop()
        try:
            changed = await loop.run_in_executor(threads, _load, feed.source, feed.digest, self._pace.timeout)
        except _SOURCE_ERRORS as error:
            feed.failures += 1
            self._observer(KeysFailed(feed.source, _say(error), feed.failures, stale=feed.version > 0))
            pause = self._pace.first_retry * 2.0 ** min(feed.failures - 1, 10)
            return min(pause, _LONGEST_PAUSE, max(feed.every, self._pace.first_retry))
        feed.failures = 0
        if changed is not None:
            feed.keyset, feed.digest = changed
            feed.version += 1
            kids = tuple(key.kid for key in feed.keyset.keys)
            self._observer(KeysLoaded(feed.source, kids, feed.keyset.skipped))
        return feed.every * self._random.uniform(1 - _JITTER, 1)

    def _ended(self, feed: _Feed, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            problem = f"its refresh crashed ({type(error).__name__}) and has ended"
            feed.end_turn()
            self._observer(KeysFailed(feed.source, problem, feed.failures, stale=feed.version > 0))


def _load(source: str, known: bytes, timeout: float) -> tuple[KeySet, bytes] | None:
    """In a thread: the set and its digest, None where the digest is ``known``. Raises ``_SOURCE_ERRORS``."""
    if problem := source_problem(source):
        raise KeySetError(problem)
    if source.startswith("file:"):
        with Path(source.removeprefix("file:")).open("rb") as file:
            document = file.read(_LIMIT + 1)
    else:
        document = _fetch(source, timeout)
    if len(document) > _LIMIT:
        raise KeySetError(f"it is larger than {_LIMIT} bytes")
    digest = hashlib.sha256(document).digest()
    return None if digest == known else (parse_key_set(document), digest)


def _fetch(url: str, timeout: float) -> bytes:
    opener = urllib.request.build_opener(_SameOrigin())
    if is_loopback(urlsplit(url).hostname or ""):
        opener = urllib.request.build_opener(_SameOrigin(), urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers={"accept": "application/json"})  # noqa: S310  source_problem saw it
    deadline = time.monotonic() + timeout
    document = bytearray()
    try:
        with opener.open(request, timeout=timeout) as response:
            while len(document) <= _LIMIT and (chunk := response.read1(_CHUNK)):
                document += chunk
                if time.monotonic() > deadline:
                    raise KeySetError("it takes too long to send")
    except urllib.error.HTTPError as error:
        with error:
            raise KeySetError(f"it answers {error.code}") from error
    return bytes(document)


class _SameOrigin(urllib.request.HTTPRedirectHandler):
    """Follows redirects within one origin only: the configured one is whose word is taken."""

    max_redirections = 3

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """See the library. Raises ``KeySetError``."""
        if _origin(newurl) != _origin(req.full_url):
            fp.close()
            raise KeySetError("it redirects to another host")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _say(error: BaseException) -> str:
    """The problem in words. Of foreign errors the kind and the system's text: they quote no document."""
    if isinstance(error, KeySetError):
        return str(error)
    if isinstance(error, urllib.error.URLError):
        return f"it cannot be reached: {error.reason}"
    if isinstance(error, OSError):
        return f"it cannot be read: {error.strerror or type(error).__name__}"
    return f"it cannot be read: {type(error).__name__}"
