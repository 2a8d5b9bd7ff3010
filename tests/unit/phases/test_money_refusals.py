"""Requests that never come as far as a provider hold nothing."""

import pytest

from extproc.domain.meters import Window
from extproc.phases.events import ResponseTrailers


@pytest.fixture
def meters(world, meter):
    made = meter("usd", 10**12), meter("requests", 100), meter("concurrent", 10, Window("now"))
    world.key(meters=made)
    world.priced()
    return made


def test_a_request_that_is_refused_before_the_meters_holds_nothing(world, meters):
    world.chat("never-heard-of")
    world.leave()
    world.settle()
    assert world.ledger.books.counters.counters == {}


def test_a_body_that_never_comes(world, meters):
    world.admit()
    world.leave()
    world.settle()
    assert (world.events, world.ledger.books.counters.counters) == ([], {})


def test_admission_that_sees_a_reply_before_it_was_asked(world, meters):
    world.admit()
    world.answer(400)
    world.leave()
    world.settle()
    assert (world.events, world.ledger.books.counters.counters) == ([], {})


def test_what_envoy_must_not_send_ends_the_hold(world, meters):
    world.chat(max_tokens=300)
    (refusal,) = world.admission.handle(ResponseTrailers())
    assert refusal.status == 500
    world.leave()
    world.settle()
    assert [(world.stand(one).settled, world.stand(one).held) for one in meters] == [(0, 0)] * 3
