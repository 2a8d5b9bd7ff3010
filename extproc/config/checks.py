"""Checks between parts of the file; the shape of each part alone is ``schema``'s to check.

They read the plain document, so that they also run where the schema has found something elsewhere.
"""

from collections.abc import Iterator, Mapping

from extproc.config.calling import check_providers
from extproc.config.digest import hash_key
from extproc.config.document import Document, children
from extproc.config.problems import DocPath, Problem
from extproc.config.schema import AdminSpec, ListenSpec
from extproc.config.snapshot import MAX_ATTEMPTS
from extproc.domain.reading import Json

_NAMED_SECTIONS = frozenset({"providers", "models", "teams", "users", "orgs"})
_WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound


def check(document: Document) -> Iterator[Problem]:
    """Every mistake that shows only when parts are compared, and values that are missing where a name stands."""
    yield from _empty(document, (), document.data)
    yield from check_providers(document)
    yield from _weights(document)
    yield from _attempts(document)
    yield from _catalogue_names(document)
    yield from _keys(document)
    yield from _ports(document)
    yield from _store(document)
    yield from _issuers(document)


def _empty(document: Document, path: DocPath, value: Json) -> Iterator[Problem]:
    """``api_key:`` with nothing behind it is a slip; an empty section is as good as none."""
    section = len(path) == 1 or (len(path) == 2 and path[0] in _NAMED_SECTIONS)
    if value is None and not section:
        yield document.problem(path, "has no value", "Write one, or remove the line")
    for step, child in children(value):
        yield from _empty(document, (*path, step), child)


def _weights(document: Document) -> Iterator[Problem]:
    for path, targets in document.find("models.*.targets"):
        weights = [item.get("weight", 1) for _, item in children(targets) if isinstance(item, Mapping)]
        if weights and all(str(weight) == "0" for weight in weights):
            yield document.problem(path, "all weights are 0", "Give at least one target a weight")


def _attempts(document: Document) -> Iterator[Problem]:
    """What stands in a fixed order is tried behind all that is before it; what is drawn comes first in some request."""
    usual = document.at(("defaults", "strategy"))
    for path, model in document.find("models.*"):
        if not isinstance(model, Mapping):
            continue
        targets, fallbacks = ([item for _, item in children(model.get(part))] for part in ("targets", "fallbacks"))
        drawn = 0
        if (model.get("strategy") or usual) != "priority":
            drawn = sum(isinstance(one, Mapping) and str(one.get("weight", 1)) != "0" for one in targets)
        fixed, most = len(targets) + len(fallbacks) - drawn, MAX_ATTEMPTS - bool(drawn)
        if fixed > most:
            yield document.problem(
                (*path, "fallbacks" if fallbacks else "targets"),
                f"{fixed - most} too many: a request is tried {MAX_ATTEMPTS} times at most",
                "Remove what comes last",
            )


def _catalogue_names(document: Document) -> Iterator[Problem]:
    owners: dict[str, str] = {name: name for name in document.names("models")}
    for path, alias in document.texts("models.*.aliases.*"):
        model, shown = str(path[1]), document.shown(path)
        if alias not in owners:
            owners[alias] = model
        elif alias == model:
            yield document.problem(path, f"{shown} is the model's own name", "Remove the alias")
        elif alias == owners[alias]:
            yield document.problem(path, f"{shown} is the name of another model", "Names in the catalogue are unique")
        else:
            mend = "Names in the catalogue are unique"
            yield document.problem(path, f'{shown} is already an alias of model "{owners[alias]}"', mend)


def _keys(document: Document) -> Iterator[Problem]:
    names: dict[str, DocPath] = {}
    for path, name in document.texts("keys.*.name"):
        first = names.setdefault(name, path)
        if first != path:
            line = document.place(first).line
            yield document.problem(
                path, f"{document.shown(path)} is already the name of the key in line {line}", "Rename it"
            )
    digests: dict[str, DocPath] = {}
    for path, key in document.find("keys.*"):
        if not isinstance(key, Mapping):
            continue
        yield from _key_source(document, path, key)
        field = "key" if "key" in key else "sha256"
        text = key.get(field)
        if not isinstance(text, str) or not text or (*path, field) in document.broken:
            continue
        digest = hash_key(text) if field == "key" else text.strip().lower().removeprefix("sha256:")
        first = digests.setdefault(digest, path)
        if first != path:
            line = document.place((*first, field)).line
            yield document.problem((*path, field), f"is the same key as the one in line {line}", "Give each its own")


def _key_source(document: Document, path: DocPath, key: Mapping[str, Json]) -> Iterator[Problem]:
    here = (*path, "key")
    if "key" in key and "sha256" in key:
        yield document.problem(path, "has both sha256 and key", "Keep one of them")
    elif "key" not in key and "sha256" not in key:
        yield document.problem(path, "has neither sha256 nor key", f"Write {_SHA256}")
    elif isinstance(key.get("key"), str) and here not in document.origins and here not in document.broken:
        yield document.problem(
            here,
            "a key must not stand in the file as plain text",
            f"Write {_SHA256}, or take the key from ${{ENV}} or file:path",
        )


_SHA256 = """sha256: with the digits that `printf %s "$KEY" | sha256sum` prints"""


def _store(document: Document) -> Iterator[Problem]:
    url = document.at(("store", "url"))
    if document.at(("store", "ca_file")) is not None and not str(url).startswith("rediss"):
        yield document.problem(
            ("store", "ca_file"), "is used with rediss:// only", "Remove it, or use a URL that begins with rediss"
        )


def _issuers(document: Document) -> Iterator[Problem]:
    seen: dict[str, DocPath] = {}
    for path, issuer in document.texts("jwt.*.issuer"):
        first = seen.setdefault(issuer, path)
        if first != path:
            yield document.problem(
                path, f"is the same issuer as in line {document.place(first).line}", "Keep one of them"
            )


def _ports(document: Document) -> Iterator[Problem]:
    listen, admin = (
        tuple(str(document.at((name, field)) or getattr(default, field)) for field in ("host", "port"))
        for name, default in (("listen", ListenSpec()), ("admin", AdminSpec()))
    )
    if listen[1] == admin[1] and (listen[0] == admin[0] or _WILDCARDS & {listen[0], admin[0]}):
        path: DocPath = ("admin", "port") if document.at(("admin", "port")) is not None else ("listen", "port")
        yield document.problem(path, "listen and admin have the same port", "Give admin another one")
