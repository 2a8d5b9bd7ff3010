"""What the requests of a worker share, and what the supervisor's admin API works with: built here from the concrete parts.

::

    Services (each worker)   store ── directory, ledger
                             key sets of identity providers ── token check
                             prices, meters ── bookkeeper (admission), accounts (attempts)
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from extproc.accounting.tariffs import TariffBook
from extproc.app.storage import journal_directory, open_store
from extproc.config.directory import Declared, Directory
from extproc.config.meters import Context
from extproc.config.snapshot import Snapshot
from extproc.credentials.keeper import CredentialEvent, CredentialFailed, CredentialKeeper
from extproc.phases.admission import AdmissionDeps
from extproc.phases.attempt import AttemptDeps
from extproc.phases.booking import Bookkeeper
from extproc.phases.exchange import Parties
from extproc.phases.ports import Clock, Dice, SystemClock
from extproc.phases.settlement import Accounts, Lessons
from extproc.phases.worst import Reckoner
from extproc.policy.meters import MeterBook
from extproc.policy.tokens import TokenVerifier
from extproc.policy.windows import Windows
from extproc.state import journal
from extproc.state.directory import LiveDirectory, Memory
from extproc.state.jwks import JwksCache, KeysEvent, KeysFailed
from extproc.state.ledger import LedgerConfig, Observer, RedisLedger
from extproc.state.store import Store
from extproc.telemetry.events import EventLog
from extproc.telemetry.recorder import Recorder
from extproc.telemetry.traces import Tracer


def live_directory(
    snapshot: Snapshot, store: Store, tell: Callable[[str], None], memory: Memory | None = None
) -> LiveDirectory:
    """Who there is, declared or made at run time."""
    context = Context(timezone=snapshot.timezone, names=snapshot.names)
    return LiveDirectory(Declared(snapshot), store, context=context, memory=memory, tell=tell)


class Services:
    """Of one worker. ``index`` counts the workers, from 0."""

    def __init__(
        self, snapshot: Snapshot, env: Mapping[str, str], events: EventLog, observer: Observer, *, index: int
    ) -> None:
        self._snapshot = snapshot
        self._events = events
        self._store = open_store(snapshot, env)
        self._key_sets = JwksCache(snapshot.issuers, self._on_keys)
        self._live: LiveDirectory | None = None
        self._ledger: RedisLedger | None = None
        if self._store is not None:
            kept = journal_directory(snapshot, env, self._store)
            kept.mkdir(mode=0o700, parents=True, exist_ok=True)
            memory = last_state(kept, writes=index == 0)
            self._live = live_directory(snapshot, self._store, partial(events.event, "warning"), memory)
            self._ledger = _ledger(snapshot, self._store, kept, observer)
        self.directory: Directory = self._live or Declared(snapshot)
        self._credentials = CredentialKeeper(snapshot, self._on_credential, SystemClock())
        self._tariffs = TariffBook(snapshot)
        self._lessons = Lessons()
        self._look_up_prices()

    def _look_up_prices(self) -> None:
        """Before the first request needs them: reading the published ones takes a tenth of a second and 20 MB."""
        now = time.time_ns()
        for model in self._snapshot.models.values():
            for target in (*model.targets, *model.fallbacks):
                provider = self._snapshot.providers[target.provider]
                self._tariffs.find(
                    provider, target.price, target.model, target.context_window, now, known_as=target.known_as
                )

    @property
    def stored(self) -> bool:
        """Whether there is a store."""
        return self._store is not None

    @property
    def staleness(self) -> float:
        """Seconds by which the directory may be behind."""
        return self._live.staleness if self._live is not None else 0.0

    async def start(self) -> None:
        """Connect, load, keep fresh. Raises nothing while the store or an identity provider is away."""
        await self._credentials.start()
        await self._key_sets.start()
        if self._live is not None:
            await self._live.start()
        if self._ledger is not None:
            await self._ledger.start()

    async def stop(self) -> None:
        """Settle what is left, then let go."""
        await self._credentials.close()
        await self._key_sets.close()
        if self._ledger is not None:
            await self._ledger.stop()
        if self._live is not None:
            await self._live.stop()
        if self._store is not None:
            await self._store.close()

    def admission(self, clock: Clock, dice: Dice, recorder: Recorder, tracer: Tracer) -> AdmissionDeps:
        """What admissions work with."""
        snapshot, bookkeeper = self._snapshot, None
        if self._ledger is not None:
            bookkeeper = Bookkeeper(
                snapshot=snapshot,
                meters=MeterBook(snapshot),
                reckoner=Reckoner(snapshot, self._tariffs),
                windows=Windows(),
                ledger=self._ledger,
                dice=dice,
            )
        return AdmissionDeps(
            snapshot=snapshot,
            directory=self.directory,
            credentials=self._credentials,
            bookkeeper=bookkeeper,
            tokens=TokenVerifier(snapshot.issuers, self._key_sets) if snapshot.issuers else None,
            clock=clock,
            dice=dice,
            recorder=recorder,
            tracer=tracer,
        )

    def attempt(self, clock: Clock, recorder: Recorder, tracer: Tracer) -> AttemptDeps:
        """What attempts work with."""
        return AttemptDeps(
            parties=Parties(self._snapshot, self.directory, self._credentials),
            accounts=Accounts(self._tariffs, self._lessons, self._ledger),
            clock=clock,
            recorder=recorder,
            tracer=tracer,
        )

    def _on_credential(self, event: CredentialEvent) -> None:
        providers = ", ".join(event.providers)
        if isinstance(event, CredentialFailed):
            self._events.event(
                "warning",
                "no credential for a provider",
                provider=providers,
                problem=event.problem,
                failures=event.failures,
                stale=event.stale,
            )
        else:
            self._events.event("info", "credential for a provider", provider=providers, expires_at=event.expires_at)

    def _on_keys(self, event: KeysEvent) -> None:
        if isinstance(event, KeysFailed):
            message = "keys of an identity provider cannot be read"
            self._events.event(
                "warning",
                message,
                source=event.source,
                problem=event.problem,
                failures=event.failures,
                stale=event.stale,
            )
        else:
            self._events.event("info", "keys of an identity provider", source=event.source, skipped=[*event.skipped])


def _ledger(snapshot: Snapshot, store: Store, journals: Path, observer: Observer) -> RedisLedger:
    config = LedgerConfig(
        prefix=snapshot.store.prefix,
        hold_seconds=snapshot.store.hold_seconds,
        keep_events_days=snapshot.store.keep_events_days,
        keep_events_max=snapshot.store.keep_events_max,
        workers=snapshot.workers,
    )
    own = journal.Journal(journal.new_path(journals))
    return RedisLedger(store, config, observer, journal=own, orphaned=partial(journal.adopt, journals, set()))


def last_state(journals: Path, *, writes: bool = False) -> Memory:
    """Of a directory, beside the journals: it outlives the gateway. All processes read it, the first worker writes it."""
    return Memory(journals / "directory.json", writes=writes)
