"""Requests in LiteLLM's names → bodies, and the names of the fields that had no effect."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.requests import Request

from extproc.admin.access import actor_of
from extproc.admin.bodies import Body
from extproc.admin.errors import InvalidField
from extproc.admin.litellm.terms import AS_HERE, REFUSED
from extproc.admin.reading import read_body, read_json
from extproc.state.audit import Actor

B = TypeVar("B", bound=Body)

CHANGED_BY = "litellm-changed-by"
"""LiteLLM's header that names who stands behind the token."""
_LONGEST_ACTOR = 200
_MOST_NAMED = 50


@dataclass(frozen=True, slots=True)
class Read(Generic[B]):
    """A body, and the fields that were ignored."""

    body: B
    ignored: tuple[str, ...]


async def read(request: Request, model: type[B]) -> Read[B]:
    """The body of a request. Raises ``InvalidField``, also for a field that must not be ignored, and ``TooLarge``."""
    data = await read_json(request)
    known = {name: value for name, value in data.items() if name in model.model_fields}
    rest = {name: value for name, value in data.items() if name not in model.model_fields and not _empty(value)}
    for name, value in rest.items():
        if name in REFUSED and str(value) not in AS_HERE.get(name, frozenset()):
            raise InvalidField(
                f"{name}: cannot be set here: {REFUSED[name]}.", param=name, code="unsupported_parameter"
            )
    return Read(read_body(model, known), tuple(name for name in rest if name not in AS_HERE))


def ignored_query(request: Request, *known: str) -> tuple[str, ...]:
    """The names in the query that have no effect. Raises ``InvalidField`` for a filter: it would list too much."""
    rest = [name for name, value in request.query_params.items() if name not in known and value not in _OFF]
    for name in rest:
        if name.endswith("_id") or name in _FILTERS:
            raise InvalidField(f"{name[:100]}: there is no such filter here.", param=name[:100])
    return tuple(dict.fromkeys(rest))


def changed_by(request: Request) -> Actor:
    """Who asks, for the audit trail."""
    actor = actor_of(request)
    name = "".join(char for char in request.headers.get(CHANGED_BY, "") if " " <= char <= "~").strip()
    return Actor(name[:_LONGEST_ACTOR], actor.role) if name else actor


def header_text(ignored: tuple[str, ...]) -> str:
    """Names for a header: whatever a caller sent is made visible ASCII."""
    names = ("".join(char for char in name if "!" <= char <= "~" and char != ",")[:100] for name in ignored)
    return ", ".join([name for name in names if name][:_MOST_NAMED])


_OFF = ("", "false", "False", "0")
_FILTERS = frozenset({"status", "model_group", "key_hash", "key_alias", "model", "tags", "tag"})


def _empty(value: object) -> bool:
    return value is None or value is False or value in ("", 0) or (isinstance(value, list | Mapping) and not value)
