"""Claims about forms: fields are read, the model is changed, every other byte stays; what is ambiguous is refused."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser

from extproc.domain.errors import InvalidRequest
from extproc.translate.multipart import MAX_FIELD_BYTES, MAX_HEAD_BYTES, MAX_PARTS, edit_model, read_form
from tests.effort import lines

TYPE = "multipart/form-data; boundary=xyz"


def part(name, value, more=b""):
    return b'--xyz\r\nContent-Disposition: form-data; name="%b"\r\n%b\r\n%b\r\n' % (name, more, value)


def file(value, name=b"file"):
    head = b'--xyz\r\nContent-Disposition: form-data; name="%b"; filename="a.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n'
    return head % name + value + b"\r\n"


END = b"--xyz--\r\n"
MODEL = part(b"model", b"transcribe")
SOUND = bytes(range(256)) * 4 + b"\r\n--xy\r\n\r\n--\r\n"
WHOLE = file(SOUND) + MODEL + part(b"stream", b"true") + part(b"response_format", b"json") + END


def sent_by_httpx(**fields):
    """A form as the OpenAI SDK sends it."""
    request = httpx.Request("POST", "http://gateway", data=fields, files={"file": ("a.wav", SOUND, "audio/wav")})
    return request.headers["content-type"], request.read()


async def read_by_starlette(content_type, body):
    """As vLLM and other servers of FastAPI read it: fields, and the bytes of files."""

    async def stream():
        yield body

    form = await MultiPartParser(Headers({"content-type": content_type}), stream()).parse()
    try:
        return {name: v if isinstance(v, str) else await v.read() for name, v in form.multi_items()}
    finally:
        await form.close()


def test_fields_are_read_and_files_are_not():
    assert read_form(TYPE, WHOLE) == {"model": "transcribe", "stream": True, "response_format": "json"}


def test_a_form_of_the_sdks_http_library():
    kind, body = sent_by_httpx(
        model="whisper", stream="false", n="2", prompt="Grüße\r\nzwei", **{"include[]": "logprobs"}
    )
    assert read_form(kind, body) == {"model": "whisper", "stream": False, "n": 2, "prompt": "Grüße\r\nzwei"}
    edited = edit_model(kind, body, "whisper-1")
    assert edited == body.replace(b"\r\n\r\nwhisper\r\n", b"\r\n\r\nwhisper-1\r\n")
    assert len(edited) == len(body) + 2


async def test_a_server_reads_the_same_form_but_for_the_model():
    kind, body = sent_by_httpx(model="whisper", language="de")
    theirs = await read_by_starlette(kind, edit_model(kind, body, "gpt-4o-transcribe"))
    assert theirs == {"model": "gpt-4o-transcribe", "language": "de", "file": SOUND}


async def test_a_model_that_is_not_there_is_put_before_all_else():
    """Azure's clients name it in the path."""
    kind, body = sent_by_httpx(language="de")
    edited = edit_model(kind, body, "whisper-1")
    assert edited.endswith(body)
    assert await read_by_starlette(kind, edited) == {"model": "whisper-1", "language": "de", "file": SOUND}
    assert edit_model(TYPE, b"\r\n" + WHOLE.replace(MODEL, b""), "m").startswith(b"--xyz\r\nContent-Disposition")


@pytest.mark.parametrize(
    "content_type",
    [
        TYPE,
        'multipart/form-data; boundary="xyz"',
        "Multipart/Form-Data;charset=utf-8; BOUNDARY=xyz ",
        "multipart/form-data;boundary=xyz;charset=utf-8",
        'multipart/form-data; boundary=xyz; x="; boundary=abc; ";',
    ],
)
def test_spellings_of_the_content_type(content_type):
    assert read_form(content_type, WHOLE)["model"] == "transcribe"


@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "multipart/mixed; boundary=xyz", "multipart/form-data", "multipart/form-data; boundary=",
     "multipart/form-data; boundary=xyz; boundary=abc", "multipart/form-data; boundary=\u00e9", "multipart/form-data; boundary=x y",
     'multipart/form-data; boundary="\u00e9"', 'multipart/form-data; boundary=" xyz"', f"multipart/form-data; boundary={'x' * 201}"],
)  # fmt: skip
def test_a_missing_boundary_is_refused(content_type):
    with pytest.raises(InvalidRequest, match=r"multipart/form-data|ASCII"):
        read_form(content_type, WHOLE)


