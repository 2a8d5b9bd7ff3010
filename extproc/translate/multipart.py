"""Forms with files (``multipart/form-data``): their small fields read, the model changed, every other byte as it came.

Sources: RFC 7578 and RFC 2046, section 5.1. The server behind reads the same form again, perhaps less strictly. So a form
that two readers could read differently is refused: a boundary that is not a line of its own, a name that occurs twice or
is spelled in two ways. Files are skipped by a search for the boundary, which costs a few milliseconds for 25 MB.
"""

import re
from collections.abc import Iterator

from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass

MAX_PARTS = 256
"""Parts of a form: OpenAI takes 16 images and a dozen fields."""
MAX_HEAD_BYTES = 8 * 1024
"""Headers of one part: a name, a file's name and a type."""
MAX_FIELD_BYTES = 256 * 1024
"""A field that is read; a longer one is passed on unread. The longest real one is a prompt of 32,000 characters."""

_DECIDING = frozenset({"model", "stream", "response_format", "n"})
"""Fields that the gateway acts on, so they must be plain and there once."""

_MOST_BOUNDARY = 200
"""RFC 2046 allows 70 characters."""
_PLAIN = r"[A-Za-z0-9!#$%&'+.^_`|~-]+"
_OF_THE_TYPE = re.compile(rf'[ \t]*({_PLAIN})=(?:({_PLAIN})|"([^"\\\x00-\x1f\x7f]*)")[ \t]*(?:;|$)')
"""A parameter of the content-type. Names with ``*`` (RFC 2231) and escapes in quotes are none: a server that knows them
finds another boundary than one that does not."""
_PARAMETER = re.compile(rb';[ \t]*([A-Za-z0-9_*-]+)[ \t]*=[ \t]*(?:"((?:[^"\\\r\n]|\\.)*)"|([^\s;"]*))[ \t]*(?=;|$)')
_PADDING = re.compile(rb"[ \t]{0,64}\r\n")
_CLOSE = re.compile(rb"--[ \t]{0,64}(?:\r\n|$)")
_WORDS = {"true": True, "1": True, "false": False, "0": False, "": False}
_LISTED = re.compile(r".*\[\d*\]")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""Some servers end a header's line at a bare CR, LF or another separator, and read what follows as a header."""


@valueclass
class _Part:
    """``body[start:end]`` is the value; ``file`` says that it has a file's name."""

    name: str
    file: bool
    start: int
    end: int


def read_form(content_type: str, body: bytes) -> JsonObject:
    """The text fields of the form, files and lists (``timestamp_granularities[]``) left out.

    ``stream`` is a boolean, ``n`` a whole number where it is one; all others are text. Raises ``InvalidRequest``.
    """
    fields: dict[str, Json] = {}
    for part in _parts(_boundary(content_type), body):
        if part.file or part.end - part.start > MAX_FIELD_BYTES or _LISTED.fullmatch(part.name):
            continue
        text = _text(part, body)
        match part.name:
            case "stream":
                fields["stream"] = _flag(text)
            case "n" if text.isascii() and text.isdigit() and len(text) < 10:
                fields["n"] = int(text)
            case name:
                fields[name] = text
    return fields


def edit_model(content_type: str, body: bytes, model: str) -> bytes:
    """The form with this model in place of the client's, or before all other fields where the client named none."""
    boundary = _boundary(content_type)
    value = model.encode()
    if boundary in value or b"\r" in value or b"\n" in value:
        raise InvalidRequest("the form's boundary occurs in the model's name: choose another one")
    parts = list(_parts(boundary, body))  # all of them: a second model, or a cut, may be at the end
    found = next((part for part in parts if part.name == "model"), None)
    whole = memoryview(body)  # its slices are no copies, which counts on megabytes
    if found is not None:
        return b"".join((whole[: found.start], value, whole[found.end :]))
    field = b'--%b\r\nContent-Disposition: form-data; name="model"\r\n\r\n%b\r\n' % (boundary, value)
    return b"".join((field, whole[2:] if body.startswith(b"\r\n") else whole))


def _boundary(content_type: str) -> bytes:
    kind, _, parameters = content_type.partition(";")
    if kind.strip().lower() != "multipart/form-data":
        raise InvalidRequest("the body must be a form: content-type multipart/form-data, with its boundary")
    found: dict[str, str] = {}
    at = 0
    while at < len(parameters):
        match = _OF_THE_TYPE.match(parameters, at)
        if match is None or match[1].lower() in found:
            raise InvalidRequest(
                "the content-type multipart/form-data must have plain parameters, each once; quote a boundary that"
                " holds more than letters, digits and hyphens"
            )
        found[match[1].lower()] = match[2] or match[3]
        at = match.end()
    boundary = found.get("boundary", "")
    if not boundary or boundary != boundary.strip() or len(boundary) > _MOST_BOUNDARY:
        raise InvalidRequest(
            f"the content-type multipart/form-data must name its boundary, in {_MOST_BOUNDARY} characters at most"
        )
    try:
        return boundary.encode("ascii")
    except UnicodeEncodeError as error:
        raise InvalidRequest("the form's boundary must be ASCII") from error


