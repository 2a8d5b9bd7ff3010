"""What is billed where a behaviour says something other than what was really sent and said."""

from collections.abc import Mapping
from dataclasses import replace

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.behaviour import Behaviour
from extproc.simulator.dialect import Spent
from extproc.simulator.mind import Ask
from extproc.simulator.promptcache import SHORT
from extproc.simulator.tokens import TOKENS_PER_MESSAGE

_NO_TEXT = frozenset({"role", "type", "cache_control", "data", "url", "file_data"})
"""Fields of the dialects that are no text of the prompt; the last three hold media, or tell where they are."""


def bill(behaviour: Behaviour, body: JsonObject, ask: Ask, honest: Spent) -> Spent:
    """``honest``, unless the behaviour asks for the most that the request allows, or for numbers of its own."""
    spent = _most(body, ask, honest) if behaviour.most else honest
    read, write = behaviour.cache_read_tokens, behaviour.cache_write_tokens
    if behaviour.input_tokens is not None:
        spent = replace(spent, input=behaviour.input_tokens)
    if read is not None:
        spent = replace(spent, cache_read=read)
    if write is not None:
        spent = replace(spent, cache_written_short=write, cache_written_long=0)
    return spent if behaviour.output_tokens is None else replace(spent, output=behaviour.output_tokens)


def most_input(body: JsonObject) -> int:
    """Input tokens of a request with ``messages``, if each byte of its text were one."""
    messages = body.get("messages")
    framing = TOKENS_PER_MESSAGE * len(messages) if isinstance(messages, list) else 0
    texts = sum(_text_bytes(body.get(name)) for name in ("system", "messages"))
    tools = body.get("tools")
    return framing + texts + (len(orjson.dumps(tools)) if tools else 0)


def _most(body: JsonObject, ask: Ask, honest: Spent) -> Spent:
    total = max(honest.input, most_input(body) if ask.most_input is None else ask.most_input)
    lifetimes = [block.keep for block in ask.blocks if block.keep is not None]
    if not lifetimes:
        return replace(honest, input=total, cache_read=0)
    short, long = (0, total) if max(lifetimes) > SHORT else (total, 0)
    return replace(honest, input=total, cache_read=0, cache_written_short=short, cache_written_long=long)


def _text_bytes(value: Json) -> int:
    """UTF-8 bytes of all strings in there that a model reads."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, list):
        return sum(_text_bytes(item) for item in value)
    if isinstance(value, Mapping):
        return sum(_text_bytes(item) for name, item in value.items() if name not in _NO_TEXT)
    return 0
