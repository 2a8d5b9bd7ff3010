"""Usage over a stream: running totals grow, and the prompt is counted once however its split changes."""

from dataclasses import fields

import pytest

from extproc.domain.usage import Usage


def test_the_prompt_of_a_later_report_takes_the_place_of_the_earlier_one_whole():
    opened = Usage(input=8834)
    closed = Usage(input=18, cache_read=8831, output=426)
    assert opened.merged(closed) == closed
    assert opened.merged(closed).prompt == 8849


def test_a_report_of_the_output_alone_leaves_the_prompt_as_it_was():
    opened = Usage(input=7, cache_read=10, cache_write_1h=5, audio_input=3, audio_cache_read=2, image_input=1, output=1)
    assert opened.merged(Usage(output=15)) == Usage(
        input=7, cache_read=10, cache_write_1h=5, audio_input=3, audio_cache_read=2, image_input=1, output=15
    )


def test_the_details_of_the_prompt_go_with_it():
    opened = Usage(input=100, audio_input=40, image_input=30)
    assert opened.merged(Usage(input=20, cache_read=80, audio_input=40, audio_cache_read=35)) == Usage(
        input=20, cache_read=80, audio_input=40, audio_cache_read=35
    )


@pytest.mark.parametrize(
    "name",
    ["output", "reasoning", "audio_output", "image_output", "accepted_prediction", "rejected_prediction", "web_searches",
     "file_searches", "audio_seconds", "search_units"],
)  # fmt: skip
def test_what_is_produced_or_has_a_fee_never_shrinks(name):
    much, little = Usage(**{name: 5}), Usage(**{name: 3})
    assert much.merged(little) == little.merged(much) == much


def test_two_calls_of_one_answer_add_up():
    one = Usage(*range(1, 1 + len(fields(Usage))))
    assert one.plus(one) == Usage(*(2 * count for count in range(1, 1 + len(fields(Usage)))))
