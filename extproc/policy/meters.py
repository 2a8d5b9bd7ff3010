"""Which meters count a request, and what it may cost on each at most.

Counterparts: ``extproc.accounting`` says what an answer can cost, ``extproc.state`` keeps the meters.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from extproc.config.directory import Directory
from extproc.config.snapshot import Party, Snapshot, VirtualKey
from extproc.domain.ledger import HoldLine
from extproc.domain.meters import SHARE, Meter, Scope, meter_id
from extproc.domain.valueclass import valueclass
from extproc.policy.windows import Windows

ANY = "*"
_MAX_INSTANCES = 10_000
"""Meters of ``*`` scopes that are remembered; prompts and tags can have any value."""


@valueclass
class Principal:
    """Who asks: the key and the parties it belongs to."""

    key: VirtualKey
    parties: tuple[Party, ...]
    """Those of its user, team and org that have rules of their own, in this order."""
    org: str | None
    """The key's own, or its team's or user's."""

    @property
    def tags(self) -> dict[str, str]:
        """The key's own, over its user's, its team's and its org's."""
        tags: dict[str, str] = {}
        for side in (*reversed(self.parties), self.key):
            tags |= side.tags or {}
        return tags

    def brings(self, provider: str) -> bool:
        """Whether it comes with a key of its own at this provider."""
        return any(side.credentials and provider in side.credentials for side in (self.key, *self.parties))


@valueclass
class Subject:
    """What of a request decides on its meters, besides who asks. ``prompt``: a digest, where one is needed."""

    model: str
    providers: tuple[str, ...]
    """Of the chain, each once."""
    tags: Mapping[str, str]
    prompt: str | None = None


@valueclass
class Worst:
    """What a request may come to at most: money as nano-dollars, for one provider or for the dearest of the chain."""

    fixed_usd: int
    usd_per_output: int
    input_tokens: int
    fixed_output: int
    """Output tokens that no limit of the request holds down."""
    choices: int
    """How many alternatives are written, each up to the output limit."""


def principal(directory: Directory, key: VirtualKey) -> Principal:
    """The key with its parties. A key of a team belongs to the team's organisation unless it says otherwise."""
    user = directory.party("user", key.user) if key.user is not None else None
    team = directory.party("team", key.team) if key.team is not None else None
    # Before the user's: who works for two teams must not take the one's spending to the organisation of the other.
    org = key.org or (team.org if team else None) or (user.org if user else None)
    above = directory.party("org", org) if org is not None else None
    return Principal(key, tuple([party for party in (user, team, above) if party is not None]), org)


class MeterBook:
    """The meters of a configuration."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._templates = snapshot.meters
        self._instances: dict[tuple[str, Scope], Meter] = {}
        self._wants_prompt = _of_prompts(snapshot.meters)

    def wants_prompt(self, who: Principal) -> bool:
        """Whether some meter knows a request by its prompt, so that the digest is worth its time."""
        return self._wants_prompt or _of_prompts(who.key.meters) or any(_of_prompts(p.meters) for p in who.parties)

    def applicable(self, who: Principal, what: Subject) -> list[tuple[Meter, str | None]]:
        """The meters of a request; with those of one provider, that provider."""
        found: list[tuple[Meter, str | None]] = []
        seen: dict[str, int] = {}
        values = _values(who, what)
        for meter in self._near_to_far(who):
            for instance, provider in self._instantiate(meter, values, what.providers):
                at = seen.get(instance.id)
                if at is None:
                    seen[instance.id] = len(found)
                    found.append((instance, provider))
                elif instance.guard != found[at][0].guard and instance.limit < found[at][0].limit:
                    # Else the nearer one holds, which came first; but a guard and a budget are two things.
                    found[at] = (instance, provider)
        return found

    def _near_to_far(self, who: Principal) -> Iterable[Meter]:
        """All that may count: the key's, its parties', those of the file. Who has its guards off is without the rest's."""
        guarded = True
        for holder in (who.key, *who.parties):
            yield from holder.meters if guarded else (meter for meter in holder.meters if not meter.guard)
            guarded = guarded and not holder.unguarded
        yield from self._templates if guarded else (meter for meter in self._templates if not meter.guard)

    def _instantiate(
        self, meter: Meter, values: Mapping[str, str | None], providers: Sequence[str]
    ) -> Iterable[tuple[Meter, str | None]]:
        wanted = next((value for kind, value in meter.scope if kind == "provider"), None)
        if wanted is None:
            instance = self._instance(meter, values)
            return [(instance, None)] if instance is not None else []
        found: list[tuple[Meter, str | None]] = []
        for provider in providers:
            instance = self._instance(meter, {**values, "provider": provider})
            if instance is not None:
                found.append((instance, provider))
        return found

    def _instance(self, meter: Meter, values: Mapping[str, str | None]) -> Meter | None:
        """The meter itself where its scope is the request's, a copy for this value where it says any, else None."""
        open_scope = False
        for kind, value in meter.scope:
            actual = values.get(kind)
            if actual is None or value not in {ANY, actual}:
                return None
            open_scope = open_scope or value == ANY
        if not open_scope:
            return meter
        scope = tuple((kind, values[kind] or "") for kind, _ in meter.scope)
        found = self._instances.get((meter.id, scope))
        if found is None or found.limit != meter.limit:
            if len(self._instances) >= _MAX_INSTANCES:
                self._instances.clear()
            found = replace(meter, id=meter_id(scope, meter.unit, meter.window), scope=scope)
            self._instances[meter.id, scope] = found
        return found


def _of_prompts(meters: Sequence[Meter]) -> bool:
    return any(kind == "prompt" for meter in meters for kind, _ in meter.scope)


def _values(who: Principal, what: Subject) -> dict[str, str | None]:
    key = who.key
    values = {"key": key.id, "user": key.user, "team": key.team, "org": who.org, "model": what.model}
    values["prompt"] = what.prompt
    values.update({f"tag:{name}": value for name, value in what.tags.items()})
    return values


def hold_line(
    meter: Meter, group: str | None, worst: Worst, windows: Windows, *, now_ns: int, honoured: int
) -> HoldLine:
    """What the request may take of one meter. ``honoured``: how many steps of the ladder it has heeded already."""
    start, end = windows.around(meter.window, now_ns)
    fixed, per_output = _amounts(meter, worst)
    gate = None
    if honoured < len(meter.ladder):
        gate = -(-meter.limit * meter.ladder[honoured].at // SHARE)
    return HoldLine(meter, start, end, fixed, per_output, gate, group)


def _amounts(meter: Meter, worst: Worst) -> tuple[int, int]:
    match meter.unit:
        case "usd":
            return worst.fixed_usd, worst.usd_per_output
        case "tokens":
            return worst.input_tokens + worst.fixed_output, worst.choices
        case "input_tokens":
            return worst.input_tokens, 0
        case "output_tokens":
            return worst.fixed_output, worst.choices
        case "requests" | "concurrent":
            return 1, 0
