"""LiteLLM's paths where there is no store, and words of errors in its names."""

import pytest

from extproc.admin.errors import Conflict, InvalidField
from extproc.admin.litellm.terms import in_litellm_terms


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/key/generate"),
        ("GET", "/key/info"),
        ("POST", "/key/sk-1/regenerate"),
        ("GET", "/team/list"),
        ("POST", "/user/new"),
        ("GET", "/budget/list"),
        ("GET", "/spend/logs"),
        ("GET", "/global/spend/report"),
        ("GET", "/user/daily/activity"),
    ],
)
async def test_without_a_store_each_path_says_so(client, token, method, path):
    answer = await client(token=token).request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_store")
    assert (await client().request(method, path)).status_code == 401


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("budgets[0].usd", "max_budget"),
        ("budgets[0].rolling", "budget_duration"),
        ("budgets[0].alert_at[0]", "soft_budget"),
        ("budgets", "max_budget"),
        ("limits.tokens[0]", "tpm_limit"),
        ("limits.requests", "rpm_limit"),
        ("limits.concurrent", "max_parallel_requests"),
        ("models[3]", "models"),
        ("org", "organization_id"),
        ("team", "team_id"),
        ("user", "user_id"),
        ("expires_in", "duration"),
        ("grace", "grace_period"),
        ("name", "key_alias"),
        ("metadata", "metadata"),
    ],
)
def test_a_field_of_the_directory_is_named_as_the_caller_named_it(here, there):
    with pytest.raises(InvalidField) as caught, in_litellm_terms():
        raise InvalidField(f"{here}: is wrong.", param=here, code="c")
    assert (caught.value.param, caught.value.message, caught.value.code) == (there, f"{there}: is wrong.", "c")


def test_an_error_of_no_field_stays_as_it_is():
    with pytest.raises(Conflict) as caught, in_litellm_terms():
        raise Conflict("x", code="declared")
    assert (caught.value.param, caught.value.code) == (None, "declared")