@pytest.mark.parametrize(
    "more",
    [
        "boundary=xyz; boundary*=utf-8''abc",
        "boundary*=abc; boundary=xyz",
        "boundary*0=abc; boundary=xyz",
        'x="; boundary=xyz; "; boundary="\\abc"',
        'x="; boundary=xyz; "; boundary=""abc',
        "x=\"; boundary=xyz ;\"; boundary*=utf-8''abc",
        'x="\\"; boundary=xyz; y="; boundary=abc; z=""',
        'x="; boundary=xyz; "; boundary= "\\abc"; y',
        "boundary=xyz; BOUNDARY=abc",
        "boundary=xyz, multipart/form-data; boundary=abc",
        "boundary=xyz(abc)",
        "boundary=xyz; y",
        "boundary = xyz",
        "boundary=xyz\x0b",
        ";boundary=xyz",
    ],
)
def test_a_content_type_that_two_readers_could_read_differently_is_refused(more):
    with pytest.raises(InvalidRequest, match="plain parameters"):
        read_form(f"multipart/form-data; {more}", WHOLE)


@pytest.mark.parametrize("body", [WHOLE[:cut] for cut in (0, 1, 5, 30, 80, 120, len(WHOLE) - 40, len(WHOLE) - 9)])
def test_a_cut_form_is_refused(body):
    for call in (lambda: read_form(TYPE, body), lambda: edit_model(TYPE, body, "m")):
        with pytest.raises(InvalidRequest, match="the form cannot be read"):
            call()


HARMLESS = {
    "no line break at the end": WHOLE.removesuffix(b"\r\n"),
    "a line break at the start": b"\r\n" + WHOLE,
    "an epilogue": WHOLE + b"bye",
    "padding behind a boundary": WHOLE.replace(b"--xyz\r\n", b"--xyz \t\r\n"),
    "an unquoted name": WHOLE.replace(b'name="model"', b"name=model"),
    "an escaped name": WHOLE.replace(b'name="model"', b'name="mo\\del"'),
    "other spelling of headers": WHOLE.replace(b"Content-Disposition: form-data", b"CONTENT-DISPOSITION:FORM-DATA"),
    "a type on the field": WHOLE.replace(b'"model"\r\n', b'"model"\r\nContent-Type: text/plain\r\n'),
    "a plain transfer encoding": WHOLE.replace(b'"model"\r\n', b'"model"\r\nContent-Transfer-Encoding: 8bit\r\n'),
}


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS)
def test_spellings_of_a_form(body):
    assert read_form(TYPE, body)["model"] == "transcribe"
    edited = edit_model(TYPE, body, "m2")
    assert read_form(TYPE, edited)["model"] == "m2"
    assert len(edited) == len(body) + len("m2") - len("transcribe")


def test_an_empty_value_and_one_without_its_blank_line():
    assert read_form(TYPE, part(b"model", b"") + END) == {"model": ""}
    assert edit_model(TYPE, part(b"model", b"") + END, "m") == part(b"model", b"m") + END


