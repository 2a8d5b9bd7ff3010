"""The pretend model: what it says to what it is asked. Every dialect asks through ``Ask`` and renders ``Said``.

It says deterministic words, and obeys the last message where that comes from the user:

- ``echo: <text>`` is answered with the text;
- the word *call* has it call every tool offered (as has a tool choice that forces it);
- a schema for the answer is met with a minimal instance of it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import orjson

from extproc.domain.reading import JsonObject
from extproc.simulator.instance import instance
from extproc.simulator.promptcache import Block
from extproc.simulator.tokens import pieces

Finish = Literal["stop", "stop_sequence", "length", "tool_calls"]

_TEXT = (
    "the river keeps its own slow time while small boats cross from bank to bank and a heron waits in the reeds for "
    "one more silver fish under clouds that drift over green hills where old stone walls hold warm light until the "
    "evening wind turns and lamps begin to glow along the quiet road home again"
)
_WORDS = _TEXT.split()

_CALL = re.compile(r"\bcall\b", re.IGNORECASE)
_ECHO = "echo:"


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that may be called; ``schema`` is the JSON Schema of its arguments."""

    name: str
    schema: JsonObject


@dataclass(frozen=True, slots=True)
class Ask:
    """What a dialect understood of a request."""

    stream: bool
    user_text: str
    """Text of the last message where it is the user's, else empty."""
    input_tokens: int
    tools: tuple[Tool, ...] = ()
    """Those that may be called: a choice of one leaves only that."""
    must_call: bool = False
    may_call: bool = True
    parallel: bool = True
    schema: JsonObject | None = None
    """Of the answer's text; an empty one means any JSON object."""
    thinking_tokens: int = 0
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    choices: int = 1
    blocks: tuple[Block, ...] = ()
    """The prompt as cacheable blocks; empty where nothing asks for the cache."""
    most_input: int | None = None
    """Input tokens if each byte of the prompt's text were one; None: to be found in the body's ``messages``."""
    user_texts: tuple[str, ...] = ()
    """What each choice answers, where they do not all answer ``user_text``."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool: its arguments as JSON text, cut into tokens."""

    name: str
    arguments: tuple[str, ...]

    @property
    def text(self) -> str:
        """The arguments, whole."""
        return "".join(self.arguments)


@dataclass(frozen=True, slots=True)
class Said:
    """One answer, cut into tokens."""

    thinking: tuple[str, ...]
    text: tuple[str, ...]
    calls: tuple[Call, ...]
    finish: Finish
    stop_sequence: str | None = None

    @property
    def tokens(self) -> int:
        """All output tokens."""
        return len(self.thinking) + len(self.text) + sum(len(call.arguments) for call in self.calls)


def say(ask: Ask, tokens: int, choice: int = 0) -> Said:
    """The answer to ``ask``. ``tokens`` is its length where nothing else decides it; ``choice`` varies the words.

    The output limit counts thinking, text and calls, in this order. A call that does not fit is left out whole.
    """
    if ask.user_texts:
        ask = replace(ask, user_text=ask.user_texts[choice])
    thinking = words(ask.thinking_tokens, offset=17)
    calls = _calls(ask)
    text, stop_sequence = _stopped(_text(ask, tokens, choice, calling=bool(calls)), ask.stop)
    if stop_sequence is not None:
        calls = ()
    finish: Finish = "stop_sequence" if stop_sequence is not None else "tool_calls" if calls else "stop"
    if ask.max_tokens is None:
        return Said(thinking, text, calls, finish, stop_sequence)
    said = Said(thinking, text, calls, finish, stop_sequence)
    return said if said.tokens <= ask.max_tokens else _limited(said, ask.max_tokens)


@lru_cache(maxsize=256)
def words(count: int, offset: int = 0) -> tuple[str, ...]:
    """``count`` words, one token each, from a fixed text."""
    run = [" " + _WORDS[(offset + index) % len(_WORDS)] for index in range(count)]
    if run:
        run[0] = run[0][1:]
    return tuple(run)


def _text(ask: Ask, tokens: int, choice: int, *, calling: bool) -> tuple[str, ...]:
    if ask.user_text.startswith(_ECHO):
        return pieces(ask.user_text[len(_ECHO) :].strip())
    if calling:
        return ()
    if ask.schema is not None:
        return pieces(orjson.dumps(instance(ask.schema)).decode())
    return words(tokens, choice * 5)


def _calls(ask: Ask) -> tuple[Call, ...]:
    if not ask.tools:
        return ()
    if not ask.must_call and not (ask.may_call and _CALL.search(ask.user_text)):
        return ()
    tools = ask.tools if ask.parallel else ask.tools[:1]
    return tuple(Call(tool.name, pieces(orjson.dumps(instance(tool.schema)).decode())) for tool in tools)


def _stopped(text: tuple[str, ...], stop: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
    if not stop or not text:
        return text, None
    whole = "".join(text)
    found = [(whole.find(sequence), sequence) for sequence in stop if sequence in whole]
    if not found:
        return text, None
    at, sequence = min(found, key=lambda item: item[0])
    return pieces(whole[:at]), sequence


def _limited(said: Said, limit: int) -> Said:
    thinking = said.thinking[:limit]
    left = limit - len(thinking)
    text = said.text[:left]
    left -= len(text)
    calls: list[Call] = []
    for call in said.calls:
        left -= len(call.arguments)
        if left < 0:
            break
        calls.append(call)
    return Said(thinking, text, tuple(calls), "length")
