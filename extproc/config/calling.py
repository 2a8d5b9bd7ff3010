"""The checks of ``providers``: base URLs, credentials, and fields that a dialect demands or passes over.

A part of ``checks``: like it, they read the plain document. The rules of each dialect are in ``kinds``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from extproc.config.document import Document, children
from extproc.config.kinds import KINDS, SPECIAL, Kind
from extproc.config.problems import DocPath, Problem, listed
from extproc.config.services import AuthSpec
from extproc.config.vendors import Vendor, vendors
from extproc.domain.reading import Json, JsonObject

_CREDENTIAL_HEADERS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})
_PLACE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""A region or location; it becomes a part of a host's name."""
_LOGINS = {
    "aws": "auth: aws (or api_key, a Bedrock API key)",
    "azure": "api_key, or auth: azure",
    "gcp": "auth: gcp (or api_key, for Vertex in express mode)",
}
_GCP_ALONE = "auth: gcp"


@dataclass(frozen=True, slots=True)
class _Written:
    """A provider as it is written, with the rules that hold for it."""

    document: Document
    path: DocPath
    fields: JsonObject
    dialect: str
    kind: Kind
    vendor: Vendor | None

    def problem(self, field: str, message: str, mend: str) -> Problem:
        """A problem of a field, or of the whole where it is not there."""
        return self.document.problem((*self.path, field), message, mend)

    def has(self, field: str) -> bool:
        """Whether it has a value; an unresolved reference is one."""
        return self.fields.get(field) is not None

    @property
    def credential_header(self) -> str | None:
        """The header of the configuration that carries a key."""
        names = [str(name) for name, _ in children(self.fields.get("headers"))]
        return next((name for name in names if name.lower() in _CREDENTIAL_HEADERS), None)


def check_providers(document: Document) -> Iterator[Problem]:
    """Every mistake that shows only when the parts of a provider are compared."""
    for path, fields in document.find("providers.*"):
        provider = _read(document, path, fields)
        if provider is None:
            continue
        yield from _url(provider)
        yield from _place(provider)
        yield from _fields(provider)
        yield from _credential(provider)
    yield from _headers(document)
    yield from _target_apis(document)


def _read(document: Document, path: DocPath, fields: Json) -> _Written | None:
    """None: something more basic is wrong with it, which others tell."""
    if fields is not None and not isinstance(fields, Mapping):
        return None
    fields = fields or {}
    name = fields.get("vendor")
    vendor = vendors().get(name) if isinstance(name, str) else None
    if name is not None and vendor is None:
        return None
    dialect = fields.get("dialect") or (vendor.dialect if vendor else "openai")
    kind = KINDS.get(dialect) if isinstance(dialect, str) else None
    return None if kind is None else _Written(document, path, fields, str(dialect), kind, vendor)


def _url(provider: _Written) -> Iterator[Problem]:
    url, kind = provider.fields.get("base_url"), provider.kind
    if url is None:
        yield from _no_url(provider)
    if not isinstance(url, str):
        return
    if found := kind.wrong_end.search(url.rstrip("/")):
        yield provider.problem("base_url", f"ends in {found[0]}, which the gateway adds itself", kind.mend)
    if provider.has("ca_file") and url.startswith("http://"):
        yield provider.problem("ca_file", "is not used with an http:// base_url", "Remove it, or use https://")


def _no_url(provider: _Written) -> Iterator[Problem]:
    vendor, kind = provider.vendor, provider.kind
    if vendor is not None and vendor.dialect != provider.dialect:
        mend = f"Write the vendor's URL for dialect {provider.dialect}; the one known is for {vendor.dialect}"
        yield provider.problem("base_url", "is missing", mend)
    elif vendor is not None and vendor.base_url is not None:
        return
    elif vendor is not None and vendor.form is not None:
        mend = f"Everybody has another one at this vendor: {vendor.form}"
        yield provider.problem("base_url", "is missing", mend)
    elif kind.base_url is None:
        yield provider.problem("base_url", "is missing", kind.mend)
    elif "{region}" in kind.base_url and not provider.has("region"):
        yield provider.problem("region", "is missing", "Write the AWS region that is called, such as us-east-1")


