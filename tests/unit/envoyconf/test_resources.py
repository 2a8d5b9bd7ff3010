"""How Envoy spells things."""

import pytest

from extproc.envoyconf.resources import duration, extension, is_ip


@pytest.mark.parametrize(
    ("seconds", "text"), [(61.0, "61s"), (0.25, "0.25s"), (0, "0s"), (1.0004, "1s"), (600, "600s")]
)
def test_durations_are_written_to_the_millisecond(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("host", "expected"),
    [("10.0.0.1", True), ("::1", True), ("localhost", False), ("api.openai.com", False), ("10.0.0.1.example", False)],
)
def test_ip_literals_are_told_from_names(host, expected):
    assert is_ip(host) is expected


def test_an_extension_has_its_name_and_its_typed_configuration():
    assert extension("a.name", "a.b.Message", {"x": 1}) == {
        "name": "a.name",
        "typed_config": {"@type": "type.googleapis.com/a.b.Message", "x": 1},
    }
