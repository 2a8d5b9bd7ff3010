"""Claims about requests that keep their bytes but for the model, and about what is taken down of their answers."""

import orjson
import pytest
from openai.types import CreateEmbeddingResponse, ImagesResponse, ModerationCreateResponse
from openai.types.audio import Transcription, TranscriptionVerbose

from extproc.domain.errors import InvalidRequest, MalformedJson, ProviderBadAnswer, ProviderRateLimited
from extproc.domain.usage import Usage
from extproc.translate.operations.base import OperationJob
from extproc.translate.operations.table import OPERATIONS

OPENAI = ("openai", "azure-openai")
OPENAIS = [
    "embeddings", "moderations", "images", "images-edits", "images-variations", "speech", "transcriptions",
    "translations", "files", "batches", "count-tokens-responses",
]  # fmt: skip
FORMS = {"images-edits", "images-variations", "transcriptions", "translations"}
FORM = "multipart/form-data; boundary=b"


def form(**fields):
    parts = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), value)
        for name, value in fields.items()
    )
    return parts + b"--b--\r\n"


def ask(operation, body, dialect="openai", *, content_type="", edits=None):
    parsed = orjson.loads(body) if not content_type else {"stream": b"stream" in body}
    return OPERATIONS[operation, dialect].request(body, parsed, OperationJob("real", content_type, edits=edits or {}))


def answer(operation, value, dialect="openai"):
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    translated = OPERATIONS[operation, dialect].answer(body, model="real", request={})
    assert translated.body == body
    return translated


def test_who_offers_what():
    """Rerank is not Azure's; count-tokens has a test of its own."""
    wanted = {(name, dialect) for name in OPENAIS for dialect in OPENAI}
    wanted |= {("embeddings", name) for name in ("gemini", "vertex-gemini", "cohere", "bedrock")}
    wanted |= {("rerank", name) for name in ("openai", "cohere", "bedrock")}
    counts = {key for key in OPERATIONS if key[0].startswith("count-tokens")}
    assert set(OPERATIONS) - counts == wanted - counts
    assert {key for key in wanted if key[0].startswith("count-tokens")} <= counts


BODY = b'{ "input" :["caf\\u00e9",1.0e0], "model"\t:"catalogue name" , "tomorrow":{"model":-0.0},"big":12345678901234567890123 }'


@pytest.mark.parametrize("operation", ["embeddings", "moderations", "images", "speech", "count-tokens-responses"])
@pytest.mark.parametrize("dialect", OPENAI)
def test_a_json_body_keeps_every_byte_but_the_models(operation, dialect):
    assert ask(operation, BODY, dialect).body == BODY.replace(b'"catalogue name"', b'"real"')


def test_a_model_that_the_path_had_named_is_put_in():
    assert ask("moderations", b'{"input":"x"}').body == b'{"model":"real","input":"x"}'


def test_edits_are_made():
    assert ask("images", b'{"model":"x","n":4}', edits={"n": 1}).body == b'{"model":"real","n":1}'


@pytest.mark.parametrize(
    "body",
    [b'{"model":"a","model":"b"}', b'{"model":"a","stream":false,"stream":true}', b'{"model":"a","stream_format":"audio","str\\u0065am_format":"sse"}'],
)  # fmt: skip
def test_what_two_readers_could_read_differently_is_refused(body):
    with pytest.raises(MalformedJson):
        ask("speech", body)


@pytest.mark.parametrize("name", ["stream", "stream_format"])
@pytest.mark.parametrize("value", [1, [], orjson.loads(b"[" * 900 + b"]" * 900)])
def test_what_decides_on_the_form_of_the_answer_must_be_plain(name, value):
    with pytest.raises(InvalidRequest) as caught:
        OPERATIONS["speech", "openai"].request(b"{}", {"model": "x", name: value}, OperationJob("m"))
    assert caught.value.param == name


@pytest.mark.parametrize("operation", sorted(FORMS))
def test_a_form_keeps_every_byte_but_the_models(operation):
    body = form(file=bytes(range(200)), model=b"catalogue name", x=b"1")
    assert ask(operation, body, content_type=FORM).body == form(file=bytes(range(200)), model=b"real", x=b"1")


def test_a_form_that_is_none_is_refused():
    with pytest.raises(InvalidRequest):
        ask("transcriptions", b"--b\r\n", content_type=FORM)


def test_pictures_may_be_edited_with_json_too():
    """openai.types.image_edit_params: images by URL or file id."""
    body = b'{"model":"x","images":[{"file_id":"f"}],"stream":true}'
    translated = ask("images-edits", body)
    assert translated.body == body.replace(b'"x"', b'"real"')
    assert translated.opaque


@pytest.mark.parametrize(
    ("operation", "parsed", "opaque"),
    [
        ("embeddings", {}, False),
        ("images", {}, False),
        ("images", {"stream": False}, False),
        ("images", {"stream": True}, True),
        ("images-edits", {"stream": True}, True),
        ("speech", {}, True),
        ("transcriptions", {}, False),
        ("transcriptions", {"response_format": "json"}, False),
        ("transcriptions", {"response_format": "verbose_json"}, False),
        ("transcriptions", {"response_format": "diarized_json"}, False),
        ("transcriptions", {"response_format": "text"}, True),
        ("transcriptions", {"response_format": "srt", "stream": False}, True),
        ("translations", {"response_format": "vtt"}, True),
        ("transcriptions", {"response_format": ["text"]}, False),
        ("transcriptions", {"response_format": "json", "stream": True}, True),
        ("files", {}, True),
        ("batches", {}, True),
    ],
)
def test_which_answers_are_passed_on_as_they_come(operation, parsed, opaque):
    content_type, body = (FORM, form(model=b"x")) if operation in FORMS else ("", b'{"model":"x"}')
    assert OPERATIONS[operation, "openai"].request(body, parsed, OperationJob("real", content_type)).opaque is opaque


