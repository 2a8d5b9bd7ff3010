"""LiteLLM's fields that this gateway does not have: which of them must not be dropped in silence; and its words in errors."""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from extproc.admin.errors import AdminError

IGNORED_HEADER = "x-llmgw-ignored-fields"
"""Names of the fields of a request that were without effect."""

_IN_FILE = "set it in gateway.yaml"
_NOT_ENFORCED = "this gateway cannot enforce it"
_BOOKS = "the books are not edited; what was spent is what the ledger has"
REFUSED: Mapping[str, str] = {
    "access_group_ids": _NOT_ENFORCED,
    "aliases": "aliases of models are in the catalogue, for everybody",
    "allowed_passthrough_routes": _NOT_ENFORCED,
    "allowed_routes": _NOT_ENFORCED,
    "allowed_vector_store_indexes": _NOT_ENFORCED,
    "auto_rotate": "rotate it by /key/regenerate",
    "budget_fallbacks": "use a ladder of /api/v1, or of gateway.yaml",
    "budget_limits": "use budgets of /api/v1, which may be several",
    "budget_reset_at": "windows begin by the calendar",
    "config": _IN_FILE,
    "enforced_batch_output_expires_after": _NOT_ENFORCED,
    "enforced_file_expires_after": _NOT_ENFORCED,
    "enforced_params": _NOT_ENFORCED,
    "guardrails": _NOT_ENFORCED,
    "key_type": "keys call models, and nothing else",
    "model_aliases": "aliases of models are in the catalogue, for everybody",
    "model_max_budget": f"a budget of one model: {_IN_FILE} (meters)",
    "model_rpm_limit": f"a limit of one model: {_IN_FILE} (meters)",
    "model_tpm_limit": f"a limit of one model: {_IN_FILE} (meters)",
    "new_master_key": "the admin token is in gateway.yaml",
    "object_permission": _NOT_ENFORCED,
    "policies": _NOT_ENFORCED,
    "project_id": "there are organisations, teams and users",
    "prompts": _NOT_ENFORCED,
    "rotation_interval": "rotate it by /key/regenerate",
    "router_settings": _IN_FILE,
    "rpm_limit_type": "limits hold always, and are not checked against those of the team",
    "secret_manager_settings": _NOT_ENFORCED,
    "spend": _BOOKS,
    "team_member_budget": f"a budget of each key: {_IN_FILE} (meters with key: '*')",
    "team_member_budget_duration": f"a budget of each key: {_IN_FILE} (meters with key: '*')",
    "team_member_key_duration": "say duration with each key",
    "team_member_rpm_limit": f"a limit of each key: {_IN_FILE} (meters with key: '*')",
    "team_member_tpm_limit": f"a limit of each key: {_IN_FILE} (meters with key: '*')",
    "temp_budget_expiry": "raise max_budget, and lower it later",
    "temp_budget_increase": "raise max_budget, and lower it later",
    "tpm_limit_type": "limits hold always, and are not checked against those of the team",
}
"""Field → why not, or where instead. Who sends one would rely on it. Empty values are no reason to refuse."""

REFUSED_IN_METADATA = frozenset(
    {"enforced_params", "guardrails", "model_rpm_limit", "model_tpm_limit", "policies", "prompts"}
)
"""Those that LiteLLM takes from a key's metadata as well."""

AS_HERE: Mapping[str, frozenset[str]] = {
    "key_type": frozenset({"default", "llm_api"}),
    "rpm_limit_type": frozenset({"best_effort_throughput"}),
    "tpm_limit_type": frozenset({"best_effort_throughput"}),
}
"""Values of refused fields that say what is so anyway."""

_WORDS = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"budgets\[\d+\]\.usd", "max_budget"),
        (r"budgets\[\d+\]\.(rolling|per)", "budget_duration"),
        (r"budgets\[\d+\]\.alert_at.*", "soft_budget"),
        (r"budgets.*", "max_budget"),
        (r"limits\.requests.*", "rpm_limit"),
        (r"limits\.tokens.*", "tpm_limit"),
        (r"limits\.concurrent", "max_parallel_requests"),
        (r"models.*", "models"),
        (r"tags.*", "tags"),
        (r"expires_in", "duration"),
        (r"grace", "grace_period"),
        (r"org", "organization_id"),
        (r"team", "team_id"),
        (r"user", "user_id"),
        (r"enabled", "blocked"),
    )
)


@contextmanager
def in_litellm_terms(name: str = "key_alias") -> Generator[None]:
    """Errors of the directory that come through name the fields as the caller did. ``name``: what its ``name`` is here."""
    try:
        yield
    except AdminError as error:
        if error.param is None:
            raise
        param = name if error.param == "name" else _word(error.param)
        message = param + error.message[len(error.param) :] if error.message.startswith(error.param) else error.message
        raise type(error)(message, code=error.code, param=param) from error


def _word(param: str) -> str:
    return next((name for pattern, name in _WORDS if pattern.fullmatch(param)), param)
