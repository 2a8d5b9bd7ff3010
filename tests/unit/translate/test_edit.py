"""Edits touch the named top-level members and nothing else."""

from collections.abc import Callable

import orjson
import pytest

from extproc.domain.errors import MalformedJson
from extproc.translate.edit import DELETE, Changes, check_once, edit_members
from tests.effort import growth, lines

MODEL: Changes = {"model": "gpt-4o-mini"}


def edited_both_ways(document: bytes, changes: Changes) -> bytes:
    """By search and by scan, which must agree."""
    by_scan = edit_members(document, changes)
    by_search = edit_members(document, changes, parsed=orjson.loads(document.removeprefix(b"\xef\xbb\xbf")))
    assert by_scan == by_search
    return by_scan


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(b'{"model":"a"}', b'{"model":"gpt-4o-mini"}', id="alone"),
        pytest.param(
            b' {\n  "n" : 1.0 ,\n  "model" : "a" ,\n  "t" : 1e5\n}\n',
            b' {\n  "n" : 1.0 ,\n  "model" : "gpt-4o-mini" ,\n  "t" : 1e5\n}\n',
            id="white space and number spellings",
        ),
        pytest.param(
            b'{"i":123456789012345678901234567890,"model":"a","f":-0.0E+01}',
            b'{"i":123456789012345678901234567890,"model":"gpt-4o-mini","f":-0.0E+01}',
            id="numbers beyond 64 bits",
        ),
        pytest.param(
            b'\xef\xbb\xbf{"model":"a","x":"\xc3\xa9 \\u00e9"}',
            b'\xef\xbb\xbf{"model":"gpt-4o-mini","x":"\xc3\xa9 \\u00e9"}',
            id="byte order mark, two spellings of one letter",
        ),
        pytest.param(
            b'\xef\xbb\xbf{"a":{"model":1},"model":"a"}',
            b'\xef\xbb\xbf{"a":{"model":1},"model":"gpt-4o-mini"}',
            id="byte order mark, nested member of that name",
        ),
        pytest.param(
            b'{"a":{"model":1},"model":"a","model#0":1}',
            b'{"a":{"model":1},"model":"gpt-4o-mini","model#0":1}',
            id="a name like the search's own marks",
        ),
        pytest.param(
            b'{"a":[' + b'{"model":1},' * 40 + b'0],"model":"a"}',
            b'{"a":[' + b'{"model":1},' * 40 + b'0],"model":"gpt-4o-mini"}',
            id="many nested members of that name",
        ),
        pytest.param(
            b'{"a":{"model":"in"},"b":[{"model":1}],"model":"a"}',
            b'{"a":{"model":"in"},"b":[{"model":1}],"model":"gpt-4o-mini"}',
            id="nested members of that name",
        ),
        pytest.param(
            b'{"mod\\u0065l":"a","a":{"model":"in"}}',
            b'{"mod\\u0065l":"gpt-4o-mini","a":{"model":"in"}}',
            id="key written with an escape",
        ),
        pytest.param(
            b'{"s":"\\"model\\":\\"x\\"","t":"\\"model","u":"\\\\","model":"a"}',
            b'{"s":"\\"model\\":\\"x\\"","t":"\\"model","u":"\\\\","model":"gpt-4o-mini"}',
            id="the text inside strings",
        ),
        pytest.param(
            b'{"x":"model","y":["model"],"model":"a"}',
            b'{"x":"model","y":["model"],"model":"gpt-4o-mini"}',
            id="the name as a value",
        ),
        pytest.param(b'{"x":1}', b'{"model":"gpt-4o-mini","x":1}', id="new member goes to the front"),
        pytest.param(b"{}", b'{"model":"gpt-4o-mini"}', id="empty object"),
        pytest.param(b" { } ", b' {"model":"gpt-4o-mini" } ', id="empty object with space"),
        pytest.param(b'{"model":{"a":[1,{}]},"b":2}', b'{"model":"gpt-4o-mini","b":2}', id="object replaced"),
        pytest.param(b'{"model":null}', b'{"model":"gpt-4o-mini"}', id="null replaced"),
    ],
)
def test_model_is_replaced_and_all_else_kept(document: bytes, expected: bytes):
    assert edited_both_ways(document, MODEL) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b'{"x":1,"y":2,"z":3}', b'{"y":2,"z":3}'),
        (b'{"y":2,"x":1}', b'{"y":2}'),
        (b'{ "y" : 2 , "x" : 1 }', b'{ "y" : 2 }'),
        (b'{"x":[1,2]}', b"{}"),
        (b'{ "x": 1 }', b"{  }"),
        (b'{"y":2}', b'{"y":2}'),
        (b'{"y":2,"x":1,"w":0}', b'{"y":2}'),
        (b'{"x":1,"w":0}', b"{}"),
        (b'{"x":1,"y":2,"w":0}', b'{"y":2}'),
    ],
)
def test_members_are_taken_out_with_their_comma(document: bytes, expected: bytes):
    assert edited_both_ways(document, {"x": DELETE, "w": DELETE}) == expected


