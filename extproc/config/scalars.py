"""The values that YAML has no type for: durations, sizes, secrets, URLs, names, dates.

Counterpart of ``explain``: a validator here raises ``wrong(...)`` with the words for the user, and never with the value;
``explain`` adds the value where it may be shown.
"""

import re
from datetime import UTC, date, datetime
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from extproc.config.address import AddressError, parse_address
from extproc.config.snapshot import RetryCondition, Secret

CUSTOM = "config"
"""The pydantic error type of this module's own errors."""

_MAX_DURATION = 24 * 3600.0  # a day: longer than any answer, and what Envoy's millisecond headers hold easily
_MAX_SIZE = 1024 * 1024 * 1024  # bodies are held in memory, so a larger number is a slip
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]i?b|b)?", re.IGNORECASE)
_BYTES = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30, "b": 1, None: 1}
_VISIBLE = re.compile(r"[!-~]+")
_SIGNING_LEAST = 16
"""Characters of a secret that clients see marks of: what is shorter could be guessed from them."""
_PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # a token, RFC 9110 section 5.6.2
_HEADER_VALUE = re.compile(r"[\t -~]*")  # RFC 9110 section 5.5, without its obsolete bytes above 127
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_RESERVED_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "keep-alive"}
)  # they frame the message, which is Envoy's to do


def wrong(message: str, mend: str = "", *, show: bool = False) -> PydanticCustomError:
    """An error for the user: ``message`` reads after the path; ``show``: the value may be shown beside it."""
    return PydanticCustomError(CUSTOM, "{message}", {"message": message, "mend": mend, "show": show})


def _number(value: object) -> float | None:
    return None if isinstance(value, bool) or not isinstance(value, int | float) else float(value)


def seconds_of(value: object) -> float:
    """The seconds of a duration, whatever their number. Raises ``PydanticCustomError`` where it is none."""
    seconds = _number(value)
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds is None:
        raise wrong("must be a duration", "Write 10s, 500ms, 2m, 1h or a number of seconds", show=True)
    return seconds


def _duration(value: object) -> float:
    seconds = seconds_of(value)
    if not 0 < seconds <= _MAX_DURATION:
        raise wrong("must be longer than 0 and at most 24h", show=True)
    return seconds


def _size(value: object) -> int:
    count = _number(value)
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        count = float(match[1]) * _BYTES[match[2].lower() if match[2] else None]
    if count is None:
        raise wrong("must be a size", "Write 50MiB, 8MB or a number of bytes", show=True)
    if not 1024 <= count <= _MAX_SIZE:
        raise wrong("must be from 1KiB to 1GiB", show=True)
    return int(count)


def _whole(value: object) -> object:
    """Pydantic takes ``true`` for 1."""
    if isinstance(value, bool):
        raise wrong("must be a whole number", show=True)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise wrong("must be a text", "Put it in quotes" if isinstance(value, int | float) else "", show=True)
    if not value.strip():
        raise wrong("must not be empty")
    return value


def _name(value: object) -> str:
    text = _text(value)
    if len(text) > 200 or not _VISIBLE.fullmatch(text):
        raise wrong("must be at most 200 visible ASCII characters, without spaces", show=True)
    return text


def _provider_name(value: object) -> str:
    text = _text(value)
    if len(text) > 60 or not _PROVIDER_NAME.fullmatch(text):
        raise wrong("a provider's name is lower-case letters, digits and hyphens (at most 60)", "Rename it")
    return text


def _secret(value: object) -> Secret:
    if not isinstance(value, str):
        raise wrong("must be a text", "Put it in quotes, or take it from ${ENV} or file:")
    if not value:
        raise wrong("must not be empty")
    if not _VISIBLE.fullmatch(value):
        raise wrong(
            "holds a space, a line break or another character that no credential has", "Remove what was copied with it"
        )
    return Secret(value)


def _signing(value: object) -> Secret:
    secret = _secret(value)
    if len(secret.reveal()) < _SIGNING_LEAST:
        raise wrong(f"must have {_SIGNING_LEAST} characters or more", "Make one: openssl rand -hex 32")
    return secret


def _header_name(value: str) -> str:
    name = value.lower()
    if not _HEADER_NAME.fullmatch(name):
        raise wrong("is not a header name")
    if name in _RESERVED_HEADERS or name.startswith("x-envoy-"):
        raise wrong("this header belongs to the gateway itself", "Remove it")
    return name


def _header_value(value: object) -> str:
    if not isinstance(value, str):
        raise wrong("must be a text", "Put it in quotes")
    if not _HEADER_VALUE.fullmatch(value):
        raise wrong("holds a character that a header cannot carry", "Use ASCII, on one line")
    return value


def _http_url(value: object) -> str:
    text = _text(value).rstrip("/")
    try:
        url = urlsplit(text)
        usable = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0 and _VISIBLE.fullmatch(text)
    except ValueError:  # brackets that do not match, a port that is no number
        usable = False
        url = urlsplit("")
    if not usable:
        raise wrong("must be an http:// or https:// URL with a host")
    if url.username is not None or url.password is not None:
        raise wrong("must not hold a user name or password", "Credentials have fields of their own")
    if "?" in text or "#" in text:
        raise wrong("must not hold a query (?...) or a fragment (#...)")
    return text


_STORE = re.compile(r"(?:redis|rediss)(?:\+sentinel|\+cluster)?://[!-~]+|unix://(?:[^/\s]*@)?/[!-~]+")
_PREFIX = re.compile(r"[A-Za-z0-9._-]{1,40}")


