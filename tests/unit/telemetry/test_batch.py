"""What is held back comes to the same as what is added at once."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from extproc.telemetry.batch import Batch, Spread, Tally

VALUES = [0.0, 0.5, 1.0, 1.0001, 2.0, 3.5, 5.0, 100.0, 1.0]


def samples(registry):
    return {
        (s.name, *sorted(s.labels.items())): s.value
        for family in registry.collect()
        for s in family.samples
        if not s.name.endswith("_created")
    }


def test_a_histogram_has_the_same_buckets_count_and_sum():
    """Values on a bound belong to that bound's bucket, as ``observe`` has it."""
    at_once, held = CollectorRegistry(), CollectorRegistry()
    direct = Histogram("h", "h", buckets=(1, 2, 5), registry=at_once)
    batch = Batch(immediate=False)
    spread = Spread(batch, Histogram("h", "h", buckets=(1, 2, 5), registry=held))
    for value in VALUES:
        direct.observe(value)
        spread.observe(value)
    assert samples(held)["h_count",] == 0
    batch.flush()
    assert samples(held) == samples(at_once)
    direct.observe(1.5)
    spread.observe(1.5)
    batch.flush()
    assert samples(held) == samples(at_once)


def test_a_counter_and_a_gauge_are_written_once():
    registry = CollectorRegistry()
    batch = Batch(immediate=False)
    counter, gauge = (
        Tally(batch, Counter("c", "c", registry=registry)),
        Tally(batch, Gauge("g", "g", registry=registry)),
    )
    for amount in (1, 2, 3.5):
        counter.inc(amount)
    gauge.inc()
    gauge.inc()
    gauge.inc(-1)
    assert samples(registry) == {("c_total",): 0, ("g",): 0}
    batch.flush()
    batch.flush()
    assert samples(registry) == {("c_total",): 6.5, ("g",): 1}


def test_nothing_is_held_in_immediate_mode():
    registry = CollectorRegistry()
    Tally(Batch(immediate=True), Counter("c", "c", registry=registry)).inc(2)
    assert samples(registry) == {("c_total",): 2}
