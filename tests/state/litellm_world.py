"""An admin port over a real store with usage in its ledger, and a client that knows nothing but HTTP and LiteLLM's names."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import httpx
from directory_world import SNAPSHOT, directory, service

from extproc.admin.app import AdminDeps, create_app
from extproc.admin.litellm.templates import Templates
from extproc.admin.meter_reader import MeterStates
from extproc.config.snapshot import Party, Secret, Snapshot
from extproc.domain.ledger import Charge, HoldLine, HoldOrder, Settlement, UsageEvent
from extproc.domain.meters import Meter
from extproc.policy.windows import Windows
from extproc.state.alert_log import AlertLog
from extproc.state.directory import LiveDirectory
from extproc.state.events import encode_event
from extproc.state.reports import Reports
from extproc.state.steps import Steps
from extproc.state.store import Store

MASTER, READER = "sk-1234-master", "sk-1234-reader"
CONFIGURED = replace(
    SNAPSHOT,
    admin_token=Secret(MASTER),
    admin_read_token=Secret(READER),
    parties={("team", "search"): Party("team", "search")},
)


@dataclass
class Office:
    """An app, the directory of a worker beside it, and the ledger."""

    store: Store
    worker: LiveDirectory
    app: Callable

    def client(self, token: str = MASTER, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://admin",
            headers={"Authorization": f"Bearer {token}", **headers},
        )

    async def spend(
        self,
        nanos: int,
        *meters: Meter,
        tokens: tuple[int, int] = (0, 0),
        at: float | None = None,
        request: str | None = None,
        **names,
    ) -> None:
        """One attempt that was held, and settled, at ``at`` (Unix seconds)."""
        self._count = getattr(self, "_count", 0) + 1
        ident, now_ns = f"h{self._count}", int(at * 1e9) if at else time.time_ns()
        event = UsageEvent(
            hold_id=ident,
            attempt=1,
            request_id=request or f"r-{ident}",
            time_ns=now_ns,
            **{
                "key": "ci",
                "key_id": "ci",
                "model": "fast",
                "provider": "openai",
                "provider_model": "gpt-4o-mini",
                "client_dialect": "openai-chat",
                "stream": True,
                "outcome": "ok",
                **names,
            },
            usd=nanos,
            input_tokens=tokens[0],
            output_tokens=tokens[1],
        )
        lines = []
        for meter in meters:
            start, end = Windows().around(meter.window, now_ns)
            lines.append(HoldLine(meter, start, end, fixed=nanos))
        steps, charge = Steps(self.store.prefix), Charge(nanos, *tokens, 1)
        settled = Settlement(ident, 1, "openai", charge, encode_event(event), final=True)
        now_ms = now_ns // 1_000_000 if at else 0
        await self.store.run([steps.hold(HoldOrder(ident, tuple(lines), 0, 0), now_ms=now_ms)])
        await self.store.run([steps.settle(settled, now_ms=now_ms)])


async def open_office(store: Store, snapshot: Snapshot = CONFIGURED) -> Office:
    reports, here = Reports(store), directory(store, snapshot=snapshot)

    async def no_workers():
        return []

    deps = AdminDeps(
        version="1",
        snapshot=lambda: snapshot,
        worker_health=no_workers,
        metrics=lambda _: (b"", "text/plain"),
        directory=service(here, snapshot, meters=MeterStates(reports)),
        reports=reports,
        templates=Templates(here),
        alerts=AlertLog(store),
    )
    return Office(store, directory(store, snapshot=snapshot), create_app(deps))
