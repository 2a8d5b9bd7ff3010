"""What a probe is made of: a feature, how each client dialect asks for it, and where it shows in each provider's format.

Evidence is a path in the rendered body and what is there: ``a.*.b = 1`` (that JSON value), ``a.b ~ text`` (a text that
holds it), ``a.b`` (something), ``!a.b`` (nothing: to leave it out is how the format says it). ``*`` is any member, ``**`` any depth, numbers count from 0. ``@usage`` is outside of the
body: the stream's writer knows that the client wants to see usage.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import orjson

USAGE = "@usage"

BASE = {
    "openai-chat": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    "openai-responses": {"model": "m", "input": [{"role": "user", "content": "Hi"}]},
    "openai-completions": {"model": "m", "prompt": "Hi"},
    "anthropic-messages": {"model": "m", "max_tokens": 4000, "messages": [{"role": "user", "content": "Hi"}]},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
}
"""The least request of each client dialect; a probe's members take the place of these."""


@dataclass(frozen=True)
class Feature:
    """One line of the table."""

    name: str
    asks: Mapping[str, Mapping]
    """Client dialect → members of its request. A dialect that is not there has no word for the feature."""
    shows: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    """Provider format → evidence, all of which must be there."""
    hints: Mapping[str, str] = field(default_factory=dict)
    """Provider format (``*``: all others) → why nothing is lost where the feature is left out without a word."""


def chat(*messages, **fields):
    return {"messages": list(messages), **fields}


def claude(*messages, **fields):
    return {"messages": list(messages), **fields}


def items(*listed, **fields):
    return {"input": list(listed), **fields}


def contents(*listed, **fields):
    return {"contents": list(listed), **fields}


def generation(**fields):
    return {"generationConfig": fields}


def user(*parts):
    return {"role": "user", "content": list(parts) if parts else "Hi"}


def assistant(*parts, **fields):
    return {"role": "assistant", "content": list(parts), **fields}


def asked(*parts):
    return {"role": "user", "parts": list(parts) or [{"text": "Hi"}]}


def said(*parts):
    return {"role": "model", "parts": list(parts)}


_QUESTION = {"type": "text", "text": "Hi"}


def asking(feature: Feature) -> Feature:
    """With a text behind a user's part, so that something is left where the part is."""
    asks = {}
    for client, ask in feature.asks.items():
        (name, (turn,)), *_ = ask.items()
        question = {"text": "Hi"} if client == "gemini" else _QUESTION
        if client == "openai-responses":
            question = {**_QUESTION, "type": "input_text"}
        parts = "parts" if client == "gemini" else "content"
        asks[client] = {name: [{**turn, parts: [*turn[parts], question]}]}
    return replace(feature, asks=asks)


def found(body, evidence: str) -> bool:
    """Whether the body holds it."""
    if evidence.startswith("!"):
        return not found(body, evidence[1:])
    path, equals, value = evidence.partition(" = ")
    if equals:
        wanted = orjson.loads(value)
        return any(type(each) is type(wanted) and each == wanted for each in _at(body, path.split(".")))
    path, contains, text = evidence.partition(" ~ ")
    there = _at(body, path.split("."))
    return any(isinstance(each, str) and text in each if contains else each is not None for each in there)


def texts_at(body, path: str) -> list[str]:
    """The texts at a path."""
    return [each for each in _at(body, path.split(".")) if isinstance(each, str)]


def _at(value, path: list[str]) -> Iterator:
    if not path:
        yield value
        return
    name, *rest = path
    if name == "**":
        yield from _at(value, rest)
        for each in _members(value):
            yield from _at(each, path)
    elif name == "*":
        for each in _members(value):
            yield from _at(each, rest)
    elif isinstance(value, dict) and name in value:
        yield from _at(value[name], rest)
    elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
        yield from _at(value[int(name)], rest)


def _members(value) -> list:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
