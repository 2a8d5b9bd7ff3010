"""The token rules, simple and exact: clients of the simulator can count for themselves what they were billed."""

import re
from collections.abc import Mapping

from extproc.domain.reading import Json

BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 3
"""Framing of a message, as OpenAI's models have it."""

_PIECE = re.compile(r"\s*\S{1,8}|\s+")


def pieces(text: str) -> tuple[str, ...]:
    """Output text cut into its tokens: at most eight non-space characters each, with the white space before them."""
    return tuple(_PIECE.findall(text))


def prompt_tokens(text: str) -> int:
    """Tokens of input text: one for each four UTF-8 bytes, the last one counting however few it has."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return -(-size // BYTES_PER_TOKEN)


def kind_of(value: Json) -> str:
    """What a JSON value is, in the words of the vendors' errors; never the value itself."""
    return _KINDS.get(type(value), "an object")


_KINDS: Mapping[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    str: "a string",
    list: "an array",
}
