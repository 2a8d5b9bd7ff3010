"""What a gateway is to run, and whether this machine has the places for it."""

from dataclasses import dataclass
from pathlib import Path

from extproc.admin.server import PortInUse, bind
from extproc.config.loaded import Loaded
from extproc.config.snapshot import Snapshot


class StartError(Exception):
    """The gateway cannot start; the message says why and what to do, on one line."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    ``envoy``: the program, None where somebody else runs it. ``simulator_port``: where the simulator shall listen, None
    for no simulator. ``run_dir`` None: a new temporary folder.
    """

    loaded: Loaded
    envoy: Path | None
    simulator_port: int | None = None
    run_dir: Path | None = None
    rows: Path | None = None
    access_log: Path | None = None

    @property
    def snapshot(self) -> Snapshot:
        """What all processes of this gateway work with."""
        return self.loaded.snapshot


def check_places(plan: Plan) -> None:
    """Whether the addresses and files can be used. Raises ``StartError``: a child would fail at them again and again."""
    snapshot = plan.snapshot
    if plan.envoy is not None:
        if (snapshot.listen_host, snapshot.listen_port) == (snapshot.admin_host, snapshot.admin_port):
            raise StartError(f"clients and admin cannot both have port {snapshot.listen_port}; choose another")
        _must_be_free(snapshot.listen_host, snapshot.listen_port, "listen.port")
    for path in filter(None, (plan.rows, plan.access_log)):
        try:
            path.open("ab").close()
        except OSError as error:
            raise StartError(f"cannot write {path}: {error.strerror}") from None


def _must_be_free(host: str, port: int, setting: str) -> None:
    try:
        bind(host, port).close()
    except PortInUse:
        raise StartError(f"port {port} on {host} is already in use: set {setting} in gateway.yaml, or --port") from None
    except OSError as error:
        raise StartError(f"cannot listen on {host}:{port}: {error.strerror}") from None
