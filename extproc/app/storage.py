"""Where state is: which Redis a process talks to, and the folders of what is kept on disk.

Below the state folder (``extproc.state.embedded.state_directory``)::

    redis/            the embedded server's: its ledger, its log, the lock
    journal-<store>/  lines that a Redis has yet to be told, one file per process; <store> tells Redises apart;
                      what could not be told is in *.rejected
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from extproc.config.snapshot import Snapshot
from extproc.state.embedded import EmbeddedError, state_directory
from extproc.state.store import Store, connect

STORE_SOCKET_VARIABLE = "LLMGW_STORE_SOCKET"
"""Tells a child process where the embedded server listens."""

_EMBEDDED, _NONE = "embedded", "none"


def is_embedded(snapshot: Snapshot) -> bool:
    """Whether the gateway brings its Redis along."""
    return snapshot.store.url.reveal() == _EMBEDDED


def embedded_directory(snapshot: Snapshot, env: Mapping[str, str]) -> Path:
    """The embedded server's folder. Raises ``EmbeddedError``."""
    return state_directory(snapshot.store, env) / "redis"


def open_store(snapshot: Snapshot, env: Mapping[str, str]) -> Store | None:
    """The store of this process, not connected yet; None where the configuration has none.

    Raises ``AddressError`` on a URL that cannot be, and ``EmbeddedError`` where nobody has started the embedded server.
    """
    if snapshot.store.url.reveal() == _NONE:
        return None
    if not is_embedded(snapshot):
        return connect(snapshot.store)
    socket = env.get(STORE_SOCKET_VARIABLE)
    if socket is None:
        raise EmbeddedError(f"the embedded store is not running: {STORE_SOCKET_VARIABLE} is not set")
    return connect(snapshot.store, f"unix://{quote(socket)}")


def journal_directory(snapshot: Snapshot, env: Mapping[str, str], store: Store) -> Path:
    """Where the journals of this store are. Raises ``EmbeddedError``.

    A journal is replayed into the Redis it was written for, so another address or prefix has another folder.
    """
    where = _EMBEDDED if is_embedded(snapshot) else str(store.address)
    name = hashlib.sha256(f"{where} {store.prefix}".encode()).hexdigest()[:12]
    return state_directory(snapshot.store, env) / f"journal-{name}"
