"""LiteLLM's budgets with a name: records of the directory, whose terms are copied to the keys and teams made with them."""

import uuid
from collections.abc import Mapping

from pydantic import JsonValue

from extproc.admin.changes import Changes, Doing, Sources
from extproc.admin.errors import InvalidField, NotFound
from extproc.state.audit import Actor
from extproc.state.directory import LiveDirectory
from extproc.state.records import BudgetRecord, now_utc


class Templates:
    """All of them. Every method raises ``Unavailable`` while the store is away."""

    def __init__(self, directory: LiveDirectory, sources: Sources | None = None) -> None:
        self._directory = directory
        self._sources = sources or Sources()
        self._changes = Changes(directory, self._sources)

    async def create(self, name: str | None, terms: Mapping[str, JsonValue], by: Actor) -> BudgetRecord:
        """A new one, with a random name if it has none. Raises ``InvalidField`` where the name is taken."""
        now = now_utc(self._sources.now_ns())
        record = BudgetRecord(
            name=name or str(uuid.uuid4()), terms=dict(terms), created=now, updated=now, created_by=by.name
        )

        def altered(before: BudgetRecord | None) -> BudgetRecord:
            if before is not None:
                raise InvalidField(
                    f"budget_id: there is a budget '{record.name}' already.", param="budget_id", code="budget_exists"
                )
            return record

        await self._changes.edit("budget", lambda: self._find(record.name), altered, Doing("create", by))
        return record

    async def get(self, name: str) -> BudgetRecord:
        """One by name. Raises ``NotFound``."""
        await self._changes.fresh()
        return self._own(name)

    async def list(self) -> list[BudgetRecord]:
        """All, by name."""
        await self._changes.fresh()
        found = [record for record in self._directory.roll.records() if isinstance(record, BudgetRecord)]
        return sorted(found, key=lambda record: record.name)

    async def delete(self, name: str, by: Actor) -> BudgetRecord:
        """Remove one; what was made with it stays as it is. Raises ``NotFound``."""
        await self._changes.fresh()
        gone = self._own(name)
        await self._changes.edit("budget", lambda: self._own(name), lambda _: None, Doing("delete", by))
        return gone

    def _find(self, name: str) -> BudgetRecord | None:
        return next((r for r in self._directory.roll.records() if isinstance(r, BudgetRecord) and r.name == name), None)

    def _own(self, name: str) -> BudgetRecord:
        record = self._find(name)
        if record is None:
            raise NotFound(f"There is no budget '{name[:200]}'.", param="budget_id")
        return record