def test_several_changes_at_once():
    document = b'{"a": 1, "model": "m", "gone": {"x": []}, "stream": true}'
    changes: Changes = {"stream": False, "gone": DELETE, "model": "n", "stream_options": {"include_usage": True}}
    assert (
        edited_both_ways(document, changes)
        == b'{"stream_options":{"include_usage":true},"a": 1, "model": "n", "stream": false}'
    )


def test_put_in_while_the_last_member_goes():
    assert edited_both_ways(b'{"x":1}', {"x": DELETE, "y": 2}) == b'{"y":2}'


@pytest.mark.parametrize(
    "document",
    [
        b'{"model":1,"model":2}',
        b'{"model":1,"a":{},"m\\u006fdel":2}',
        b'{"\\u006d\\u006f\\u0064\\u0065\\u006c":1,"model":2}',
    ],
)
def test_a_name_that_occurs_twice_is_refused(document: bytes):
    for parsed in (None, orjson.loads(document)):
        with pytest.raises(MalformedJson, match="model") as caught:
            edit_members(document, MODEL, parsed=parsed)
        assert caught.value.param == "model"


def test_other_names_may_occur_twice():
    assert edited_both_ways(b'{"a":1,"a":2,"model":3}', {"model": 4}) == b'{"a":1,"a":2,"model":4}'


def test_unpaired_surrogates_in_other_members_survive():
    document = b'{"\\ud800":"\\udfff \\ud800","model":"a"}'
    assert edit_members(document, MODEL) == b'{"\\ud800":"\\udfff \\ud800","model":"gpt-4o-mini"}'


def test_a_new_name_is_written_as_json():
    assert edited_both_ways(b"{}", {'q"é': "\n"}) == '{"q\\"é":"\\n"}'.encode()


def test_no_changes_no_difference():
    assert edited_both_ways(b'{"a":1 }', {}) == b'{"a":1 }'


@pytest.mark.parametrize("document", [b"", b"[]", b'"model"', b'{"a":[1', b'{"a":1 "b":2}', b'{"a":"x'])
def test_what_is_no_object_is_refused(document: bytes):
    with pytest.raises(MalformedJson):
        edit_members(document, {"a": 1, "model": 2})


def image_body(size: int) -> bytes:
    image = "QUJD" * (size // 4)
    content = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}}]
    return orjson.dumps({"messages": [{"role": "user", "content": content}], "model": "vision"})


@pytest.mark.parametrize("path", ["search", "scan"])
def test_ten_megabytes_are_no_more_work_than_ten_kilobytes(path: str):
    """No loop over bytes in Python."""

    def work(size: int) -> int:
        document = image_body(size)
        parsed = orjson.loads(document) if path == "search" else None
        assert edit_members(document, MODEL, parsed=parsed).endswith(b'"model":"gpt-4o-mini"}')
        return lines(lambda: edit_members(document, MODEL, parsed=parsed))

    assert work(10_000_000) == work(10_000)


@pytest.mark.parametrize("filler", [rb"\"", rb"\\", rb"\"model\":", rb"\u0065", b":"])
def test_no_text_makes_it_slow(filler: bytes):
    """Megabytes of escapes, the slowest input for a reader of strings, stay linear: 32 times, where a square is 1,024."""

    def edit(size: int) -> Callable[[], object]:
        document = b'{"model":"a","text":"' + filler * (size // len(filler)) + b'"}'
        return lambda: edited_both_ways(document, MODEL)

    assert growth(edit(200_000), edit(6_400_000)) < 200


@pytest.mark.parametrize(
    "document",
    [
        b'{"model":"a","model":"b"}',
        b'{"model":"a","x":{"model":"c"},"model":"a"}',
        b'{"mod\\u0065l":"a","model":"b"}',
    ],
)
def test_a_name_that_occurs_twice_is_found(document):
    with pytest.raises(MalformedJson, match="twice"):
        check_once(document, "model", orjson.loads(document))


@pytest.mark.parametrize(
    "document",
    [
        b'{"model":"a"}',
        b'{"x":{"model":"b"},"model":"a","y":"\\"model\\": 1"}',
        b'{"mod\\u0065l":"a"}',
    ],
)
def test_a_name_that_occurs_once_passes(document):
    check_once(document, "model", orjson.loads(document))
