"""Responses that a provider keeps: whose ids come back rests on a secret that no client knows."""

from dataclasses import replace

import orjson
import pytest

from extproc.config.snapshot import Secret
from tests.unit.phases.world import World

PATH = "/v1/responses"
ALONE, OURS = Secret("the provider's"), Secret("of all our replicas")


@pytest.fixture
def kept(world: World) -> World:
    world.provider("o1", api="responses")
    return world


def given(world: World) -> str:
    """The id that the client is told of the provider's ``resp_1``."""
    asked = world.another()
    asked.ask({"model": "one", "input": "hi"}, PATH)
    attempt = asked.send()
    attempt.headers(200, content_type="application/json")
    output = [
        {"type": "message", "role": "assistant", "id": "msg_1", "content": [{"type": "output_text", "text": "x"}]}
    ]
    attempt.body(
        orjson.dumps({"id": "resp_1", "object": "response", "status": "completed", "output": output}), end=True
    )
    return orjson.loads(attempt.seen.body)["id"]


def told(world: World, response_id: str) -> str | None:
    """What the provider gets to read; None where the request is refused."""
    asked = world.another()
    asked.ask({"model": "one", "input": "hi", "previous_response_id": response_id}, PATH)
    sent = asked.send().sent
    if sent is None:
        return None
    return orjson.loads(sent.body or asked.request)["previous_response_id"]


@pytest.mark.parametrize(("api_key", "secret"), [(ALONE, None), (ALONE, OURS), (None, OURS)])
def test_an_id_comes_back_from_the_team_it_was_given_to(kept, api_key, secret):
    kept.provider("o1", api_key=api_key)
    kept.snapshot = replace(kept.snapshot, secret=secret)
    mine = given(kept)
    assert mine != "resp_1"
    assert told(kept, mine) == "resp_1"
    kept.key(team="billing")
    assert told(kept, mine) is None


def test_a_new_key_at_the_provider_changes_no_id_where_there_is_a_secret(kept):
    kept.snapshot = replace(kept.snapshot, secret=OURS)
    mine = given(kept)
    kept.provider("o1", api_key=Secret("another"))
    assert told(kept, mine) == "resp_1"


def test_without_any_secret_none_comes_back(kept):
    """Where the provider is asked with a cloud's identity, or with none, its name and address are all there is."""
    kept.provider("o1", api_key=None)
    assert given(kept) == "resp_1"
    assert told(kept, "resp_1") is None
