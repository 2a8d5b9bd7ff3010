"""What the admin API takes, checked: bodies of requests as models. Unknown fields are mistakes.

Budgets and limits are written as in the configuration file and are kept as they were written: each is checked against
``BudgetSpec`` and ``LimitsSpec``, and read again by them whenever meters are made of it.
"""

import re
from dataclasses import dataclass
from typing import Annotated

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, JsonValue, PlainValidator
from pydantic_core import CoreSchema, core_schema

from extproc.admin.errors import InvalidField
from extproc.config.scalars import Instant, Name, SecretText, Text, wrong
from extproc.config.sections import BudgetSpec, LimitsSpec
from extproc.config.snapshot import Secret
from extproc.state.records import JsonDict

KEY_ID_PREFIX = "key_"
SHORTEST_KEY = 16
"""Characters of a key that a caller brings along. The digest is fast, so a short key could be guessed from it."""
_LONGEST_KEY = 512
_LONGEST_PARTY = 200
_LONGEST_TAG = 200
_MAX_METADATA = 16 * 1024
_MAX_LIFETIME = 100 * 365 * 86_400
"""Seconds: longer is a slip, and would leave the calendar."""

_LIFETIME = re.compile(r"(\d{1,10})\s*(s|m|h|d|w|mo|y)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "mo": 30 * 86_400, "y": 365 * 86_400, None: 1}


def read_lifetime(value: object) -> int:
    """``30d`` and the like as seconds; a bare number is seconds; ``mo`` is 30 days. Raises ``PydanticCustomError``."""
    seconds = value if isinstance(value, int) and not isinstance(value, bool) else None
    if isinstance(value, str) and (match := _LIFETIME.fullmatch(value.strip())):
        seconds = int(match[1]) * _SECONDS[match[2]]
    if seconds is None:
        raise wrong("must be a time span", "Write 90s, 15m, 24h, 30d, 2w, 6mo, 1y or a number of seconds", show=True)
    if not 0 <= seconds <= _MAX_LIFETIME:
        raise wrong("must be at least 0 and at most 100 years", show=True)
    return seconds


def _positive(seconds: int) -> int:
    if seconds == 0:
        raise wrong("must be longer than 0", "To end a key at once, block or revoke it")
    return seconds


def _plain_key(secret: Secret) -> Secret:
    if not SHORTEST_KEY <= len(secret.reveal()) <= _LONGEST_KEY:
        raise wrong(
            f"must have {SHORTEST_KEY} to {_LONGEST_KEY} characters",
            "Leave it out to have one made that nobody can guess",
        )
    return secret


def _path_name(name: str) -> str:
    if "/" in name:
        raise wrong("must not hold a slash", "Names are parts of this API's paths", show=True)
    if name in {".", ".."}:
        raise wrong("must be more than dots", "Clients take these out of paths", show=True)
    return name


def check_party_name(name: str) -> None:
    """Of a new party. Tokens of an identity provider may name it, in any script. Raises ``InvalidField``."""
    if len(name) > _LONGEST_PARTY or not name.isprintable() or name != name.strip() or name in {".", ".."}:
        raise InvalidField(
            f"The name must have 1 to {_LONGEST_PARTY} visible characters, no spaces around them, and be more than dots.",
            param="name",
        )


def _key_name(name: str) -> str:
    if name.startswith(KEY_ID_PREFIX):
        raise wrong(f"must not begin with {KEY_ID_PREFIX}", "Ids begin so", show=True)
    return name


def _tag_value(text: str) -> str:
    if len(text) > _LONGEST_TAG or not text.isprintable():
        raise wrong(f"must have at most {_LONGEST_TAG} visible characters")
    return text


def _small(metadata: JsonDict) -> JsonDict:
    if len(orjson.dumps(metadata)) > _MAX_METADATA:
        raise wrong(f"must be at most {_MAX_METADATA // 1024} KiB of JSON")
    return metadata


@dataclass(frozen=True, slots=True)
class _AsWritten:
    """Checks a value against ``spec`` and keeps the value itself."""

    spec: type[BaseModel]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        def check(value: object, read: core_schema.ValidatorFunctionWrapHandler) -> object:
            read(value)
            return value

        return core_schema.no_info_wrap_validator_function(check, handler.generate_schema(self.spec))


PathName = Annotated[Name, AfterValidator(_path_name)]
Budget = Annotated[JsonDict, _AsWritten(BudgetSpec)]
Limits = Annotated[JsonDict, _AsWritten(LimitsSpec)]
TagValue = Annotated[Text, AfterValidator(_tag_value)]
Lifetime = Annotated[int, PlainValidator(read_lifetime)]
PlainKey = Annotated[SecretText, AfterValidator(_plain_key)]
Metadata = Annotated[dict[str, JsonValue], AfterValidator(_small)]


class Body(BaseModel):
    """Of a request. Build one of JSON by ``read_body``, or of keyword arguments in the same form."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class HolderFields(Body):
    """What a key and a party have in common. In a change, a field that is not there stays; null empties it (but ``enabled``)."""

    org: Name | None = None
    models: Annotated[tuple[Name, ...], Field(min_length=1, max_length=1000)] | None = None
    """Of the catalogue, by name or alias; null: all."""
    tags: Annotated[dict[Name, TagValue], Field(max_length=50)] | None = None
    budgets: Annotated[tuple[Budget, ...], Field(max_length=16)] | None = None
    limits: Limits | None = None
    enabled: bool = True
    metadata: Metadata | None = None


class KeyFields(HolderFields):
    """What can be said of a key at any time. At most one of ``expires`` and ``expires_in``."""

    name: Annotated[PathName, AfterValidator(_key_name)] | None = None
    team: Name | None = None
    user: Name | None = None
    expires: Instant | None = None
    expires_in: Annotated[Lifetime, AfterValidator(_positive)] | None = None


class KeyCreate(KeyFields):
    """A new key. Without ``name`` its id is its name; without ``key`` one is made; ``enabled`` false: blocked at first."""

    key: PlainKey | None = None


class KeyPatch(KeyFields):
    """A change of a key. ``revision``: refuse (409) unless the key still is at it."""

    revision: int | None = None


class KeyRotate(Body):
    """A new plain text for a key; the old one works for ``grace`` (seconds, or ``24h``) more, 0: ends at once."""

    grace: Lifetime = 0
    key: PlainKey | None = None
    revision: int | None = None


class Revision(Body):
    """A change that says all by its path."""

    revision: int | None = None


class PartyFields(HolderFields):
    """A party, or a change of one. ``revision`` 0: it must not be there yet."""

    revision: int | None = None
