"""The folder that the processes of one gateway share.

It lives under the system's temporary folder, for a unix socket's path may hold 107 bytes and no more.
"""

from dataclasses import dataclass
from pathlib import Path

RUN_DIR_VARIABLE = "LLMGW_RUN_DIR"
"""Tells a child process where the folder is."""


@dataclass(frozen=True, slots=True)
class RunDir:
    """Paths in the folder ``root``."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held by the supervisor: two gateways in one folder would take each other's sockets."""
        return self.root / "lock"

    @property
    def metrics(self) -> Path:
        """The workers' metric files."""
        return self.root / "metrics"

    @property
    def envoy_config(self) -> Path:
        """What Envoy is started with."""
        return self.root / "envoy.yaml"

    @property
    def store_socket(self) -> Path:
        """The embedded store's socket."""
        return self.root / "store.sock"

    def socket(self, index: int) -> Path:
        """The ext_proc socket of a worker."""
        return self.root / f"worker-{index}.sock"
