"""What is asked, and what the answer must be: the same bytes for every system, but for the key and the path.

The model's name decides how the simulator answers. The names are real ones, for a peer that prices answers must find
them in its list of prices: an unknown model would send it down an error path on every request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

WORDS_BEGIN = "the river keeps its own slow time"
"""How every text of the simulator begins."""

CHAT_TOKENS = 64
PACE = 100
"""Tokens per second of a paced stream: a fast model's, and slow enough that each event travels alone."""
SHORT, LONG = 100, 300
"""Tokens, and so events with text, of the two streams whose difference is the cost of an event."""


@dataclass(frozen=True, slots=True)
class Model:
    """A name that clients ask for, and how the simulator plays it. ``pace`` 0: as fast as possible."""

    name: str
    dialect: str
    tokens: int
    pace: int = 0
    stream: bool = True

    @property
    def behaviour(self) -> dict[str, int]:
        """For the simulator's script."""
        return {"tokens": self.tokens, "tokens_per_second": self.pace}


CHAT = Model("gpt-4o-mini", "openai", CHAT_TOKENS, stream=False)
PACED_SHORT = Model("gpt-4o", "openai", SHORT, PACE)
PACED_LONG = Model("gpt-4.1", "openai", LONG, PACE)
BURST = Model("gpt-4.1-mini", "openai", SHORT)
CROSS_PACED_SHORT = Model("claude-sonnet-4-5", "anthropic", SHORT, PACE)
CROSS_PACED_LONG = Model("claude-opus-4-5", "anthropic", LONG, PACE)
CROSS_BURST = Model("claude-haiku-4-5", "anthropic", SHORT)
"""``CROSS_*``: the client speaks OpenAI's dialect, the provider Anthropic's."""

MODELS: Sequence[Model] = (
    CHAT,
    PACED_SHORT,
    PACED_LONG,
    BURST,
    CROSS_PACED_SHORT,
    CROSS_PACED_LONG,
    CROSS_BURST,
)

_SYSTEM = (
    "You are the assistant of a travel agency. Answer in the language of the question, in two or three sentences, and "
    "name no prices. When you do not know an answer, say so and give the telephone number of the nearest branch."
)
_TURNS = (
    ("user", "We would like to spend ten days by a river in spring, with two children of six and nine. Where to?"),
    ("assistant", "The Loire is gentle in April: flat cycle paths, castles with gardens, and few visitors before May."),
    (
        "user",
        "That sounds good. Can one travel there by train with four bicycles, and what is there to do in the rain?",
    ),
)


def body(model: Model) -> bytes:
    """The request's body: a short conversation, about 800 bytes."""
    messages = [{"role": "system", "content": _SYSTEM}, *({"role": role, "content": text} for role, text in _TURNS)]
    request: dict[str, object] = {
        "model": model.name,
        "messages": messages,
        "temperature": 0.7,
        "max_tokens": 1024,
    }
    if model.stream:
        request["stream"] = True
    return orjson.dumps(request)


def render(port: int, path: str, headers: Mapping[str, str], content: bytes) -> bytes:
    """A whole HTTP request."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"host: 127.0.0.1:{port}",
        "content-type: application/json",
        "accept: application/json",
        "user-agent: llmgw-bench",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"content-length: {len(content)}",
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content