def test_files_are_untouched():
    body = b"\xff anything"
    assert OPERATIONS["files", "openai"].request(body, {}, OperationJob("files", "text/plain")).body == body
    assert answer("files", b"\xff\x00").usage == Usage()
    assert answer("batches", b'{"id":"batch_1"}').response_model == "real"


EMBEDDED = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}],
    "model": "text-embedding-3-small",
    "usage": {"prompt_tokens": 8, "total_tokens": 8},
}
MODERATED = {"id": "modr-1", "model": "omni-moderation-latest", "results": []}
IMAGES = {
    "created": 1713833628,
    "data": [{"b64_json": "aGk="}],
    "usage": {
        "total_tokens": 100,
        "input_tokens": 50,
        "output_tokens": 50,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
        "output_tokens_details": {"text_tokens": 2, "image_tokens": 48},
    },
}
HEARD = {
    "text": "Hi",
    "usage": {
        "type": "tokens",
        "input_tokens": 14,
        "input_token_details": {"text_tokens": 4, "audio_tokens": 10},
        "output_tokens": 45,
        "total_tokens": 59,
    },
}
VERBOSE = {
    "task": "transcribe", "language": "english", "duration": 8.47, "text": "Hi", "usage": {"type": "duration", "seconds": 8.47}
}  # fmt: skip

ANSWERS = {
    "embeddings": ("embeddings", EMBEDDED, CreateEmbeddingResponse, Usage(input=8)),
    "moderations": ("moderations", MODERATED, ModerationCreateResponse, Usage()),
    "images": ("images", IMAGES, ImagesResponse, Usage(input=50, output=50, image_input=40, image_output=48)),
    "edited images": (
        "images-edits",
        IMAGES,
        ImagesResponse,
        Usage(input=50, output=50, image_input=40, image_output=48),
    ),
    "DALL-E": ("images-variations", {"created": 1, "data": [{"url": "https://x.test/1"}]}, ImagesResponse, Usage()),
    "a transcription": ("transcriptions", HEARD, Transcription, Usage(input=14, output=45, audio_input=10)),
    "Whisper": ("transcriptions", VERBOSE, TranscriptionVerbose, Usage(audio_seconds=9)),
    "a translation": ("translations", {"text": "Hi"}, Transcription, Usage()),
}


@pytest.mark.parametrize(("operation", "value", "kind", "usage"), ANSWERS.values(), ids=ANSWERS)
def test_usage_of_a_whole_answer(operation, value, kind, usage):
    kind.model_validate(value, strict=True)
    assert answer(operation, value).usage == usage


def test_names_of_the_answer():
    translated = answer("moderations", MODERATED)
    assert (translated.response_id, translated.response_model) == ("modr-1", "omni-moderation-latest")
    assert translated.finish_reason is None
    assert answer("images", IMAGES).response_model == "real"


RERANKED = {
    "vLLM": ({"usage": {"total_tokens": 56}}, Usage(input=56)),
    "Jina": ({"usage": {"prompt_tokens": 50, "total_tokens": 56}}, Usage(input=50)),
    "Together": ({"usage": {"prompt_tokens": 50, "completion_tokens": 0, "total_tokens": 50}}, Usage(input=50)),
    "a server of Cohere's": ({"meta": {"billed_units": {"search_units": 1}}}, Usage(search_units=1)),
    "both": (
        {"usage": {"total_tokens": 7}, "meta": {"billed_units": {"search_units": 1, "input_tokens": 5.0}}},
        Usage(input=7, search_units=1),
    ),
    "neither": ({}, Usage()),
}


@pytest.mark.parametrize(("said", "usage"), RERANKED.values(), ids=RERANKED)
def test_rerank_of_a_compatible_server(said, usage):
    body = b'{"model":"x","query":"q","documents":["a",{"text":"b"}],"return_documents":true,"tomorrow":1.0}'
    assert ask("rerank", body).body == body.replace(b'"x"', b'"real"')
    assert answer("rerank", {"results": [{"index": 0, "relevance_score": 0.5}], **said}).usage == usage


@pytest.mark.parametrize("value", [b"", b"<html>", b"[]", b"3", b"{}", b'{"detail":"x"}', b'{"error":null}'])
@pytest.mark.parametrize(
    "operation", ["embeddings", "moderations", "images", "transcriptions", "count-tokens-responses"]
)
def test_what_is_no_answer(operation, value):
    with pytest.raises(ProviderBadAnswer):
        answer(operation, value)


def test_an_error_in_a_200_is_that_error():
    with pytest.raises(ProviderRateLimited, match="slow"):
        answer("embeddings", {"error": {"message": "slow down", "code": "rate_limit_exceeded"}})


@pytest.mark.parametrize(
    "usage",
    [3, "x", [], {}, {"type": "duration"}, {"type": "duration", "seconds": -1}, {"type": "duration", "seconds": "9"},
     {"input_tokens": "x", "output_tokens": None}, {"input_tokens": -1}, {"input_tokens": 1e300}, {"output_tokens": 0, "input_tokens_details": 3}],
)  # fmt: skip
def test_usage_that_is_none_counts_nothing(usage):
    assert answer("images", {"data": [], "usage": usage}).usage == Usage()


def test_cached_input_of_pictures():
    usage = {"input_tokens": 50, "output_tokens": 1, "input_tokens_details": {"cached_tokens": 30, "image_tokens": 99}}
    assert answer("images", {"data": [], "usage": usage}).usage == Usage(
        input=20, cache_read=30, output=1, image_input=50
    )