AMBIGUOUS = {
    "two models": MODEL + part(b"model", b"other") + END,
    "two models, one unquoted": MODEL + part(b"model", b"x").replace(b'"model"', b"model") + END,
    "two streams": part(b"stream", b"true") * 2 + END,
    "a model that is a file": file(b"transcribe", b"model") + END,
    "a model of a megabyte": part(b"model", b"x" * (MAX_FIELD_BYTES + 1)) + END,
    "a model that is not UTF-8": part(b"model", b"\xff") + END,
    "a stream that is neither": part(b"stream", b"perhaps") + END,
    "the boundary inside a part": MODEL.replace(b"transcribe", b"a--xyz") + END,
    "the boundary behind a bare line feed": MODEL.replace(b"transcribe", b"a\n--xyz\n\n") + END,
    "a longer boundary": MODEL.replace(b"transcribe", b"a\r\n--xyzz\r\nb") + END,
    "bare line feeds": MODEL.replace(b"\r\n", b"\n") + END,
    "a preamble": b"hello\r\n" + WHOLE,
    "something behind the end": WHOLE + MODEL,
    "no headers": b"--xyz\r\n\r\nvalue\r\n" + END,
    "no blank line": b"--xyz\r\nContent-Disposition: form-data\r\n" + END,
    "no name": MODEL.replace(b'; name="model"', b"") + END,
    "two names": MODEL.replace(b'name="model"', b'name="model"; name="x"') + END,
    "another spelling of the name": MODEL.replace(b'name="model"', b"name*=utf-8''model; name=\"x\"") + END,
    "a name that is not closed": MODEL.replace(b'name="model"', b'name="model') + END,
    "an attachment": MODEL.replace(b"form-data", b"attachment") + END,
    "no disposition": MODEL.replace(b"Content-Disposition", b"X-Disposition") + END,
    "two dispositions": MODEL.replace(b'"model"\r\n', b'"model"\r\nContent-Disposition: form-data; name="x"\r\n') + END,
    "a folded header": MODEL.replace(b"; name", b";\r\n name") + END,
    "a blank before the colon": MODEL.replace(b"Disposition:", b"Disposition :") + END,
    "a line that is no header": MODEL.replace(b'"model"\r\n', b'"model"\r\nhello\r\n') + END,
    "base64": MODEL.replace(b'"model"\r\n', b'"model"\r\nContent-Transfer-Encoding: base64\r\n') + END,
    "endless headers": MODEL.replace(b'"model"\r\n', b'"model"\r\nX: ' + b"x" * MAX_HEAD_BYTES + b"\r\n") + END,
    "a name in two pieces": MODEL.replace(b'name="model"', b'name="model"; name*0="x"') + END,
    "a header behind a bare line feed": MODEL
    + part(b"x", b"").replace(b"\r\nContent", b'\r\nX: \nContent-Disposition: form-data; name="model"\r\nContent')
    + END,
    "a header behind a bare carriage return": MODEL.replace(
        b"\r\nContent", b'\r\nX: \rContent-Disposition: form-data; name="x"\r\nContent'
    )
    + END,
    "a header behind a record separator": MODEL.replace(b"\r\nContent", b"\r\nX: \x1eY: z\r\nContent") + END,
    "a name with a zero byte": MODEL.replace(b'"model"', b'"model\x00"') + END,
    "two numbers": part(b"n", b"10") + MODEL + part(b"n", b"1") + END,
    "a number that is a file": file(b"10", b"n") + MODEL + END,
    "a list of numbers": part(b"n[]", b"10") + MODEL + END,
    "a list of models": part(b"model[0]", b"other") + MODEL + END,
    "a model with a blank": part(b"model ", b"other") + MODEL + END,
    "too many parts": part(b"a[]", b"1") * (MAX_PARTS + 1) + END,
}


@pytest.mark.parametrize("body", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_two_readers_could_read_differently_is_refused(body):
    with pytest.raises(InvalidRequest):
        read_form(TYPE, body)


@pytest.mark.parametrize("name", [name for name in AMBIGUOUS if "not UTF-8" not in name and "neither" not in name])
def test_and_not_edited_either(name):
    with pytest.raises(InvalidRequest):
        edit_model(TYPE, AMBIGUOUS[name], "m")


def test_as_many_parts_as_allowed():
    assert read_form(TYPE, part(b"a[]", b"1") * (MAX_PARTS - 1) + MODEL + END) == {"model": "transcribe"}


@pytest.mark.parametrize("name", ["x\r\ny", "axyzb"])
def test_a_model_that_would_break_the_form_is_refused(name):
    with pytest.raises(InvalidRequest):
        edit_model(TYPE, WHOLE, name)


def test_a_long_field_is_passed_on_unread():
    assert read_form(TYPE, part(b"prompt", b"x" * (MAX_FIELD_BYTES + 1)) + MODEL + END) == {"model": "transcribe"}


def test_numbers_and_flags():
    def one(name, value):
        return read_form(TYPE, part(name, value) + END)

    assert one(b"n", b"3") == {"n": 3}
    assert one(b"n", b"three") == {"n": "three"}
    assert one(b"n", "\u0663".encode()) == {"n": "\u0663"}
    assert [one(b"stream", word)["stream"] for word in (b"True", b"1", b"false", b"0", b"")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_large_file_costs_little():
    """A search for the boundary, and one copy: Python does no more for 25 MB than for 25 kB."""

    def work(repeats: int) -> int:
        body = file(bytes(range(256)) * repeats) + MODEL + END
        assert read_form(TYPE, body)["model"] == "transcribe"
        assert len(edit_model(TYPE, body, "m")) == len(body) - 9
        return lines(lambda: (read_form(TYPE, body), edit_model(TYPE, body, "m")))

    assert work(100_000) == work(100)


@given(st.binary(max_size=200))
def test_any_file_stays_as_it_is(data):
    body = file(data) + MODEL + END
    try:
        edited = edit_model(TYPE, body, "m")
    except InvalidRequest:
        assert b"--xyz" in body.replace(END, b"").replace(b"--xyz\r\n", b"", 2)
    else:
        assert edited == file(data) + part(b"model", b"m") + END


@given(st.binary(max_size=300), st.text(max_size=60))
def test_any_bytes_are_a_form_or_a_clear_refusal(data, content_type):
    for kind, body in ((TYPE, b"--xyz" + data), (content_type, data)):
        try:
            read_form(kind, body)
        except InvalidRequest as error:
            refused = error.message
            assert refused
