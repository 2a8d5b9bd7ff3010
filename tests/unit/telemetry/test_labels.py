"""However many names come, the number of label values stays bounded."""

from extproc.telemetry.labels import OTHER, Bounded


def test_names_past_the_limit_share_one_value():
    bounded = Bounded(3)
    assert [bounded(name) for name in ("a", "b", "c", "d", "e")] == ["a", "b", "c", OTHER, OTHER]


def test_names_within_the_limit_keep_theirs():
    bounded = Bounded(1)
    bounded("a")
    bounded("b")
    assert bounded("a") == "a"


def test_no_name_is_empty_and_takes_no_place():
    bounded = Bounded(1)
    assert (bounded(None), bounded("a"), bounded(None)) == ("", "a", "")


def test_long_names_are_cut():
    assert len(Bounded(1)("x" * 10_000)) == 128


def test_memory_is_bounded_too():
    bounded = Bounded(10)
    for number in range(1_000):
        bounded(str(number))
    assert len(bounded._known) == 11
