"""What the supervisor does with the store: the directory and the reports behind the admin API, and sending alerts.

Counterpart: ``extproc.app.services``, which is the workers' side.
"""

import asyncio
import contextlib
from collections.abc import Mapping

from extproc.admin.litellm.templates import Templates
from extproc.admin.meter_reader import MeterStates
from extproc.admin.service import DirectoryService
from extproc.admin.slips import slips
from extproc.app.services import last_state, live_directory
from extproc.app.storage import journal_directory, open_store
from extproc.config.snapshot import Snapshot
from extproc.state.alert_log import AlertLog
from extproc.state.alerts import AlertBuried, AlertDelivered, AlertEvent, AlertFailed, AlertSender
from extproc.state.reports import Reports
from extproc.telemetry.events import EventLog


class Office:
    """One per gateway; what the admin port asks of it is None where the configuration has no store."""

    def __init__(self, snapshot: Snapshot, env: Mapping[str, str], events: EventLog) -> None:
        self._events = events
        self._snapshot = snapshot
        self._store = open_store(snapshot, env)
        self.service: DirectoryService | None = None
        self.reports: Reports | None = None
        self.templates: Templates | None = None
        self.alerts: AlertLog | None = None
        self._alerts: AlertSender | None = None
        self._sending: asyncio.Task[None] | None = None
        if self._store is not None:
            self.reports = Reports(self._store)
            memory = last_state(journal_directory(snapshot, env, self._store))  # what the workers know, too
            self._directory = live_directory(snapshot, self._store, self._warn, memory)
            self.service = DirectoryService(self._directory, lambda: snapshot, meters=MeterStates(self.reports))
            self.templates = Templates(self._directory)
            self.alerts = AlertLog(self._store)
            self._alerts = AlertSender(self._store, snapshot.alerts, self._on_alert)

    async def start(self) -> None:
        """Load the directory and begin to send. Raises nothing while the store is away."""
        if self._store is None or self._alerts is None:
            return
        await self._directory.start()
        for slip in slips(self._directory, self._snapshot):
            self._warn(slip)
        self._sending = asyncio.create_task(self._alerts.run(), name="alerts")

    async def stop(self) -> None:
        """Let posts under way end; other gateways take over what is left."""
        if self._store is None:
            return
        if self._alerts is not None and self._sending is not None:
            await self._alerts.close()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sending
        await self._directory.stop()
        await self._store.close()

    def _warn(self, message: str) -> None:
        self._events.event("warning", message)

    def _on_alert(self, event: AlertEvent) -> None:
        match event:
            case AlertDelivered():
                self._events.event("info", "an alert was delivered", id=event.alert_id, webhook=event.webhook)
            case AlertFailed():
                message = "an alert could not be delivered; it is tried again"
                self._events.event("warning", message, id=event.alert_id, webhook=event.webhook, reason=event.reason)
            case AlertBuried():
                message = "an alert is given up on; see the dead letters"
                self._events.event("error", message, id=event.alert_id, webhook=event.webhook, reason=event.reason)
            case _:
                self._events.event("warning", "sending alerts stands still", problem=event.problem)
