"""What the paths ask, and how they find a key."""

import re
from dataclasses import dataclass
from typing import TypeVar

from extproc.admin.entries import KeyEntry
from extproc.admin.errors import InvalidField, NotFound
from extproc.admin.litellm.bodies import Holding, Spending
from extproc.admin.litellm.spending import Spends
from extproc.admin.litellm.templates import Templates
from extproc.admin.service import DirectoryService
from extproc.state.reports import Reports

H = TypeVar("H", bound=Holding)

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Parts:
    """The directory with its rules, the ledger's reports, the budgets with a name, and what was spent."""

    service: DirectoryService
    reports: Reports
    templates: Templates
    spends: Spends

    async def find_key(self, ref: str) -> KeyEntry:
        """By plain text, SHA-256, id or alias. Raises ``NotFound``, which does not repeat what may be a secret."""
        try:
            if _DIGEST.fullmatch(ref):
                return await self.service.key_of_digest(ref)
            return await self.service.key_of_plain(ref)
        except NotFound:
            pass
        try:
            return await self.service.get_key(ref)
        except NotFound:
            raise NotFound("There is no such key.", param="key") from None

    async def with_template(self, said: H) -> H:
        """With the terms of the budget it names, if it does. Raises ``InvalidField`` and ``NotFound``."""
        if said.budget_id is None:
            return said
        terms = tuple(Spending.model_fields)
        for name in terms:
            if getattr(said, name) is not None:
                raise InvalidField(f"{name}: give this or budget_id, not both.", param=name)
        template = Spending.model_validate((await self.templates.get(said.budget_id)).terms)
        return said.model_copy(update={name: getattr(template, name) for name in terms})
