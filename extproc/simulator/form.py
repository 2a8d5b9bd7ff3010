"""Multipart forms, as uploads come: text fields become a JSON object, files stay apart.

Source: RFC 7578. Field names in brackets are read as the vendors' SDKs write them: ``a[]`` is a list, ``a[b]`` an object.
"""

import re
from typing import NamedTuple

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.wire import Refused, Request

_BOUNDARY = re.compile(r'multipart/form-data\b.*\bboundary="?([^";,]{1,70})"?', re.IGNORECASE)
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class File(NamedTuple):
    """An uploaded file; ``field`` without brackets."""

    field: str
    name: str
    content_type: str
    content: bytes


class Form(NamedTuple):
    """A form that was understood."""

    fields: JsonObject
    files: tuple[File, ...]


NO_FORM = Form({}, ())


def read_form(request: Request) -> Form:
    """Take a form apart. Raises ``Refused`` where the body is none."""
    boundary = _BOUNDARY.search(request.header(b"content-type") or "")
    if boundary is None:
        raise Refused("Invalid Content-Type header: expected multipart/form-data with a boundary.")
    parts = (b"\r\n" + request.body).split(b"\r\n--" + boundary[1].encode("latin-1"))
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise Refused("Could not parse multipart form: it does not end with its boundary.")
    fields: dict[str, Json] = {}
    files: list[File] = []
    for part in parts[1:-1]:
        head, blank, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if not blank:
            raise Refused("Could not parse multipart form: a part has no headers.")
        headers = _headers(head.decode("utf-8", "replace"))
        named = dict(_PARAMETER.findall(headers.get("content-disposition", "")))
        name = named.get("name", "")
        if not name:
            raise Refused("Could not parse multipart form: a part has no name.")
        if "filename" in named:
            kind = headers.get("content-type", "application/octet-stream")
            files.append(File(name.partition("[")[0], named["filename"], kind, content))
        else:
            _add(fields, name, content.decode("utf-8", "replace"))
    return Form(fields, tuple(files))


def _headers(head: str) -> dict[str, str]:
    lines = (line.partition(":") for line in head.split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _add(fields: dict[str, Json], name: str, value: str) -> None:
    base, bracket, inner = name.partition("[")
    inner = inner.removesuffix("]")
    known = fields.get(base)
    if not bracket:
        fields[base] = value
    elif inner:
        fields[base] = {**known, inner: value} if isinstance(known, dict) else {inner: value}
    else:
        fields[base] = [*known, value] if isinstance(known, list) else [value]
