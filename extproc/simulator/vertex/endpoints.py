"""What Vertex's paths do for Claude; those for Gemini are in ``extproc.simulator.gemini.endpoints``."""

import orjson

from extproc.simulator.anthropic.errors import missing
from extproc.simulator.call import Call
from extproc.simulator.vertex import claude
from extproc.simulator.wire import Reply, Whole


def count_tokens(call: Call) -> Reply:
    """``/publishers/anthropic/models/count-tokens:rawPredict``: the model is in the body, there alone."""
    model = call.body.get("model")
    if not isinstance(model, str):
        raise missing("model")
    ask = claude.understand(call.body, call.request, model, counting=True)
    return Whole(200, claude.headers(call.token), orjson.dumps({"input_tokens": ask.input_tokens}))