def _store_url(value: object) -> str:
    text = _text(value)
    if text not in {"embedded", "none"} and not _STORE.fullmatch(text):
        raise wrong(
            "must be embedded, none or a Redis URL",
            "Write redis://host:6379/0, rediss://..., redis+sentinel://..., redis+cluster://... or unix:///path",
        )
    if text not in {"embedded", "none"}:
        try:
            parse_address(text)
        except AddressError as error:
            mend = "Write redis://user:password@host:6379/0, and @ / : , ? in a password as %40 %2F %3A %2C %3F"
            raise wrong(f"cannot be read: {error}", mend) from None
    return text


def _store_prefix(value: object) -> str:
    text = _text(value)
    if not _PREFIX.fullmatch(text):
        raise wrong("must be letters, digits, dots, hyphens and underscores (at most 40)", show=True)
    return text


def _secret_url(value: object) -> Secret:
    """Its path or query may be a token, so no message shows it."""
    secret = _secret(value)
    try:
        url = urlsplit(secret.reveal())
        usable = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise wrong("must be an http:// or https:// URL with a host")
    return secret


def _address(value: object) -> str:
    text = _text(value)
    if text == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(text))
    except ValueError:
        pass
    raise wrong("must be an IP address", "Write 0.0.0.0 for all interfaces, 127.0.0.1 for this machine only", show=True)


def _digest(value: object) -> str:
    if isinstance(value, str) and (match := _SHA256.fullmatch(value.strip().lower())):
        return match[1]
    raise wrong("must be the 64 hex digits of a SHA-256", 'Take the digits that `printf %s "$KEY" | sha256sum` prints')


def _instant(value: object) -> datetime:
    """A bare date is the first instant of that day in UTC; a time without a zone is UTC."""
    if isinstance(value, str) and _DATE.match(value):
        try:
            if _DATE.fullmatch(value):
                day = date.fromisoformat(value)
                return datetime(day.year, day.month, day.day, tzinfo=UTC)
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise wrong("must be a date or a time", "Write 2027-01-31 (from 00:00 UTC) or 2027-01-31T18:00:00+01:00", show=True)


def _retry_condition(value: object) -> RetryCondition:
    if value == "connect":
        return "connect"
    if value == "timeout":
        return "timeout"
    status = int(value) if isinstance(value, str) and re.fullmatch(r"\d{3}", value) else value
    if isinstance(status, int) and not isinstance(status, bool) and 400 <= status <= 599:
        return status
    raise wrong("must be a status from 400 to 599, connect or timeout", show=True)


Duration = Annotated[
    float,
    PlainValidator(_duration),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|m|h)?$"}, {"type": "number"}]}),
]
"""Seconds."""
Size = Annotated[
    int,
    PlainValidator(_size),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": r"^\d+(\.\d+)?\s*([kKmMgG]i?)?[bB]?$"}, {"type": "integer"}]}
    ),
]
"""Bytes."""
WHOLE = BeforeValidator(_whole)
"""Stands last in ``Annotated[int, Field(...), WHOLE]``: the JSON Schema then has the bounds."""
Port = Annotated[int, Field(ge=1, le=65535), WHOLE]
Text = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string", "minLength": 1})]
Name = Annotated[
    str, PlainValidator(_name), WithJsonSchema({"type": "string", "pattern": "^[!-~]+$", "maxLength": 200})
]
ProviderName = Annotated[
    str,
    PlainValidator(_provider_name),
    WithJsonSchema({"type": "string", "pattern": "^[a-z0-9][a-z0-9-]*$", "maxLength": 60}),
]
SecretText = Annotated[Secret, PlainValidator(_secret), WithJsonSchema({"type": "string", "minLength": 1})]
SigningText = Annotated[
    Secret, PlainValidator(_signing), WithJsonSchema({"type": "string", "minLength": _SIGNING_LEAST})
]
HeaderName = Annotated[str, PlainValidator(_header_name), WithJsonSchema({"type": "string"})]
HeaderValue = Annotated[str, PlainValidator(_header_value), WithJsonSchema({"type": "string"})]
HttpUrl = Annotated[str, PlainValidator(_http_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
StoreUrl = Annotated[
    str,
    PlainValidator(_store_url),
    WithJsonSchema({"type": "string", "pattern": "^(embedded$|none$|unix://|rediss?(\\+|:))"}),
]
StorePrefix = Annotated[
    str, PlainValidator(_store_prefix), WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,40}$"})
]
SecretUrl = Annotated[Secret, PlainValidator(_secret_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
"""A URL that may hold a token."""
Address = Annotated[str, PlainValidator(_address), WithJsonSchema({"type": "string"})]
Digest = Annotated[
    str, PlainValidator(_digest), WithJsonSchema({"type": "string", "pattern": "^(sha256:)?[0-9a-fA-F]{64}$"})
]
Instant = Annotated[
    datetime, PlainValidator(_instant), WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}"})
]
Retry = Annotated[
    RetryCondition,
    PlainValidator(_retry_condition),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 400, "maximum": 599}, {"enum": ["connect", "timeout"]}]}),
]
Dialect = Literal[
    "openai",
    "azure-openai",
    "anthropic",
    "bedrock",
    "bedrock-anthropic",
    "gemini",
    "vertex-gemini",
    "vertex-anthropic",
    "cohere",
]
ApiName = Literal["chat", "responses", "completions"]
AccountApi = Literal["files", "batches"]
