"""Install the peers from their registries, each into a folder of its own under ``.bench/``, once."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.bench.systems.base import Unavailable

_SECONDS = 600.0


def run(argv: Sequence[str], *, cwd: Path) -> None:
    """One step of an installation. Raises ``Unavailable`` with the last line of what it said."""
    try:
        done = subprocess.run(
            argv, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError:
        raise Unavailable(f"{argv[0]} is not on this machine") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"the installation took longer than {_SECONDS:g} s") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Unavailable(f"the installation failed: {said[-1] if said else f'code {done.returncode}'}")
