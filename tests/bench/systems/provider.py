"""The provider behind every system: ``llmgw simulate``, one process, told by its script how to play each model.

One process, for a script is that of a process; it answers about twice as fast as the fastest system asks.
"""

import sys
from http.client import HTTPConnection

import orjson

from extproc.version import VERSION
from tests.bench.processes import Children, StartError, free_port, listens
from tests.bench.systems.base import System
from tests.bench.workload import MODELS

KEY = "sk-provider"


def start(children: Children) -> System:
    """Run it. Raises ``StartError``."""
    port = free_port()
    argv = (sys.executable, "-m", "extproc.app.simulate", str(port))
    process = children.start("provider", argv)
    children.wait("provider", process, lambda: listens(port), seconds=30.0)
    connection = HTTPConnection("127.0.0.1", port, timeout=5.0)
    connection.request("PUT", "/sim/script", orjson.dumps({model.name: model.behaviour for model in MODELS}))
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != 200:
        raise StartError(f"the simulator does not take the script: {text.decode()}")
    return System(
        name="direct",
        title="simulator alone",
        version=VERSION,
        port=port,
        process=process,
        models=tuple(model for model in MODELS if model.dialect == "openai"),
        headers={"authorization": f"Bearer {KEY}"},
    )
