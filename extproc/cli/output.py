"""How the commands show what they were told: JSON, and columns for a terminal."""

from collections.abc import Iterable, Sequence

import click
import orjson

from extproc.domain.reading import Json


def print_json(value: Json) -> None:
    """Indented, on standard output."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2))


def text_of(value: Json) -> str:
    """A value in a column."""
    match value:
        case None:
            return "-"
        case str():
            return value
        case list() if all(isinstance(item, str) for item in value):
            return ",".join(str(item) for item in value) or "-"
        case _:
            return orjson.dumps(value).decode()


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Lines, each column as wide as its widest cell."""
    lines = [[name.upper() for name in head], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
