"""The times that Envoy enforces, and the routes that carry them."""

import pytest

from extproc.config.load import load_text
from extproc.config.routes import idle_timeout, patience, route_class, route_classes, try_timeout
from extproc.config.snapshot import Commit, Model, Target


def model(commit: Commit, **more) -> Model:
    times = {"first_token_timeout": 10.0, "stall_timeout": 60.0, "timeout": 600.0}
    return Model("m", (Target("p", "m"),), commit=commit, **{**times, **more})


FIRST, EVENTS, AFTER, WHOLE = Commit(), Commit("events", events=3), Commit("after", after=2.0), Commit("whole")


@pytest.mark.parametrize(
    ("model", "stream", "idle", "one_try"),
    [
        (model(FIRST), False, 601.0, 600.0),
        (model(WHOLE), False, 601.0, 600.0),
        (model(FIRST), True, 61.0, 10.25),
        (model(FIRST, stall_timeout=5.0), True, 11.0, 10.25),
        (model(EVENTS), True, 601.0, 600.0),
        (model(AFTER), True, 61.0, 13.0),
        (model(AFTER, stall_timeout=5.0), True, 13.0, 13.0),
        (model(WHOLE), True, 601.0, 600.0),
    ],
)
def test_what_envoy_enforces(model, stream, idle, one_try):
    assert idle_timeout(model, stream=stream) == idle
    assert try_timeout(model, stream=stream) == one_try
    assert patience(model, stream=stream) == min(idle, one_try)


@pytest.mark.parametrize("commit", [FIRST, EVENTS, AFTER, WHOLE])
def test_the_service_speaks_before_envoy_does(commit):
    """A provider that sent its headers and then nothing: the error, or the next attempt, is the service's to make."""
    timed = model(commit)
    assert idle_timeout(timed, stream=True) > timed.first_token_timeout
    assert try_timeout(timed, stream=True) >= timed.first_token_timeout
    assert idle_timeout(model(FIRST), stream=True) > timed.stall_timeout


@pytest.mark.parametrize("commit", [FIRST, EVENTS, AFTER, WHOLE])
def test_what_is_withheld_is_not_cut_for_being_withheld(commit):
    """Envoy sees none of it pass, so it counts it all as silence."""
    timed = model(commit, stall_timeout=1.0)
    assert idle_timeout(timed, stream=True) >= try_timeout(timed, stream=True)


@pytest.mark.parametrize(("idle", "name"), [(61.0, "idle-61000"), (1.5, "idle-1500"), (0.0014, "idle-1")])
def test_a_route_is_named_by_its_idle_timeout(idle, name):
    assert route_class(idle) == name


def test_a_catalogue_has_the_routes_that_its_models_need():
    snapshot = load_text(
        """
providers: {p: {dialect: openai, base_url: http://127.0.0.1:1/v1, api_key: k}}
models:
  a: {targets: [{provider: p}], first_token_timeout: 10s, stall_timeout: 60s, timeout: 600s}
  b: {targets: [{provider: p}], first_token_timeout: 20s, stall_timeout: 60s, timeout: 600s}
  c: {targets: [{provider: p}], first_token_timeout: 90s, stall_timeout: 60s, timeout: 30s}
""",
        source="test",
        env={},
    )
    classes = route_classes(snapshot)
    assert classes == {"idle-31000": 31.0, "idle-61000": 61.0, "idle-91000": 91.0, "idle-601000": 601.0}
    assert list(classes.values()) == sorted(classes.values())
    for each in snapshot.models.values():
        for stream in (False, True):
            assert route_class(idle_timeout(each, stream=stream)) in classes
