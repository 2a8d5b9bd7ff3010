"""What the judges of requests have in common."""

import warnings
from functools import cache

from pydantic import TypeAdapter


@cache
def adapter(kind) -> TypeAdapter:
    """The validator of an SDK's type."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pydantic about the SDKs' way to write types
        return TypeAdapter(kind)


def plain(value):
    """The validated value without pydantic's lazy iterators."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value if isinstance(value, str | int | float | None) else [plain(item) for item in value]
