"""Targets are computed from the figures of the run, and from nothing where there are none."""

from dataclasses import replace

import pytest

from tests.bench.matrix import Summary
from tests.bench.pairs import PairCost
from tests.bench.verdicts import Verdict, event_cost, pair_verdicts, verdicts


def _summary(
    *, rate: float = 1.0, p50: float = 1.0, answers: float = 0.0, events: int = 0, cpu: float = 0.0
) -> Summary:
    return Summary(
        title="",
        rounds=1,
        rate=rate,
        event_rate=0.0,
        p50=p50,
        p99=p50,
        first_p50=0.0,
        cpu={},
        cpu_seconds={"workers": cpu},
        answers=answers,
        events=events,
        events_per_chunk=1.0,
        rss=0,
        errors=0,
        error_samples=(),
        others=0.0,
    )


def test_ratios_are_over_the_same_case_and_added_latency_is_over_envoy_alone():
    rows = {
        "envoy": _summary(rate=9000, p50=1.0),
        "gateway": _summary(rate=1200, p50=3.0),
        "litellm": _summary(rate=100, p50=9.0),
        "portkey": _summary(rate=1000, p50=2.0),
    }
    found = {verdict.what: verdict for verdict in verdicts({"chat-16": rows})}
    rate = found["requests/s over LiteLLM's at concurrency 16"]
    share = found["p50 added to Envoy alone, of LiteLLM's at concurrency 16"]
    portkey = found["requests/s over Portkey's at concurrency 16"]
    assert (rate.value, rate.met) == (12.0, True)
    assert (share.value, share.met) == (0.25, True)
    assert (portkey.value, portkey.met) == (1.2, False)
    assert found["requests/s over LiteLLM's at concurrency 1"].met is None


def test_each_at_its_best_takes_the_most_of_all_numbers_of_clients():
    def rows(gateway: float, litellm: float) -> dict[str, Summary]:
        return {"gateway": _summary(rate=gateway), "litellm": _summary(rate=litellm)}

    results = {"chat-1": rows(400, 90), "chat-16": rows(1600, 230), "chat-64": rows(2300, 200)}
    found = {verdict.what: verdict for verdict in verdicts(results)}
    over = found["requests/s over LiteLLM's, each at its best"]
    assert (over.value, over.met) == (10.0, True)
    assert found["requests/s over Portkey's, each at its best"].met is None
    del results["chat-64"]
    found = {verdict.what: verdict for verdict in verdicts(results)}
    assert found["requests/s over LiteLLM's, each at its best"].met is None, "who knows"


def test_what_meters_cost_is_the_cpu_of_all_processes_of_the_forms():
    def spending(workers: float, **others: float) -> Summary:
        return replace(_summary(), cpu={"workers": workers, "envoy": 0.25, **others})

    rows = {"gateway": spending(0.5), "ledger": spending(0.5, store=0.25), "meters": spending(0.75, store=0.5)}
    found = {verdict.what: verdict for verdict in verdicts({"chat-16": rows})}
    added = found["CPU per request that 5 meters add to the ledger's"]
    over = found["CPU per request with 5 meters, of that with the ledger alone"]
    over_none = found["CPU per request with 5 meters, of that with no ledger"]
    assert (added.value, added.met) == (0.5, False)
    assert (over.value, over.met) == (1.5, False)
    assert (over_none.value, over_none.met) == (2.0, False)
    without = {verdict.what: verdict for verdict in verdicts({"chat-16": {"meters": rows["meters"]}})}
    assert {without[name].met for name in (added.what, over.what, over_none.what)} == {None}


def test_the_cost_of_an_event_leaves_out_that_of_a_stream():
    stream, event = 0.002, 60e-6
    results = {
        "stream-busy-100": {"gateway": _summary(answers=50, events=5000, cpu=50 * stream + 5000 * event)},
        "stream-busy-300": {"gateway": _summary(answers=20, events=6000, cpu=20 * stream + 6000 * event)},
    }
    assert event_cost(results, "gateway", "workers") == pytest.approx(60.0)
    assert event_cost(results, "litellm", "workers") is None


def test_a_figure_that_others_had_a_hand_in_says_so():
    rows = {"gateway": _summary(rate=1200), "litellm": replace(_summary(rate=100), others=0.4)}
    found = {verdict.what: verdict for verdict in verdicts({"chat-1": {**rows, "portkey": _summary(rate=400)}})}
    assert found["requests/s over LiteLLM's at concurrency 1"].disturbed
    assert "disturbed" in str(found["requests/s over LiteLLM's at concurrency 1"])
    assert not found["requests/s over Portkey's at concurrency 1"].disturbed


@pytest.mark.parametrize(
    ("value", "relation", "met", "said"),
    [
        (10.0, ">=", True, "met"),
        (9.99, ">=", False, "not met"),
        (10.01, "<=", False, "not met"),
        (None, "<=", None, "not measured"),
    ],
)
def test_the_target_itself_counts_as_met(value, relation, met, said):
    verdict = Verdict("it", value, relation, 10.0)
    assert verdict.met is met
    assert str(verdict).endswith(f":  {said}")


def test_translation_is_judged_by_its_worst_pair():
    costs = [
        PairCost("a", "b", 400.0, 1.0, 9.0),
        PairCost("a", "c", 1200.0, 1.0, 8.0),
        PairCost("b", "c", None, 1.0, 7.0),
    ]
    request, chunk = pair_verdicts(costs)
    assert (request.value, request.met) == (1200.0, False)
    assert "a > c" in request.what
    assert (chunk.value, chunk.met) == (9.0, True)
    assert "a > b" in chunk.what
    assert [verdict.met for verdict in pair_verdicts([])] == [None, None]
