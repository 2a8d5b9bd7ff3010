"""Every pair's work is the work that it says it is, and the table shows all of them."""

import pytest

from extproc.translate.pairs import PAIRS
from tests.bench import pairs, report
from tests.bench.pairs import PairCost

TURNLESS = {(client, "openai-completions") for client, _ in PAIRS if client != "openai-completions"}


@pytest.mark.parametrize(("client", "spoken"), PAIRS)
def test_the_conversation_is_translated_and_so_are_its_answers(client: str, spoken: str):
    request = pairs._request(client, spoken)
    assert (request is None) == ((client, spoken) in TURNLESS)
    if request is not None:
        assert request().count(b"castle") == 4 * pairs.TURNS  # asked for once a turn, and promised thrice
    assert b"castle" in pairs._answer(client, spoken)().body
    stream, chunks = pairs._stream(client, spoken)
    assert chunks > 300
    steps = stream()
    assert len(steps) == chunks
    assert b"word 299 " in b"".join(step.data for step in steps)


def test_the_table_has_every_pair_and_names_the_worst_first():
    costs = [
        PairCost("openai-chat", "openai", 30.0, 20.0, 7.0),
        PairCost("openai-chat", "gemini", 600.0, 40.0, 9.0),
        PairCost("gemini", "openai", None, 30.0, 12.5),
        PairCost("gemini", "gemini", 20.0, 10.0, 8.0),
    ]
    lines = list(report.pairs_table(costs))
    assert [line.split() for line in lines if line.startswith("  gemini")] == [
        ["gemini", "-", "20.0"],
        ["gemini", "30.0", "10.0"],
        ["gemini", "12.5", "8.0"],
    ]
    worst = [line for line in lines if line.startswith("  worst:")]
    assert worst[0] == "  worst: openai-chat > gemini 600, openai-chat > openai 30, gemini > gemini 20"
    assert worst[2].startswith("  worst: gemini > openai 12")


def test_no_figures_are_no_table():
    assert list(report.pairs_table([])) == []
