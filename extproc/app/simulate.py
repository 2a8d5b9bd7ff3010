"""The simulator as a child process: ``python -m extproc.app.simulate PORT [PROCESSES]``."""

import sys

from extproc.simulator.server import run


def main() -> None:
    """Serve on loopback until SIGTERM."""
    run("127.0.0.1", int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)


if __name__ == "__main__":
    main()
