"""Value types of a request's path: slotted dataclasses that the type checker keeps immutable.

``@dataclass(frozen=True)`` keeps them so at run time as well, by an ``object.__setattr__`` for each field of each new
object: 0.13 µs in place of 0.02, and a request makes some 300 of them, which was a sixth of its time in Python. Types
that are made once (the configuration, for one) are frozen dataclasses.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform, overload

_Class = TypeVar("_Class")


@overload
def valueclass(cls: type[_Class], /) -> type[_Class]: ...
@overload
def valueclass(*, kw_only: bool = False) -> Callable[[type[_Class]], type[_Class]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def valueclass(cls: type[_Class] | None = None, /, *, kw_only: bool = False) -> object:
    """Make a class a value: compared, hashed and shown by its fields; to change one, use ``dataclasses.replace``."""
    make = dataclass(slots=True, unsafe_hash=True, kw_only=kw_only)
    return make if cls is None else make(cls)
