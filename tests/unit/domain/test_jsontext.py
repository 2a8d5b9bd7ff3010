"""JSON that the fast parser reads as something else, or not at all."""

import orjson
import pytest

from extproc.domain.errors import InvalidRequest
from extproc.domain.jsontext import exactly, read_exactly, read_json
from extproc.domain.reading import Fields, kind_of

NESTED = b'{"a":[%s,{"b":%s}],"c":"%s"}'


@pytest.mark.parametrize("digits", ["18446744073709551616", "-9223372036854775809", "1" + "0" * 77])
def test_integers_beyond_64_bits_are_written_as_they_came(digits):
    text = NESTED.replace(b"%s", digits.encode())
    value = read_exactly(text)
    assert orjson.dumps(value) == text
    assert orjson.dumps(read_exactly(text.decode())) == text
    assert kind_of(value["a"][0]) == "a number beyond 64 bits"
    assert value["c"] == digits


@pytest.mark.parametrize("text", ["0", "18446744073709551615", "-9223372036854775808", "12345678901234567890.5", "1e30", "1234567890123456789012E-3", '"12345678901234567890123 , 12345678901234567890123"', '["x",[],{"a":1.0}]'])  # fmt: skip
def test_all_else_is_what_orjson_reads(text):
    parsed = orjson.loads(text)
    assert read_exactly(text) == parsed
    assert repr(read_exactly(text)) == repr(parsed)


def test_readers_of_numbers_take_them_for_numbers():
    fields = Fields(read_exactly(b'{"seed":12345678901234567890123,"top_p":-12345678901234567890123}'))
    assert fields.integer("seed") == 12345678901234567890123
    assert fields.number("top_p") == -1.2345678901234567e22
    with pytest.raises(InvalidRequest, match="seed must be a string, not a number beyond 64 bits"):
        fields.text("seed")


def test_what_has_no_such_integer_is_the_very_same_object():
    parsed = {"id": "12345678901234567890123"}
    assert exactly(orjson.dumps(parsed), parsed) is parsed


def test_what_the_slower_parser_cannot_read_stays_as_it_is():
    text = b"[" * 1020 + b"123456789012345678901" + b"]" * 1020
    parsed = orjson.loads(text)
    assert exactly(text, parsed) is parsed


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r'"\ud83d"', "�"),
        (r'"a\uDE00b"', "a�b"),
        (r'"\ud83d\ude00\ud83d"', "😀�"),
        (r'"\ud83d\ud83d\ude00"', "�😀"),
        (r'"\\ud83d"', "\\ud83d"),
        (r'"\\\ud83d"', "\\�"),
    ],
)
def test_half_a_character_is_replaced(text, read):
    assert read_json(text) == read
    assert read_json(text.encode()) == read


def test_half_a_character_beside_a_large_integer():
    assert orjson.dumps(read_exactly(r'{"\ud800":12345678901234567890123}')) == '{"�":12345678901234567890123}'.encode()


@pytest.mark.parametrize("text", [b"", b"{", b'"\\ud83d', b"nan", b'{"\\ud83d":}', b"\xff", b'"\\\\ud83d" x'])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(orjson.JSONDecodeError):
        read_json(text)
    with pytest.raises(orjson.JSONDecodeError):
        read_exactly(text)
