"""Cells of CSV for spreadsheets, from the reports of the admin port and of the commands."""

import re

from extproc.domain.reading import Json

_FORMULA = ("=", "+", "@", "-", "\t", "\r")
_NEGATIVE = re.compile(r"-[0-9]+(\.[0-9]+)?")


def cell(value: Json) -> str:
    """A value as text. Names are the callers'; a spreadsheet would take some for a formula. What was given back is a number."""
    text = str(value)
    formula = text.startswith(_FORMULA) and not _NEGATIVE.fullmatch(text)
    return f"'{text}" if formula else text
