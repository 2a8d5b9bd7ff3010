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
        (
            b'{"object":"response", "usage":{"input_tokens":1} ,"x":1}',
            b'{"object":"response", "usage":{"input_tokens":1,"cost":0.0000015} ,"x":1}',
        ),
        (
            b'{"candidates":[], "usageMetadata":{"promptTokenCount":1} }',
            b'{"candidates":[], "usageMetadata":{"promptTokenCount":1,"cost":0.0000015} }',
        ),
        (
            b'{"object":"list", "data":[] ,"usage":{"total_tokens":1}}',
            b'{"object":"list", "data":[] ,"usage":{"total_tokens":1,"cost":0.0000015}}',
        ),
        (b'{"response":{"usage":null}}', b'{"response":{"usage":null}}'),
        (b'{"response":"usage"}', b'{"response":"usage"}'),
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


def test_the_last_event_of_responses_holds_the_answer_and_its_usage():
    created = b'event: response.created\ndata: {"type":"response.created","response":{"id":"r","usage":null}}\n\n'
    last = b'data: {"type":"response.completed", "response":{"id":"r","usage":{"output_tokens":2},"top_p":1.0}}\n\n'
    assert tag_events(created + last, 2_000_000_000) == created + last.replace(b":2}", b':2,"cost":2.0}')


def test_every_event_of_geminis_tells_what_it_has_come_to_so_far():
    event = b'data: {"candidates":[{}],"usageMetadata":{"promptTokenCount":2}}\r\n\r\n'
    assert tag_events(event + event, 500_000_000) == event.replace(b":2}", b':2,"cost":0.5}') * 2
