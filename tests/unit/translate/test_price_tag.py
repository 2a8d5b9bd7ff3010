"""The price tag on an answer: one member more, and every other byte as it came."""

import pytest

from extproc.translate.price_tag import tag_answer, tag_events


@pytest.mark.parametrize(
    ("body", "tagged"),
    [
        (
            b'{ "id":"x", "usage" : {"prompt_tokens":1}, "z":1.0 }',
            b'{ "id":"x", "usage" : {"prompt_tokens":1,"cost":0.0000015}, "z":1.0 }',
        ),
        (b'{"id":"x"}', b'{"id":"x"}'),
        (b'{"usage":null}', b'{"usage":null}'),
        (b"[1]", b"[1]"),
    ],
)
def test_a_whole_answer(body, tagged):
    assert tag_answer(body, 1500) == tagged.replace(b"0.0000015", b"1.5e-6")


def test_the_event_that_tells_the_usage_and_no_other():
    content = b'data: {"choices":[{"delta":{"content":"\\"usage\\""}}],"usage":null}\n\n'
    last = b'event: x\r\ndata: {"choices":[],"usage":{"completion_tokens":2}}\r\n\r\n'
    done = b"data: [DONE]\n\n"
    assert tag_events(content + last + done, 2_000_000_000) == (
        content + last.replace(b":2}", b':2,"cost":2.0}') + done
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b": ping\n\n",
        b'data: {"a":\ndata: "usage"}\n\n',
        b'data: {"type":"message_start","message":{"usage":{}}}\n\n',
    ],
)
def test_what_stays(data):
    assert tag_events(data, 5) == data
