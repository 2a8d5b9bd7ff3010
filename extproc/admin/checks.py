"""What of a record depends on others: names of the catalogue and of parties, and that its budgets make meters."""

from collections.abc import Set as AbstractSet
from typing import TypeVar

from extproc.admin.errors import Conflict, InvalidField
from extproc.config.meters import Context
from extproc.config.problems import closest, listed
from extproc.config.snapshot import PartyKind, Snapshot
from extproc.domain.meters import Scope
from extproc.state.directory import LiveDirectory
from extproc.state.members import meters_of, models_of
from extproc.state.records import Holder, KeyRecord, PartyRecord

H = TypeVar("H", bound=Holder)


def check_key(record: KeyRecord, said: AbstractSet[str], snapshot: Snapshot, directory: LiveDirectory) -> KeyRecord:
    """The record with catalogue names in place of aliases.

    Only what ``said`` names is checked, for the file may have changed since. Raises ``Conflict`` where a declared key
    is in the way, and ``InvalidField``.
    """
    if "name" in said and any(record.name in {key.name, key.id} for key in snapshot.keys.values()):
        raise Conflict(
            f"The name '{record.name}' is that of a key in the configuration file: choose another.",
            code="name_taken",
            param="name",
        )
    if "key" in said and record.sha256 in snapshot.keys:
        raise Conflict("This key is declared in the configuration file: choose another.", code="key_taken", param="key")
    parties: tuple[tuple[PartyKind, str | None], ...] = (("org", record.org), ("team", record.team))
    for kind, name in parties:
        if kind in said and name is not None:
            _check_party_name(kind, name, snapshot, directory)
    return _check_holder(record, said, (("key", record.id),), snapshot)


def check_new_key(record: KeyRecord, snapshot: Snapshot, directory: LiveDirectory) -> KeyRecord:
    """As ``check_key``, all of it."""
    if record.expires is not None and record.expires <= record.created:
        raise InvalidField("This is in the past: give a later time, or expires_in.", param="expires")
    everything = {"name", "key", "org", "team", "models", "budgets", "limits"}
    return check_key(record, everything, snapshot, directory)


def check_party(
    record: PartyRecord, said: AbstractSet[str], snapshot: Snapshot, directory: LiveDirectory
) -> PartyRecord:
    """The record with catalogue names in place of aliases. Raises ``Conflict`` and ``InvalidField``."""
    if (record.kind, record.name) in snapshot.parties:
        raise declared_conflict(record.kind, record.name)
    if record.kind == "org" and record.org is not None:
        raise InvalidField("An organisation belongs to no other.", param="org")
    if "org" in said and record.org is not None:
        _check_party_name("org", record.org, snapshot, directory)
    return _check_holder(record, said, ((record.kind, record.name),), snapshot)


def declared_conflict(kind: str, name: str, namesake: str | None = None) -> Conflict:
    """What is declared in the file is changed there. ``namesake``: the id of what was made at run time by that name."""
    other = f" The one made at run time by that name is {namesake}: say that." if namesake else ""
    return Conflict(
        f"The {kind} '{name}' is declared in the configuration file: change it there.{other}", code="declared"
    )


def _check_holder(record: H, said: AbstractSet[str], scope: Scope, snapshot: Snapshot) -> H:
    if {"budgets", "limits"} & said:
        _check_meters(record, scope, snapshot)
    if "models" in said and record.models is not None:
        names = tuple(
            dict.fromkeys(_model(name, f"models[{place}]", snapshot) for place, name in enumerate(record.models))
        )
        return record.model_copy(update={"models": names})
    return record


def _check_meters(record: Holder, scope: Scope, snapshot: Snapshot) -> None:
    try:
        meters, named = meters_of(scope, record, Context()), models_of(record)
    except ValueError:  # the body's own checks have passed; only what is beyond them can come here
        raise InvalidField("The budgets or limits cannot be counted.", param="budgets") from None
    if len({meter.id for meter in meters}) < len(meters):
        raise InvalidField(
            "Two of the budgets or limits count the same over the same time: keep the smaller.", param="budgets"
        )
    for name in named:
        _model(name, "budgets", snapshot)


def _model(name: str, param: str, snapshot: Snapshot) -> str:
    if name in snapshot.names:
        return snapshot.names[name]
    near = closest(name, snapshot.names)
    mend = f"Did you mean '{near}'?" if near else f"There are: {listed(snapshot.models)}."
    raise InvalidField(f"The catalogue has no model '{name}'. {mend}", param=param, code="unknown_model")


def _check_party_name(kind: PartyKind, name: str, snapshot: Snapshot, directory: LiveDirectory) -> None:
    """Where parties of a kind are kept, a name that is none of them is a slip, and would escape its budget.

    Where none is kept, names only serve reports.
    """
    if directory.party(kind, name) is not None:
        return
    known = [other for one, other in snapshot.parties if one == kind]
    known += [r.name for r in directory.roll.records() if isinstance(r, PartyRecord) and r.kind == kind]
    if known:
        near = closest(name, known)
        mend = f"did you mean '{near}'?" if near else f"make it first (PUT /api/v1/{kind}s/{name})"
        raise InvalidField(f"There is no {kind} '{name}': {mend}", param=kind, code=f"unknown_{kind}")
