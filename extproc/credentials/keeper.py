"""The credentials of all providers: in memory for the requests, refreshed in the background ahead of their end.

What has been fetched is served until it expires, whatever becomes of its source meanwhile. Counterparts: ``sources``,
which fetch, and ``extproc.providers.credential.Credentials``, the port that attempts know.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from extproc.config.snapshot import Snapshot
from extproc.credentials.fetched import Fetched
from extproc.credentials.optional import CredentialError
from extproc.credentials.sources import Account, Source, open_source
from extproc.providers.credential import Credential, Credentials, is_static, static_credential

_SECOND = 1_000_000_000
_AHEAD_SHARE = 0.2
"""Of a life that is left: where a source goes on giving the same short-lived credential, it is asked ever more often."""


class Clock(Protocol):
    """Two times: expiry is told in one, and pauses in the other, which neither steps nor runs while a machine sleeps."""

    def now_ns(self) -> int:
        """Unix nanoseconds."""
        ...

    def monotonic(self) -> float:
        """Seconds."""
        ...


@dataclass(frozen=True, slots=True)
class CredentialFetched:
    """A new credential is in use. ``expires_at``: Unix seconds."""

    providers: tuple[str, ...]
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class CredentialFailed:
    """None could be fetched. ``failures`` in a row; ``stale``: there is one to go on with."""

    providers: tuple[str, ...]
    problem: str
    failures: int
    stale: bool


CredentialEvent: TypeAlias = CredentialFetched | CredentialFailed
Tell: TypeAlias = Callable[[CredentialEvent], None]
"""Told on the event loop; it must not raise."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds."""

    timeout: float = 15.0
    """For one fetch; a chain asks several places in turn, some of which do not answer."""
    start: float = 20.0
    """How long the start waits for the first credentials."""
    ahead: float = 240.0
    """Before the end: Google and Microsoft hand out the same token until five minutes before it."""
    unending: float = 300.0
    """After which what has no end is looked up again: files are rotated."""
    least: float = 1.0
    """Between two fetches, and the first pause after a failure; it doubles with each."""
    longest: float = 60.0
    """Between two tries while it fails."""
    early: float = 30.0
    """The least between two refreshes that requests ask for."""
    jitter: float = 0.1
    """So that workers started together do not ask together for ever."""


class _Entry:
    """One account, and the newest credential for it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.providers: tuple[str, ...] = ()
        self.held: Fetched | None = None
        self.failures = 0
        self.asked_at = float("-inf")
        self.wake = asyncio.Event()
        self.tried = asyncio.Event()
        """Set when the first try has ended."""
        self.running: asyncio.Future[Fetched] | None = None
        """A fetch under way: there is one at most, so that a source that hangs takes up one thread, and no other's."""
        self._thread: ThreadPoolExecutor | None = None

    def fetch(self) -> asyncio.Future[Fetched]:
        """The fetch under way, or else a new one."""
        if self.running is None:
            self._thread = self._thread or ThreadPoolExecutor(1, f"credential of {self.providers[0]}")
            self.running = asyncio.get_running_loop().run_in_executor(self._thread, self.source.fetch)
            self.running.add_done_callback(self._ended)
        return self.running

    def _ended(self, fetch: asyncio.Future[Fetched]) -> None:
        """Nobody may be waiting for it any more: it is taken at once, and a failure is not reported as forgotten."""
        if not fetch.cancelled():
            fetch.exception()
            self.wake.set()

    def close(self) -> None:
        """No further fetch; one under way is left to its own timeouts."""
        if self.running is not None:
            self.running.cancel()
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def valid(self, now: float) -> bool:
        held = self.held
        return held is not None and (held.expires_at is None or now < held.expires_at)


