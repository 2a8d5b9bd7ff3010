"""``/budget/...``: budgets with a name, for ``budget_id`` of keys, teams and users.

LiteLLM's keys refer to a budget; here its terms are copied when a key is made or changed with it. There is no
``/budget/update``, so the two cannot differ.
"""

from starlette.requests import Request
from starlette.responses import Response

from extproc.admin.bodies import PartyFields
from extproc.admin.litellm.allowances import budget_notes, budgets_after, limits_after
from extproc.admin.litellm.bodies import NewBudget, OneBudget, SomeBudgets
from extproc.admin.litellm.parts import Parts
from extproc.admin.litellm.reading import changed_by, ignored_query, read
from extproc.admin.litellm.replies import reply
from extproc.admin.litellm.terms import in_litellm_terms
from extproc.admin.litellm.views import budget_view
from extproc.admin.reading import read_body
from extproc.domain.reading import Json


class Budgets:
    """The paths of budgets."""

    def __init__(self, parts: Parts) -> None:
        self._templates = parts.templates

    async def new(self, request: Request) -> Response:
        """A new budget, with a random id if it has none."""
        asked = await read(request, NewBudget)
        said = asked.body
        with in_litellm_terms("budget_id"):
            budgets, limits = budgets_after((), said, budget_notes(said)), limits_after({}, said)
            read_body(PartyFields, {"budgets": budgets, "limits": limits})  # what takes it later must be able to
        terms = said.model_dump(mode="json", exclude={"budget_id"}, exclude_none=True)
        return reply(
            budget_view(await self._templates.create(said.budget_id, terms, changed_by(request))), asked.ignored
        )

    async def info(self, request: Request) -> Response:
        """Some budgets; those that are not there are left out."""
        asked = await read(request, SomeBudgets)
        wanted = set(asked.body.budgets)
        found: list[Json] = [budget_view(record) for record in await self._templates.list() if record.name in wanted]
        return reply(found, asked.ignored)

    async def list(self, request: Request) -> Response:
        """All budgets."""
        found: list[Json] = [budget_view(record) for record in await self._templates.list()]
        return reply(found, ignored_query(request))

    async def delete(self, request: Request) -> Response:
        """Remove one; keys that were made with it keep its terms."""
        asked = await read(request, OneBudget)
        return reply(budget_view(await self._templates.delete(asked.body.id, changed_by(request))), asked.ignored)
