"""A gateway's directory on a real store: what the tests of it start with."""

import asyncio
import time
from collections.abc import Callable

from extproc.admin.entries import IssuedKey
from extproc.admin.service import DirectoryService
from extproc.config.digest import hash_key
from extproc.config.directory import Declared
from extproc.config.meters import Context
from extproc.config.snapshot import Model, Party, Snapshot, Target, Telemetry, VirtualKey
from extproc.state.audit import Actor
from extproc.state.directory import LiveDirectory, Memory, Timing
from extproc.state.store import Store

ANN = Actor("ann", "admin")
DECLARED = VirtualKey(name="ci", id="ci", sha256="d" * 64, team="search")
NEVER = Timing(poll=3600.0)
"""News by pub/sub only."""


def catalogue(*keys: VirtualKey, parties: tuple[Party, ...] = ()) -> Snapshot:
    models = {name: Model(name, (Target("p", "m"),), aliases=(f"{name}-alias",)) for name in ("fast", "large")}
    return Snapshot(
        version="v",
        listen_host="127.0.0.1",
        listen_port=1,
        admin_host="127.0.0.1",
        admin_port=2,
        admin_token=None,
        workers=1,
        max_request_bytes=1,
        providers={},
        models=models,
        names={name: model.name for model in models.values() for name in (model.name, *model.aliases)},
        keys={key.sha256: key for key in keys},
        telemetry=Telemetry(),
        parties={(party.kind, party.name): party for party in parties},
    )


SNAPSHOT = catalogue(DECLARED)


def directory(
    store: Store,
    *,
    snapshot: Snapshot = SNAPSHOT,
    memory: Memory | None = None,
    tell: Callable[[str], None] = lambda _: None,
    timing: Timing | None = None,
) -> LiveDirectory:
    return LiveDirectory(
        Declared(snapshot),
        store,
        context=Context(names=snapshot.names),
        memory=memory,
        tell=tell,
        timing=timing,
    )


def service(of: LiveDirectory, snapshot: Snapshot = SNAPSHOT, **more) -> DirectoryService:
    return DirectoryService(of, lambda: snapshot, **more)


def digest(issued: IssuedKey) -> str:
    return hash_key(issued.plain.reveal())


async def until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until it holds, looking at every turn of the loop. Fails long before ``NEVER`` would look for news."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + seconds, "waited in vain"
        await asyncio.sleep(0.001)
