"""W3C trace context: what is well-formed is kept to the bit, what is not is ignored."""

import pytest

from extproc.telemetry.traceparent import parse, render

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize("flags", ["00", "01", "03"])
def test_a_header_survives_the_way_in_and_out(flags):
    header = f"00-{TRACE}-{SPAN}-{flags}"
    assert render(parse(header)) == header


def test_the_parent_is_somebody_elses_span():
    assert parse(f"00-{TRACE}-{SPAN}-01").is_remote


def test_a_later_version_may_say_more():
    context = parse(f"01-{TRACE}-{SPAN}-01-what-comes-later")
    assert (f"{context.trace_id:032x}", f"{context.span_id:016x}") == (TRACE, SPAN)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "garbage",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n00-{TRACE}-{SPAN}-01",
        f"\N{ARABIC-INDIC DIGIT ZERO}0-{TRACE}-{SPAN}-01",
        "00-" * 100_000,
    ],
)
def test_anything_else_is_no_parent(header):
    assert parse(header) is None
