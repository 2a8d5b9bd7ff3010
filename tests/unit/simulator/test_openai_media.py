"""OpenAI's embeddings, moderations, images, audio, and the rerank of OpenAI-compatible servers, judged by the official SDK."""

import base64
import io
import zlib
from typing import get_type_hints

import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError
from openai.types import (
    ImageEditStreamEvent,
    ImageGenStreamEvent,
    ImagesResponse,
    ModerationCreateResponse,
    image_edit_params,
    image_generate_params,
    moderation_create_params,
)
from openai.types.audio import (
    TranscriptionDiarized,
    TranscriptionStreamEvent,
    TranscriptionVerbose,
    TranslationVerbose,
    speech_create_params,
    transcription_create_params,
    translation_create_params,
)
from pydantic import TypeAdapter

from extproc.simulator.openai import images, moderations, speech, transcripts
from extproc.simulator.server import Server
from extproc.simulator.tokens import prompt_tokens

RECORDING = ("talk.wav", b"echo: hello there", "audio/wav")
PICTURE = ("a.png", base64.b64decode(images.PICTURE), "image/png")


def bill(simulator: Server) -> tuple[int, int]:
    record = simulator.recorder.requests[-1]
    return record.input_tokens, record.output_tokens


async def test_embeddings_are_billed_and_checked(openai: AsyncOpenAI, simulator: Server):
    answer = await openai.embeddings.create(model="e", input=[[1, 2, 3], [4]], dimensions=4)
    assert answer.usage.total_tokens == 4
    assert bill(simulator) == (4, 0)
    scripted = await openai.embeddings.create(model="e@input_tokens=99", input="x")
    assert scripted.usage.prompt_tokens == 99
    most = await openai.embeddings.create(model="e@most=true", input=["zwölf", "x"])
    assert most.usage.prompt_tokens == 7
    for wrong in ("", [], ["a", 3], [[]], [""]):
        with pytest.raises(BadRequestError):
            await openai.embeddings.create(model="e", input=wrong)
    assert (await openai.models.retrieve("ft:gpt-4o")).id == "ft:gpt-4o"


async def test_moderations(openai: AsyncOpenAI, post):
    answer = await openai.moderations.create(input=["hello", "Violence!"])
    assert [result.flagged for result in answer.results] == [False, True]
    assert answer.results[1].categories.violence
    assert not answer.results[1].categories.hate
    parts = [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]
    document = (await post("/v1/moderations", {"model": "omni-moderation-latest", "input": parts})).json
    judged = ModerationCreateResponse.model_validate(document)
    assert judged.results[0].category_applied_input_types.violence == ["text", "image"]
    assert judged.results[0].category_applied_input_types.hate == ["text"]
    assert (await post("/v1/moderations", {"input": [{"type": "audio"}]})).status == 400
    assert (await post("/v1/moderations", {"input": "x", "extra": 1})).status == 400


async def test_images(openai: AsyncOpenAI, post, simulator: Server):
    options = {"prompt": "a boat", "model": "gpt-image-1", "n": 2, "quality": "low", "size": "1024x1536"}
    answer = await openai.images.generate(**options)
    picture = base64.b64decode(answer.data[1].b64_json)
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    at = picture.index(b"IDAT")
    size = int.from_bytes(picture[at - 4 : at], "big")
    assert zlib.decompress(picture[at + 4 : at + 4 + size]) == b"\0\0"
    assert answer.usage.output_tokens == 2 * images.TOKENS["low"]["1024x1536"]
    assert answer.usage.input_tokens_details.text_tokens == prompt_tokens("a boat")
    assert bill(simulator) == (answer.usage.input_tokens, answer.usage.output_tokens)
    ImagesResponse.model_validate((await post("/v1/images/generations", options)).json)


async def test_images_of_older_models(openai: AsyncOpenAI, simulator: Server):
    by_url = await openai.images.generate(prompt="a boat", model="dall-e-3")
    assert by_url.data[0].url.startswith("https://")
    assert by_url.data[0].revised_prompt
    assert by_url.usage is None
    inside = await openai.images.generate(prompt="a boat", model="dall-e-2", n=2, response_format="b64_json")
    assert [one.b64_json for one in inside.data] == [images.PICTURE] * 2
    assert bill(simulator) == (0, 0)


async def test_images_in_a_stream(openai: AsyncOpenAI, post, simulator: Server):
    options = {"prompt": "a boat", "model": "gpt-image-1", "partial_images": 2, "quality": "medium", "stream": True}
    events = [event async for event in await openai.images.generate(**options)]
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    assert events[-1].usage.output_tokens == 1056 + 2 * images.PARTIAL_TOKENS
    assert simulator.recorder.requests[-1].output_tokens_sent == events[-1].usage.output_tokens
    adapter = TypeAdapter(ImageGenStreamEvent)
    for line in (await post("/v1/images/generations", options)).data:
        adapter.validate_json(line)


