"""Reads claims of a token whose signature has been checked. Counterpart: ``extproc.policy.tokens``.

A claim is named by a path. Its dots lead into objects (``realm_access.team``), unless there is a claim of just that
name: vendors use URLs as names (``https://acme.example/team``).
"""

from collections.abc import Mapping

from extproc.domain.errors import Unauthenticated
from extproc.domain.reading import Json, JsonObject

_LONGEST_TEXT = 200
_LATEST = 253_402_300_799
"""The last second of the year 9999, after which there are no dates."""


def text_of(claims: JsonObject, path: str | None) -> str | None:
    """A claim that names one thing: a text, a whole number, or a list of exactly one; None where it is not there.

    A list of several is refused and not chosen from: their order means nothing, and whom to charge would be chance.
    Raises ``Unauthenticated``.
    """
    value = None if path is None else _at(claims, path)
    if isinstance(value, list):
        if len(value) > 1:
            raise Unauthenticated(
                f"The token's claim '{path}' has {len(value)} values, and one is needed. "
                "Ask the platform team for a claim that names exactly one."
            )
        value = value[0] if value else None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable():
        raise Unauthenticated(
            f"The token's claim '{path}' must be a text of at most {_LONGEST_TEXT} visible characters."
        )
    return value


def models_of(claims: JsonObject, path: str) -> frozenset[str] | None:
    """The models that a claim lists: a list of texts, or a text with commas or spaces between; ``*``: all, as None.

    Nothing where the claim is not there: it was said to decide, and it says nothing. Raises ``Unauthenticated``.
    """
    value = _at(claims, path)
    listed: list[Json] = []
    if isinstance(value, str):
        listed.extend(value.replace(",", " ").split())
    elif isinstance(value, list):
        listed = value
    elif value is not None:
        raise Unauthenticated(f"The token's claim '{path}' must list models: a list, or a text with spaces between.")
    names = frozenset(name for name in listed if isinstance(name, str))
    return None if "*" in names else names


def number_of(claims: JsonObject, name: str) -> int | None:
    """A date in whole Unix seconds (fractions are cut off); None where absent. Raises ``Unauthenticated``."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST:
        raise Unauthenticated(f"The token's claim '{name}' is not a date in Unix seconds.")
    return int(value)


def _at(claims: JsonObject, path: str) -> Json:
    if path in claims:
        return claims[path]
    for index, character in enumerate(path):
        if character == ".":
            inner = claims.get(path[:index])
            if isinstance(inner, Mapping) and (value := _at(inner, path[index + 1 :])) is not None:
                return value
    return None