class CredentialKeeper(Credentials):
    """The credentials of a configuration's providers. One event loop uses it; each account's source has its own thread."""

    def __init__(
        self,
        snapshot: Snapshot,
        tell: Tell,
        clock: Clock,
        *,
        opened: Callable[[Account], Source] = open_source,
        pace: Pace | None = None,
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._pace = pace or Pace()
        self._random = random.Random()  # noqa: S311 - spreads load, hides nothing
        self._static: dict[str, Credential] = {}
        self._entries: dict[str, _Entry] = {}
        self._tasks: list[asyncio.Task[None]] = []
        accounts: dict[Account, _Entry] = {}
        for provider in snapshot.providers.values():
            if is_static(provider):
                if (credential := static_credential(provider)) is not None:
                    self._static[provider.name] = credential
                continue
            assert provider.login is not None, "what is not static has one"
            account = Account(provider.login, provider.region)
            entry = accounts.get(account) or accounts.setdefault(account, _Entry(opened(account)))
            entry.providers += (provider.name,)
            self._entries[provider.name] = entry
        self._all = tuple(accounts.values())

    async def start(self) -> None:
        """Begin to refresh, and wait for the first credentials, within bounds: a cloud that is away holds up nothing."""
        if not self._all:
            return
        for entry in self._all:
            task = asyncio.create_task(self._follow(entry), name=f"credential of {', '.join(entry.providers)}")
            self._tasks.append(task)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pace.start):
                await asyncio.gather(*(entry.tried.wait() for entry in self._all))

    async def close(self) -> None:
        """Stop refreshing; a fetch under way is left to its own timeouts."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for entry in self._all:
            entry.close()

    def current(self, provider: str) -> Credential | None:
        """See ``Credentials``."""
        found = self._static.get(provider)
        if found is not None:
            return found
        entry = self._entries.get(provider)
        if entry is None or entry.held is None:
            return None
        if not entry.valid(self._now()):
            # It should have been refreshed long ago: the machine has slept, or its clock was set.
            self._hurry(entry)
            return None
        return entry.held.credential

    def refused(self, provider: str) -> None:
        """The provider has refused its credential: it may have been revoked, so it is fetched anew, if not just now.

        A failing source keeps to its pauses.
        """
        entry = self._entries.get(provider)
        if entry is not None:
            self._hurry(entry)

    def _hurry(self, entry: _Entry) -> None:
        now = self._clock.monotonic()
        if entry.failures or now - entry.asked_at < self._pace.early:
            return
        entry.asked_at = now
        entry.wake.set()

    def _now(self) -> float:
        return self._clock.now_ns() / _SECOND

    async def _follow(self, entry: _Entry) -> None:
        while True:
            pause = await self._refresh(entry)
            entry.tried.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await entry.wake.wait()
            entry.wake.clear()

    async def _refresh(self, entry: _Entry) -> float:
        """One try. Returns the seconds until the next one."""
        try:
            fetched = await self._fetch(entry)
        except CredentialError as error:
            return self._failed(entry, str(error))
        except TimeoutError:
            return self._failed(entry, f"it takes longer than {self._pace.timeout:g} seconds")
        except Exception as error:  # noqa: BLE001 - three clouds' libraries: whatever one raises, it is tried again
            return self._failed(entry, f"unexpected {type(error).__name__}")
        entry.failures = 0
        if fetched != entry.held:
            entry.held = fetched
            self._tell(CredentialFetched(entry.providers, fetched.expires_at))
        return self._until_next(fetched)

    async def _fetch(self, entry: _Entry) -> Fetched:
        running = entry.fetch()
        async with asyncio.timeout(self._pace.timeout):
            await asyncio.wait((running,))
        entry.running = None
        entry.wake.clear()  # that was its own end
        fetched = running.result()
        if fetched.expires_at is not None and fetched.expires_at <= self._now():
            raise CredentialError("it has expired already; is the clock of this machine right?")
        return fetched

    def _until_next(self, fetched: Fetched) -> float:
        pace = self._pace
        pause = pace.unending
        if fetched.expires_at is not None:
            left = fetched.expires_at - self._now()
            pause = left - min(pace.ahead, left * _AHEAD_SHARE)
        return max(pace.least, pause * self._random.uniform(1 - pace.jitter, 1))

    def _failed(self, entry: _Entry, problem: str) -> float:
        entry.failures += 1
        stale = entry.valid(self._now())
        self._tell(CredentialFailed(entry.providers, problem, entry.failures, stale))
        return min(self._pace.least * 2.0 ** min(entry.failures - 1, 10), self._pace.longest)
