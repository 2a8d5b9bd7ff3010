"""How a reply is to be given: fast or slow, whole or broken. Set by ``extproc.simulator.script``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal, cast, get_args

import orjson

from extproc.domain.reading import Json

Fault = Literal["none", "error_event", "cut", "stall", "malformed", "early_end", "wrong_content_type", "html", "empty"]
"""``error_event``: the vendor's error inside a 200, then a clean end. ``cut``: the connection is reset in the middle of an
event. ``stall``: nothing more is sent, the connection stays open. ``malformed``: a line that is no JSON, then the stream
goes on. ``early_end``: a clean end without finish marker. ``wrong_content_type``: a good body called
``application/octet-stream``. ``html``: a 200 with a web page. ``empty``: a 200 with no body.

In a reply that is not a stream ``cut`` and ``stall`` come after half the body, ``malformed`` and ``early_end`` send
half the body as if it were all, and ``error_event`` sends the vendor's error body with status 200."""


QUIRKS = (
    "reasoning_content", "reasoning", "usage_at_finish", "no_usage", "no_done", "comments", "whole_calls"
)  # fmt: skip
"""See ``extproc.simulator.openai.quirks``."""


class BadSetting(ValueError):
    """A setting that no behaviour has, or a value it cannot take."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One way to answer. The default answers at once and well."""

    latency: float = 0.0
    """Seconds before the response headers."""
    first_token_delay: float = 0.0
    """Seconds between a stream's opening events and its first content."""
    tokens_per_second: float = 0.0
    """Pace of the output; 0: as fast as possible. A reply that is no stream waits for its whole output first."""
    tokens: int = 16
    """Words of the reply, where the request itself does not say what to reply."""
    most: bool = False
    """Cost as much as the request allows: the answer has exactly the tokens of the output limit (``tokens`` where there
    is none), each byte of the prompt's text is a token, and all that is marked for the cache is written, none read."""
    input_tokens: int | None = None
    """Report this many, cached ones included, whatever was sent. So with the next three."""
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    """With the short lifetime."""
    output_tokens: int | None = None
    status: int = 200
    error: str = ""
    """A vendor's error by name, as the dialect's ``errors`` lists them (``context_length_exceeded``...)."""
    error_body: str = ""
    """Sent in place of the vendor's error body."""
    retry_after: float | None = None
    """Seconds, for the ``retry-after`` header; None: 1 with a 429, else none; negative: never."""
    fault: Fault = "none"
    fault_at: int = 0
    """How many events of the stream are sent before the fault, opening events included. Negative counts from the end.
    Past the end means before the last one, so a fault always happens."""
    split: int = 0
    """Body bytes per write, across event borders; 0: one write for each event."""
    seed: int | None = None
    """Random split sizes instead, of 1 to ``split`` bytes (64 where ``split`` is 0), from this seed."""
    gzip: bool = False
    """Compress the body, flushed after each event, whether the client asked or not."""
    drop_connection: bool = False
    """Reset the connection instead of answering."""
    hang: bool = False
    """Never answer."""
    crlf: bool = False
    """End the lines of a stream with CR LF."""
    lifetime: float | None = None
    """Seconds that an issued credential is good for; None: as long as the vendor's, an hour."""
    finish: str = ""
    """The vendor's finish reason, whatever really ended the answer (``content_filter``, ``refusal``...)."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further response headers."""
    quirks: tuple[str, ...] = ()
    """Ways of OpenAI-compatible vendors, as ``openai.quirks`` lists them; in a header or suffix joined by ``+``."""

    @property
    def immediate(self) -> bool:
        """Whether a reply that is no stream may be written in one go, without a task to pace it."""
        return (
            self.fault == "none"
            and not (self.latency or self.first_token_delay or self.tokens_per_second)
            and not (self.split or self.gzip or self.hang or self.drop_connection)
            and self.seed is None
        )


def overlay(base: Behaviour, settings: Mapping[str, Json]) -> Behaviour:
    """``base`` with the named settings changed; values are JSON, or text as in a header.

    Raises ``BadSetting``.
    """
    changes: dict[str, object] = {}
    for name, value in settings.items():
        parse = _PARSERS.get(name)
        if parse is None:
            raise BadSetting(f"no behaviour is called '{name}'; known are {', '.join(_PARSERS)}")
        try:
            changes[name] = parse(value)
        except (TypeError, ValueError) as error:
            raise BadSetting(f"{name} cannot be {value!r}: {error}") from error
    # replace() is typed per field; the parsers' table below gives each its own type.
    return replace(base, **cast("dict[str, int]", changes))


def assignments(text: str) -> dict[str, str]:
    """``status=429,latency=0.2`` as a mapping. Raises ``BadSetting``."""
    settings: dict[str, str] = {}
    for item in text.split(","):
        name, equals, value = item.partition("=")
        if not equals:
            raise BadSetting(f"'{item}' is not of the form name=value")
        settings[name.strip().replace("-", "_")] = value.strip()
    return settings


def _number(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("expected a number")
    return float(value)


def _whole(value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError("expected a whole number")
    return int(value)


def _optional_number(value: Json) -> float | None:
    return None if value is None else _number(value)


def _optional_whole(value: Json) -> int | None:
    return None if value is None else _whole(value)


def _flag(value: Json) -> bool:
    match value:
        case bool():
            return value
        case "1" | "true" | "yes":
            return True
        case "0" | "false" | "no":
            return False
        case _:
            raise ValueError("expected true or false")


def _text(value: Json) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _fault(value: Json) -> Fault:
    if value not in get_args(Fault):
        raise ValueError(f"expected one of {', '.join(get_args(Fault))}")
    return cast("Fault", value)


def _headers(value: Json) -> tuple[tuple[str, str], ...]:
    if isinstance(value, Mapping):
        pairs = [(name, _text(content)) for name, content in value.items()]
    elif isinstance(value, str):
        split = (item.partition(":") for item in value.split("|") if item)
        pairs = [(name.strip(), content.strip()) for name, _, content in split]
    else:
        raise TypeError("expected an object, or name:value|name:value")
    if any("\r" in part or "\n" in part for pair in pairs for part in pair):
        raise ValueError("a header is one line")
    return tuple(pairs)


def _quirks(value: Json) -> tuple[str, ...]:
    listed = value.split("+") if isinstance(value, str) else value
    if not isinstance(listed, list) or any(name not in QUIRKS for name in listed):
        raise ValueError(f"expected some of {', '.join(QUIRKS)}")
    return tuple(str(name) for name in listed)


_PARSERS: Mapping[str, Callable[[Json], object]] = {
    "latency": _number,
    "first_token_delay": _number,
    "tokens_per_second": _number,
    "tokens": _whole,
    "most": _flag,
    "input_tokens": _optional_whole,
    "cache_read_tokens": _optional_whole,
    "cache_write_tokens": _optional_whole,
    "output_tokens": _optional_whole,
    "status": _whole,
    "error": _text,
    "error_body": _text,
    "retry_after": _optional_number,
    "fault": _fault,
    "fault_at": _whole,
    "split": _whole,
    "seed": _optional_whole,
    "gzip": _flag,
    "drop_connection": _flag,
    "hang": _flag,
    "crlf": _flag,
    "lifetime": _optional_number,
    "finish": _text,
    "headers": _headers,
    "quirks": _quirks,
}

SETTINGS = tuple(field.name for field in fields(Behaviour))
"""Every name that a header, a suffix or a programme may set."""