def _place(provider: _Written) -> Iterator[Problem]:
    """What becomes part of an address, and what a dialect's paths and signatures are made of."""
    kind = provider.kind
    if kind.cloud == "aws":
        yield from _well_formed(provider, "region", "us-east-1")
        if provider.has("base_url") and provider.has("auth") and not provider.has("region"):
            yield provider.problem("region", "is missing", "Write it: signatures hold for one AWS region only")
    if kind.cloud == "gcp":
        yield from _well_formed(provider, "location", "europe-west1 or global")
        express = kind.takes_key and provider.has("api_key")
        project, location = provider.has("project"), provider.has("location")
        if not project and not (express and not location):
            yield provider.problem("project", "is missing", "Write the id of the Google Cloud project")
        if not location and not (express and not project):
            yield provider.problem("location", "is missing", "Write where the models run: europe-west1, us, global")


def _well_formed(provider: _Written, field: str, example: str) -> Iterator[Problem]:
    path = (*provider.path, field)
    value = provider.fields.get(field)
    if isinstance(value, str) and path not in provider.document.broken and not _PLACE.fullmatch(value):
        shown = provider.document.shown(path)
        yield provider.problem(field, f"is not the name of a {field}: {shown}", f"Write one such as {example}")


def _fields(provider: _Written) -> Iterator[Problem]:
    for field in SPECIAL:
        if provider.has(field) and provider.fields[field] != [] and field not in provider.kind.takes:
            takers = listed(name for name, kind in KINDS.items() if field in kind.takes)
            yield provider.problem(
                field, f"has no meaning with dialect {provider.dialect}", f"Remove it: it is for {takers}"
            )


def _credential(provider: _Written) -> Iterator[Problem]:
    kind = provider.kind
    key, auth, header = provider.has("api_key"), provider.has("auth"), provider.credential_header
    logins = _GCP_ALONE if not kind.takes_key else _LOGINS.get(kind.cloud or "", "api_key")
    if auth:
        yield from _cloud(provider)
    if key and not kind.takes_key:
        yield provider.problem("api_key", f"is not taken by dialect {provider.dialect}", f"Write {logins}")
    elif key and auth:
        yield provider.problem("auth", "stands beside api_key", "Keep one of them")
    elif kind.demands_credential and not (key or auth or header):
        yield provider.document.problem(provider.path, "has no credential", f"Write {logins}")


def _cloud(provider: _Written) -> Iterator[Problem]:
    auth, cloud = provider.fields["auth"], provider.kind.cloud
    named = [auth] if isinstance(auth, str) else list(auth) if isinstance(auth, Mapping) else []
    if not named or (*provider.path, "auth") in provider.document.broken:
        return
    wrong = next((name for name in named if name in AuthSpec.model_fields and name != cloud), None)
    if wrong is not None:
        mend = f"Use auth: {cloud}" if cloud else "Use api_key"
        message = f"{wrong} is no credential for dialect {provider.dialect}"
        yield provider.problem("auth", message, f"{mend} or api_key" if cloud and provider.kind.takes_key else mend)


def _headers(document: Document) -> Iterator[Problem]:
    """Header names know no case; and a key is not sent twice in two ways."""
    for path, headers in document.find("providers.*.headers"):
        seen: dict[str, str] = {}
        for name, _ in children(headers):
            here, lower = (*path, name), str(name).lower()
            if lower in seen:
                yield document.problem(here, f'is the same header as "{seen[lower]}"', "Keep one of them", at_key=True)
            seen.setdefault(lower, str(name))
            for field in ("api_key", "auth"):
                if lower in _CREDENTIAL_HEADERS and document.at((*path[:-1], field)) is not None:
                    yield document.problem(here, f"carries a key, and so does {field}", "Keep one of them", at_key=True)


def _target_apis(document: Document) -> Iterator[Problem]:
    for pattern in ("models.*.targets.*", "models.*.fallbacks.*"):
        for path, target in document.find(pattern):
            if not isinstance(target, Mapping) or target.get("api") is None:
                continue
            where = ("providers", str(target.get("provider")))
            provider = _read(document, where, document.at(where)) if target.get("provider") else None
            declared = where[1] in document.names("providers")
            if provider is not None and declared and "api" not in provider.kind.takes:
                yield document.problem(
                    (*path, "api"),
                    f'provider "{where[1]}" has one conversation API, that of dialect {provider.dialect}',
                    "Remove it",
                )
