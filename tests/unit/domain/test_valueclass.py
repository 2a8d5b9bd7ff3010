"""Value types: like frozen dataclasses in all but what they cost to make."""

from dataclasses import fields, replace

import pytest

from extproc.domain.valueclass import valueclass


@valueclass
class Point:
    """With an order."""

    x: int
    y: int = 0


@valueclass(kw_only=True)
class Named:
    """Without one."""

    name: str
    tags: tuple[str, ...] = ()


def test_they_are_compared_hashed_and_shown_by_their_fields():
    assert Point(1) == Point(1, 0) != Point(1, 1)
    assert {Point(1), Point(1, 0), Point(1, 1)} == {Point(1), Point(1, 1)}
    assert repr(Point(1)) == "Point(x=1, y=0)"
    assert [field.name for field in fields(Point)] == ["x", "y"]
    assert replace(Point(1), y=5) == Point(1, 5)
    assert Named(name="n") == Named(name="n", tags=())


def test_they_have_slots_and_take_what_they_were_declared_with():
    with pytest.raises(AttributeError):
        Point(1).z = 3
    with pytest.raises(TypeError):
        Named("n")
