"""Before anything is measured: that a system really serves each model, text for text."""

import time
from http.client import HTTPConnection, HTTPException

import orjson

from tests.bench.systems.base import START_SECONDS, System
from tests.bench.workload import WORDS_BEGIN, Model, body

_PAUSE = 0.25
_REQUEST_SECONDS = 30.0


class NotServed(Exception):
    """The system does not answer as the provider does; the message says how."""


def check(system: System) -> None:
    """Ask for every model once, the first again and again until the system is up. Raises ``NotServed``."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            _check_model(system, system.models[0])
            break
        except NotServed:
            if time.monotonic() > deadline or system.process.poll() is not None:
                raise
            time.sleep(_PAUSE)
    for model in system.models[1:]:
        _check_model(system, model)


def _check_model(system: System, model: Model) -> None:
    connection = HTTPConnection("127.0.0.1", system.port, timeout=_REQUEST_SECONDS)
    try:
        headers = {"content-type": "application/json", **system.headers}
        connection.request("POST", system.path, body(model), headers)
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, HTTPException) as error:
        raise NotServed(f"{model.name}: {type(error).__name__} {error}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise NotServed(f"{model.name}: status {answer.status}: {content[:300].decode(errors='replace')}")
    try:
        text = _streamed_text(content) if model.stream else _text(content)
    except (ValueError, LookupError, TypeError) as error:
        raise NotServed(f"{model.name}: not an OpenAI answer: {content[:300].decode(errors='replace')}") from error
    if not text.startswith(WORDS_BEGIN) or len(text.split()) != model.tokens:
        raise NotServed(f"{model.name}: {len(text.split())} words instead of {model.tokens}: {text[:80]!r}")


def _text(content: bytes) -> str:
    return orjson.loads(content)["choices"][0]["message"]["content"]


def _streamed_text(content: bytes) -> str:
    events = [event.removeprefix(b"data: ") for event in content.split(b"\n\n") if event.startswith(b"data: ")]
    if not events or events.pop() != b"[DONE]":
        raise ValueError("no end marker")
    choices = [choice for event in events for choice in orjson.loads(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
