"""The paths of LiteLLM's management API that are answered here, at the root of the admin port.

================================ ======================================================================================
path                             answer
================================ ======================================================================================
POST /key/generate               a new key with its plain text
GET  /key/info?key=              one, by plain text, SHA-256, id or alias; so everywhere
POST /key/update, /key/delete    ``{key, ...}``; ``{keys, key_aliases}``
GET  /key/list                   ``page size user_id team_id organization_id key_alias return_full_object sort_by``
POST /key/block, /key/unblock    ``{key}``
POST /key/regenerate             ``{key, new_key, grace_period, ...}``; also ``/key/{key}/regenerate``
POST /team/new, /team/update     a team
POST /team/delete                ``{team_ids}``, with their keys
GET  /team/info?team_id=         with its keys; GET /team/list
POST /user/new                   a user with a key; GET /user/info?user_id=
POST /budget/new, /budget/info   a budget with a name; some of them; GET /budget/list; POST /budget/delete
GET  /spend/logs                 by day or by row
GET  /global/spend/report        by team, customer or key
GET  /user/daily/activity        by day, model, provider and key
================================ ======================================================================================
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from extproc.admin.errors import Unavailable
from extproc.admin.litellm.activity import Activity
from extproc.admin.litellm.budgets import Budgets
from extproc.admin.litellm.keys import Keys
from extproc.admin.litellm.parts import Parts
from extproc.admin.litellm.spend import Spend
from extproc.admin.litellm.spending import Spends
from extproc.admin.litellm.teams import Teams
from extproc.admin.litellm.templates import Templates
from extproc.admin.litellm.users import Users
from extproc.admin.service import DirectoryService
from extproc.state.reports import Reports

READING_POSTS = frozenset({"/budget/info"})
"""Paths whose POST changes nothing, so that the read-only token may use them."""


def litellm_routes(
    service: DirectoryService | None, reports: Reports | None, templates: Templates | None
) -> list[Route]:
    """The routes; None where the configuration has no store: then each says so."""
    if service is None or reports is None or templates is None:
        return [
            Route(f"/{part}/{{path:path}}", _no_store, methods=["GET", "POST"])
            for part in ("key", "team", "user", "budget", "spend", "global/spend")
        ]
    parts = Parts(service, reports, templates, Spends(service, reports))
    keys, spend = Keys(parts), Spend(parts)
    teams = Teams(parts, keys)
    users, budgets = Users(parts, keys, teams), Budgets(parts)
    post, get = ["POST"], ["GET"]
    return [
        Route("/key/generate", keys.generate, methods=post),
        Route("/key/info", keys.info, methods=get),
        Route("/key/update", keys.update, methods=post),
        Route("/key/delete", keys.delete, methods=post),
        Route("/key/list", keys.listing, methods=get),
        Route("/key/block", keys.block, methods=post),
        Route("/key/unblock", keys.unblock, methods=post),
        Route("/key/regenerate", keys.regenerate, methods=post),
        Route("/key/{key:path}/regenerate", keys.regenerate, methods=post),
        Route("/team/new", teams.new, methods=post),
        Route("/team/info", teams.info, methods=get),
        Route("/team/update", teams.update, methods=post),
        Route("/team/delete", teams.delete, methods=post),
        Route("/team/list", teams.listing, methods=get),
        Route("/user/new", users.new, methods=post),
        Route("/user/info", users.info, methods=get),
        Route("/budget/new", budgets.new, methods=post),
        Route("/budget/info", budgets.info, methods=post),
        Route("/budget/list", budgets.list, methods=get),
        Route("/budget/delete", budgets.delete, methods=post),
        Route("/spend/logs", spend.logs, methods=get),
        Route("/global/spend/report", spend.report, methods=get),
        Route("/user/daily/activity", Activity(parts, spend).daily, methods=get),
    ]


async def _no_store(_: Request) -> Response:
    raise Unavailable(
        "This gateway has no store (store.url is none), so there is nothing to administer: set store.url in gateway.yaml.",
        code="no_store",
    )