async def test_edits_of_images(openai: AsyncOpenAI, simulator: Server):
    answer = await openai.images.edit(
        image=[PICTURE, PICTURE], mask=PICTURE, prompt="more sky", model="gpt-image-1@output_tokens=5", n=1
    )
    assert answer.usage.input_tokens_details.image_tokens == 2 * images.INPUT_IMAGE_TOKENS
    assert answer.usage.output_tokens == 5
    assert simulator.recorder.requests[-1].model == "gpt-image-1"
    stream = await openai.images.edit(image=PICTURE, prompt="more sky", stream=True, partial_images=1)
    events = [event async for event in stream]
    adapter = TypeAdapter(ImageEditStreamEvent)
    assert [adapter.validate_python(event.model_dump()).type for event in events] == [
        "image_edit.partial_image",
        "image_edit.completed",
    ]
    with pytest.raises(BadRequestError, match="unsupported mimetype"):
        await openai.images.edit(image=("a.txt", b"x", "text/plain"), prompt="x")
    with pytest.raises(BadRequestError, match="expected an integer, but got a string"):
        await openai.images.edit(image=PICTURE, prompt="x", extra_body={"n": "two"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prompt": None}, "Missing required parameter: 'prompt'"),
        ({"seed": 1}, "Unrecognized request argument supplied: seed"),
        ({"response_format": "url"}, "Unknown parameter: 'response_format'"),
        ({"quality": "ultra"}, "Invalid value: 'ultra'"),
        ({"n": 11}, "Expected a value <= 10"),
        ({"model": "dall-e-3", "n": 2}, "n=1"),
        ({"model": "dall-e-2", "stream": True}, "not supported"),
    ],
)
async def test_refusals_of_images(post, change, words):
    body = {"prompt": "x", "model": "gpt-image-1", **change}
    wire = await post("/v1/images/generations", {name: value for name, value in body.items() if value is not None})
    assert wire.status == 400
    assert words in wire.json["error"]["message"]


@pytest.mark.parametrize(("form", "kind", "start"), [("mp3", "audio/mpeg", b"ID3"), ("flac", "audio/flac", b"fLaC")])
async def test_speech(openai: AsyncOpenAI, simulator: Server, form, kind, start):
    spoken = await openai.audio.speech.create(model="tts-1", voice="alloy", input="hello there", response_format=form)
    assert spoken.response.headers["content-type"] == kind
    assert spoken.content.startswith(start)
    assert (
        spoken.content
        == (
            await openai.audio.speech.create(model="tts-1", voice="alloy", input="hello there", response_format=form)
        ).content
    )
    assert bill(simulator) == (prompt_tokens("hello there"), 2)
    assert simulator.recorder.requests[-1].output_tokens_sent == 2


async def test_speech_as_events(post):
    body = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "hello there", "stream_format": "sse"}
    wire = await post("/v1/audio/speech", body)
    assert wire.headers["content-type"].startswith("text/event-stream")
    assert ['"speech.audio.delta"' in line for line in wire.data] == [True, True, False]
    assert wire.data[-1].endswith('"usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5}}')
    for change in ({"model": "tts-1"}, {"input": ""}, {"input": "x" * 5000}, {"voice": None}, {"speed": 9}, {"n": 1}):
        changed = {name: value for name, value in {**body, **change}.items() if value is not None}
        assert (await post("/v1/audio/speech", changed)).status == 400


async def test_a_failure_while_speaking_ends_the_answer(post):
    body = {"model": "tts-1@fault=error_event,fault_at=1", "voice": "alloy", "input": "a b c"}
    wire = await post("/v1/audio/speech", body)
    assert wire.end == "complete"
    assert wire.body.startswith(b"ID3")
    assert b"server_error" in wire.body


async def test_transcriptions(openai: AsyncOpenAI, simulator: Server):
    heard = await openai.audio.transcriptions.create(model="whisper-1", file=RECORDING)
    assert heard.text == "hello there"
    assert (heard.usage.type, heard.usage.seconds) == ("duration", 1)
    assert bill(simulator) == (0, 0)
    newer = await openai.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=RECORDING, include=["logprobs"], prompt="some words"
    )
    assert newer.usage.type == "tokens"
    assert newer.usage.input_token_details.text_tokens == prompt_tokens("some words")
    assert [one.token for one in newer.logprobs] == ["hello", " there"]
    assert bill(simulator) == (newer.usage.input_tokens, newer.usage.output_tokens)
    made_up = await openai.audio.transcriptions.create(model="whisper-1@tokens=3", file=io.BytesIO(b"\0" * 48000))
    assert (made_up.text, made_up.usage.seconds) == ("the river keeps", 3)


