"""Checks of a file whose every part is well-formed: what contradicts something else in it.

``checks`` and ``names`` read the plain document, so they tell more at once; these need the meters that are made of it.
"""

from collections.abc import Iterator

from extproc.config.document import Document
from extproc.config.meters import Context, declared
from extproc.config.problems import DocPath, Problem
from extproc.config.schema import GatewaySpec
from extproc.domain.meters import Meter


def conflicts(spec: GatewaySpec, document: Document, context: Context) -> Iterator[Problem]:
    """Every contradiction."""
    meters = [(_written(document, path), meter) for path, meter in declared(spec, context)]
    yield from _same_meter(document, meters)
    yield from _no_store(spec, document, meters)
    yield from _organisations(spec, document)


def _written(document: Document, path: DocPath) -> DocPath:
    """Without the index where one thing stands in the place of a list."""
    whole = path[:-1]
    return path if not isinstance(path[-1], int) or isinstance(document.at(whole), list) else whole


def _same_meter(document: Document, meters: list[tuple[DocPath, Meter]]) -> Iterator[Problem]:
    """Two limits on one count: the second would be ignored. Guards of teams hold for different keys."""
    seen: dict[tuple[str, str], DocPath] = {}
    for path, meter in meters:
        whose = str(path[1]) if path[0] == "teams" and meter.guard else ""
        first = seen.setdefault((whose, meter.id), path)
        if first != path:
            what = "budget" if meter.unit == "usd" else "limit"
            line = document.place(first).line
            yield document.problem(
                path, f"counts the same as the {what} in line {line}: same scope and window", "Keep one of them"
            )


def _no_store(spec: GatewaySpec, document: Document, meters: list[tuple[DocPath, Meter]]) -> Iterator[Problem]:
    if spec.store.url == "none" and meters:
        path, _ = min(meters, key=lambda found: document.place(found[0]).line)
        yield document.problem(
            ("store", "url"),
            f"none keeps no count, so what line {document.place(path).line} sets would not hold",
            "Use embedded or a Redis URL, or remove all budgets, limits and guards",
        )


def _organisations(spec: GatewaySpec, document: Document) -> Iterator[Problem]:
    """A key belongs to one organisation; its spend must not go to two."""
    for index, key in enumerate(spec.keys):
        team, user = spec.teams.get(key.team or ""), spec.users.get(key.user or "")
        said: tuple[tuple[DocPath, str | None], ...] = (
            (("keys", index, "org"), key.org),
            (("teams", key.team or "", "org"), team.org if team else None),
            (("users", key.user or "", "org"), user.org if user else None),
        )
        by_org = {org: path for path, org in reversed(said) if org is not None}
        if len(by_org) > 1:
            where = (f"{document.shown(path)} (line {document.place(path).line})" for path in by_org.values())
            message = f"belongs to two organisations: {' and '.join(where)}"
            yield document.problem(("keys", index), message, "Give the key, its team and its user the same org")
