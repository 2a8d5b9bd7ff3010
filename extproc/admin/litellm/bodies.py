"""What requests may say, in LiteLLM's names (``GenerateKeyRequest``, ``NewTeamRequest`` ... of its ``proxy/_types.py``).

Fields that are in none of these are ``terms``' business. ``null`` is as if the field were not there, except in an update.
"""

from decimal import ROUND_FLOOR, Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from extproc.admin.bodies import Body, Lifetime, Metadata, PathName, PlainKey
from extproc.admin.litellm.notes import NOTES
from extproc.admin.litellm.terms import REFUSED, REFUSED_IN_METADATA
from extproc.config.scalars import Name, Text, wrong
from extproc.domain.money import MAX_USD, NANOS, dollars
from extproc.state.records import JsonDict


def _only_notes(metadata: JsonDict) -> JsonDict:
    """LiteLLM takes some of what it can be told of a key from the metadata too."""
    if NOTES in metadata:
        raise wrong(f"must not hold '{NOTES}'", "The gateway keeps notes of its own there")
    for name, value in metadata.items():
        if name in REFUSED_IN_METADATA and value:
            raise wrong(f"must not hold '{name}'", REFUSED[name][:1].upper() + REFUSED[name][1:])
    tags = metadata.get("tags")
    if tags is not None and not (isinstance(tags, list) and all(isinstance(tag, str) and tag for tag in tags)):
        raise wrong("must hold nothing but texts in 'tags'", "These become tags of the key")
    return metadata


def _alias(value: object) -> object:
    if isinstance(value, str) and value.startswith("key_"):
        raise wrong("must not begin with key_", "Ids begin so", show=True)
    return value


def _amount(value: object) -> int | float | str | None:
    """LiteLLM's forms send an empty text for a budget that is not set, and its scripts what they have divided: 100 / 3."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise wrong("must be an amount in US dollars", "Write it as a number, such as 50 or 0.25")
    if isinstance(value, float) and 1 / NANOS <= value <= MAX_USD:
        return float(Decimal(str(value)).quantize(dollars(1), ROUND_FLOOR))
    return value


Amount = Annotated[int | float | str | None, PlainValidator(_amount)]
"""US dollars; the directory checks it."""
Count = Annotated[int, Field(ge=1, le=10**15, strict=True)] | None
Names = Annotated[tuple[Name, ...], Field(max_length=1000)] | None
Refs = Annotated[tuple[Text, ...], Field(max_length=1000)]
Alias = Annotated[PathName, BeforeValidator(_alias)]
Role = Literal["internal_user", "internal_user_viewer"]
"""Those of an administrator are the admin port's tokens."""


class Spending(Body):
    """Budgets and limits."""

    max_budget: Amount = None
    soft_budget: Amount = None
    budget_duration: Text | None = None
    tpm_limit: Count = None
    rpm_limit: Count = None
    max_parallel_requests: Count = None


class Holding(Spending):
    """What a key, a team and a user have in common."""

    models: Names = None
    metadata: Annotated[Metadata, AfterValidator(_only_notes)] | None = None
    tags: Annotated[tuple[Text, ...], Field(max_length=50)] | None = None
    blocked: bool | None = None
    organization_id: Name | None = None
    budget_id: Name | None = None


class KeyFields(Holding):
    """What can be said of a key at any time."""

    key_alias: Alias | None = None
    duration: Text | None = None
    team_id: Name | None = None
    user_id: Name | None = None


class GenerateKey(KeyFields):
    """``/key/generate``."""

    key: PlainKey | None = None


class UpdateKey(KeyFields):
    """``/key/update``. ``key``: its text, SHA-256, id or alias, as everywhere."""

    key: Text


class RegenerateKey(KeyFields):
    """``/key/regenerate``."""

    key: Text | None = None
    new_key: PlainKey | None = None
    grace_period: Lifetime | None = None


class OneKey(Body):
    """``/key/block`` and ``/key/unblock``."""

    key: Text


class SomeKeys(Body):
    """``/key/delete``."""

    keys: Refs | None = None
    key_aliases: Refs | None = None


class NewTeam(Holding):
    """``/team/new``."""

    team_id: PathName | None = None
    team_alias: Text | None = None


class UpdateTeam(Holding):
    """``/team/update``."""

    team_id: Text
    team_alias: Text | None = None


class SomeTeams(Body):
    """``/team/delete``."""

    team_ids: Annotated[Refs, Field(min_length=1)]


class NewUser(Holding):
    """``/user/new``; alias, duration and team are those of the key that is made with it."""

    user_id: PathName | None = None
    user_email: Text | None = None
    user_alias: Text | None = None
    user_role: Role | None = None
    auto_create_key: bool = True
    organizations: Annotated[tuple[Name, ...], Field(max_length=1)] | None = None
    key_alias: Alias | None = None
    duration: Text | None = None
    team_id: Name | None = None


class NewBudget(Spending):
    """``/budget/new``."""

    budget_id: PathName | None = None


class SomeBudgets(Body):
    """``/budget/info``."""

    budgets: Annotated[Refs, Field(min_length=1)]


class OneBudget(Body):
    """``/budget/delete``."""

    id: Text