async def test_forms_of_transcriptions(openai: AsyncOpenAI):
    make = openai.audio.transcriptions.create
    verbose = await make(
        model="whisper-1",
        file=RECORDING,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    judged = TranscriptionVerbose.model_validate(verbose.model_dump())
    assert [word.word for word in judged.words] == ["hello", "there"]
    assert judged.segments[0].text == "hello there"
    assert await make(model="whisper-1", file=RECORDING, response_format="text") == "hello there\n"
    assert (await make(model="whisper-1", file=RECORDING, response_format="srt")).startswith("1\n00:00:00,000 --> ")
    assert (await make(model="whisper-1", file=RECORDING, response_format="vtt")).startswith("WEBVTT\n\n")
    speakers = await make(model="gpt-4o-transcribe-diarize", file=RECORDING, response_format="diarized_json")
    assert TranscriptionDiarized.model_validate(speakers.model_dump()).segments[0].speaker == "A"
    with pytest.raises(BadRequestError, match="not compatible with model"):
        await make(model="gpt-4o-transcribe", file=RECORDING, response_format="verbose_json")


async def test_transcriptions_in_a_stream(openai: AsyncOpenAI):
    adapter = TypeAdapter(TranscriptionStreamEvent)
    stream = await openai.audio.transcriptions.create(model="gpt-4o-transcribe", file=RECORDING, stream=True)
    events = [adapter.validate_python(event.model_dump()) async for event in stream]
    assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    assert events[-1].text == "hello there"
    assert events[-1].usage.output_tokens == 2


@pytest.mark.filterwarnings("ignore:deprecated")  # the SDK warns of its own method; the endpoint is still there
async def test_translations(openai: AsyncOpenAI):
    assert (await openai.audio.translations.create(model="whisper-1", file=RECORDING)).text == "hello there"
    verbose = await openai.audio.translations.create(model="whisper-1", file=RECORDING, response_format="verbose_json")
    assert TranslationVerbose.model_validate(verbose.model_dump()).language == "english"
    with pytest.raises(BadRequestError, match="Unrecognized request argument supplied: language"):
        await openai.audio.translations.create(model="whisper-1", file=RECORDING, extra_body={"language": "de"})


async def test_forms_that_are_none(post):
    path = "/v1/audio/transcriptions"
    kind = "multipart/form-data; boundary=x"
    good = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--x--\r\n'
    for body, content_type, words in (
        (good, "application/json", "multipart/form-data"),
        (good[:-8], kind, "does not end"),
        (b"--x\r\n\r\n--x--", kind, "no headers"),
        (good.replace(b'name="model"', b""), kind, "no name"),
        (good, kind, "Missing required parameter: 'file'"),
        (good.replace(b"whisper-1", b""), kind, "must provide a model"),
    ):
        wire = await post(path, body, content_type=content_type)
        assert wire.status == 400
        assert words in wire.json["error"]["message"]


async def test_behaviours_of_forms(openai: AsyncOpenAI):
    with pytest.raises(NotFoundError):
        await openai.audio.transcriptions.create(model="whisper-1@error=model_not_found", file=RECORDING)


def test_every_field_of_the_sdk_is_known():
    def fields(*params: type) -> set[str]:
        return {name for one in params for name in get_type_hints(one)}

    generate, edit, hear = image_generate_params, image_edit_params, transcription_create_params
    files = {"file", "image", "mask", "markup"}
    for known, params in (
        (moderations.KNOWN, (moderation_create_params.ModerationCreateParams,)),
        (images.KNOWN, (generate.ImageGenerateParamsNonStreaming, generate.ImageGenerateParamsStreaming)),
        (images.KNOWN_EDIT, (edit.ImageEditParamsNonStreaming, edit.ImageEditParamsStreaming)),
        (speech.KNOWN, (speech_create_params.SpeechCreateParams,)),
        (transcripts.KNOWN, (hear.TranscriptionCreateParamsNonStreaming, hear.TranscriptionCreateParamsStreaming)),
        (transcripts.KNOWN_TRANSLATION, (translation_create_params.TranslationCreateParams,)),
    ):
        assert fields(*params) - files == known


async def test_rerank(post, simulator: Server):
    body = {"model": "bge-reranker", "query": "silver fish", "documents": ["a boat", "a silver fish", {"text": "fish"}]}
    document = (await post("/v1/rerank", {**body, "top_n": 2})).json
    assert [(one["index"], one["document"]["text"]) for one in document["results"]] == [
        (1, "a silver fish"),
        (2, "fish"),
    ]
    scores = [one["relevance_score"] for one in document["results"]]
    assert 1 >= scores[0] > scores[1] >= 0
    assert document["usage"]["total_tokens"] == bill(simulator)[0] > 0
    bare = (await post("/v1/rerank", {**body, "return_documents": False})).json["results"]
    assert len(bare) == 3
    assert "document" not in bare[0]
    for change in ({"documents": []}, {"documents": [3]}, {"query": None}, {"top_n": "2"}, {"rank_fields": []}):
        assert (await post("/v1/rerank", {**body, **change})).status == 400