def _parts(boundary: bytes, body: bytes) -> Iterator[_Part]:
    """Every part, in order. Raises ``InvalidRequest`` where the form is cut or not well-formed."""
    line = b"--" + boundary
    at = 2 if body.startswith(b"\r\n") else 0
    if not body.startswith(line, at):
        raise _broken("does not begin with its boundary")
    seen: set[str] = set()
    for _ in range(MAX_PARTS + 1):
        at += len(line)
        if _CLOSE.match(body, at):
            if body.find(line, at) >= 0:
                raise _broken("goes on behind its end")
            return
        padding = _PADDING.match(body, at)
        if padding is None:
            raise _broken("has a boundary that is not a line of its own")
        following = body.find(line, padding.end())
        if following < 0:
            raise _broken("ends before its closing boundary: it was cut")
        if body[following - 2 : following] != b"\r\n" or following - 2 < padding.end():
            raise _broken("has a boundary that is not a line of its own")
        part = _part(body, padding.end(), following - 2)
        if (meant := part.name.strip().partition("[")[0].rstrip()) in _DECIDING:
            _check_deciding(part, meant, seen)
        yield part
        at = following
    raise _broken(f"has more than {MAX_PARTS} parts")


def _check_deciding(part: _Part, meant: str, seen: set[str]) -> None:
    if part.name != meant:
        # Some servers read `n[]` as a list of that name, and strip names.
        raise InvalidRequest(f"the field {meant} of the form must be spelled so, and be one text", param=meant)
    if part.name in seen:
        raise InvalidRequest(f"the field {part.name} occurs twice in the form; send it once", param=part.name)
    if part.file or part.end - part.start > MAX_FIELD_BYTES:
        raise InvalidRequest(f"the field {part.name} must be a short text, not a file", param=part.name)
    seen.add(part.name)


def _part(body: bytes, start: int, end: int) -> _Part:
    head_end = body.find(b"\r\n\r\n", start, min(end + 2, start + MAX_HEAD_BYTES))
    if head_end < 0:
        raise _broken("has a part without headers, or with too many")
    if _CONTROL.search(body[start:head_end].replace(b"\r\n", b"")):
        raise _broken("has a control character in a part's headers")
    disposition: bytes | None = None
    for header in body[start:head_end].split(b"\r\n"):
        name, colon, value = header.partition(b":")
        if not colon or not name or name != name.strip():
            raise _broken("has a header that is none")
        if name.lower() == b"content-disposition":
            if disposition is not None:
                raise _broken("has a part with two content-dispositions")
            disposition = value.strip()
        elif name.lower() == b"content-transfer-encoding" and value.strip().lower() not in {
            b"7bit",
            b"8bit",
            b"binary",
        }:
            raise _broken("has a part with a content-transfer-encoding, which RFC 7578 abolished")
    # An empty value: its blank line is the one before the boundary.
    return _named(disposition or b"", min(head_end + 4, end), end)


def _named(disposition: bytes, start: int, end: int) -> _Part:
    kind, _, _ = disposition.partition(b";")
    parameters = disposition[len(kind) :]
    found = list(_PARAMETER.finditer(parameters))
    names = [match[1].lower() for match in found]
    if (
        kind.strip().lower() != b"form-data"
        or sum(len(match[0]) for match in found) != len(parameters)
        or names.count(b"name") != 1
        or len(set(names)) != len(names)
        or any(name.startswith(b"name*") for name in names)
    ):
        raise _broken("has a part without a clear content-disposition: form-data with one name")
    match = found[names.index(b"name")]
    quoted: bytes | None = match[2]
    name = re.sub(rb"\\(.)", rb"\1", quoted) if quoted is not None else match[3]
    return _Part(name.decode("utf-8", "replace"), b"filename" in names or b"filename*" in names, start, end)


def _text(part: _Part, body: bytes) -> str:
    try:
        return body[part.start : part.end].decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the field {part.name} of the form must be UTF-8", param=part.name) from error


def _flag(text: str) -> bool:
    value = _WORDS.get(text.strip().lower())
    if value is None:
        raise InvalidRequest("the field stream of the form must be true or false", param="stream")
    return value


def _broken(what: str) -> InvalidRequest:
    return InvalidRequest(f"the form cannot be read: it {what}")
