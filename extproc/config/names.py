"""Checks that every name of another part names one: providers, models, keys, teams, users, organisations, vendors.

They read the plain document, so that they also run where the schema has found something elsewhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from genai_prices.data import providers as published

from extproc.config.document import Document
from extproc.config.problems import DocPath, Problem, closest, listed, quoted
from extproc.config.vendors import vendors

_HOLDERS = ("keys.*", "teams.*", "users.*", "orgs.*", "models.*", "providers.*", "meters.*")


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a name may name. ``patterns``: where it stands; ``as_key``: where it stands before the colon.

    ``mend``: what to do about it where it is not declared in a section of the file.
    """

    name: str
    section: str
    patterns: tuple[str, ...]
    as_key: tuple[str, ...] = ()
    mend: str = "Remove it, and write prices"


_MODELS = _Kind(
    "model",
    "models",
    (
        "keys.*.models.*",
        "teams.*.models.*",
        "users.*.models.*",
        "orgs.*.models.*",
        "meters.*.scope.model",
        *(f"{holder}.budget.ladder.*.use" for holder in _HOLDERS),
        *(f"{holder}.budget.*.ladder.*.use" for holder in _HOLDERS),
    ),
)
_PROVIDERS = _Kind(
    "provider",
    "providers",
    ("models.*.targets.*.provider", "models.*.fallbacks.*.provider", "meters.*.scope.provider"),
    ("keys.*.providers.*", "teams.*.providers.*", "users.*.providers.*", "orgs.*.providers.*"),
)
# Keys and parties can be made at run time, and an identity provider has more of them; but where some stand in the
# file, another name is a misspelling, and its spend would go astray.
_OTHERS = (
    _Kind("team", "teams", ("keys.*.team", "meters.*.scope.team")),
    _Kind("user", "users", ("keys.*.user", "meters.*.scope.user")),
    _Kind("org", "orgs", ("keys.*.org", "teams.*.org", "users.*.org", "meters.*.scope.org")),
)
_KEYS = _Kind("key", "keys", ("meters.*.scope.key",))
_VENDORS = _Kind("vendor with published prices", "", ("providers.*.priced_as",))
_RECORDS = _Kind("vendor", "", ("providers.*.vendor",), mend="Write base_url, which is enough for compatible servers")
VENDORS = tuple(sorted(provider.id for provider in published))
"""Ids of genai-prices (https://github.com/pydantic/genai-prices)."""
ANY = "*"


def check_names(document: Document) -> Iterator[Problem]:
    """Every name that names nothing, and every name that could not be told from ``*``."""
    yield from _unknown(document, _PROVIDERS, document.names("providers"))
    aliases = dict(document.texts("models.*.aliases.*"))
    models = document.names("models")
    hidden = {name for path, name in aliases.items() if path in document.origins}
    yield from _unknown(document, _MODELS, (*models, *aliases.values()) if models else (), hidden)
    for kind in _OTHERS:
        yield from _unknown(document, kind, document.names(kind.section))
    yield from _unknown(document, _VENDORS, VENDORS)
    yield from _unknown(document, _RECORDS, tuple(vendors()))
    keys = dict(document.texts("keys.*.name"))
    hidden = {name for path, name in keys.items() if path in document.origins}
    yield from _unknown(document, _KEYS, tuple(keys.values()), hidden)
    yield from _stars(document)


def undeclared(document: Document) -> Iterator[Problem]:
    """Parties that are named where none of their kind is declared, each once. Tokens may bring those of a scope."""
    for kind in _OTHERS:
        if document.names(kind.section):
            continue
        seen = {ANY}
        for path, name in (found for pattern in kind.patterns for found in document.texts(pattern)):
            counted = path[0] == "meters"
            if name in seen or (counted and document.at(("jwt",))):
                continue
            seen.add(name)
            effect = "is named nowhere else, so nothing is counted here" if counted else "has no budget of its own"
            message = f"there are no {kind.section} in the file: {document.shown(path)} {effect}"
            yield document.problem(path, message, f"Declare it under {kind.section}, unless it is made at run time")


def _unknown(
    document: Document, kind: _Kind, known: Sequence[str], hidden: set[str] | None = None
) -> Iterator[Problem]:
    """``hidden``: known names that are from references, so no message proposes them."""
    if not known:
        return
    choices = [name for name in known if name not in (hidden or ())]
    for pattern in kind.patterns:
        for path, name in document.texts(pattern):
            any_one = name == ANY and "scope" in path
            if name not in known and not any_one:
                yield _no_such(document, path, kind, choices)
    for pattern in kind.as_key:
        for path, _ in document.find(pattern):
            if path[-1] not in known:
                yield _no_such(document, path, kind, choices, at_key=True)


def _no_such(
    document: Document, path: DocPath, kind: _Kind, choices: Sequence[str], *, at_key: bool = False
) -> Problem:
    """``no provider named "opnai"; did you mean "openai"?``."""
    near = None
    mend = f"Declare it under {kind.section}" if kind.section else kind.mend
    if not at_key and path in document.origins:
        message = f"{document.shown(path)} names no {kind.name}"
    else:
        name = str(path[-1] if at_key else document.at(path))
        message = f"no {kind.name} named {quoted(name)}"
        near = closest(name, choices)
    if near:
        message += f'; did you mean "{near}"?'
    elif choices:
        mend += f" (there are: {listed(choices)})"
    return document.problem(path, message, mend, at_key=at_key)


def _stars(document: Document) -> Iterator[Problem]:
    mend = "Rename it: in the scopes of meters * stands for each"
    for section in ("models", "teams", "users", "orgs"):
        if ANY in document.names(section):
            yield document.problem((section, ANY), "* is no name", mend, at_key=True)
    for path, name in document.texts("keys.*.name"):
        if name == ANY:
            yield document.problem(path, "* is no name", mend)
