"""``POST /v1/audio/speech``: bytes that begin as the format does, and one output token for each token of the text.

Source: https://platform.openai.com/docs/api-reference/audio/createSpeech; events: .../audio/speech-audio-delta-event
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping

import orjson

from extproc.simulator.call import Call
from extproc.simulator.dialect import Spent
from extproc.simulator.openai import dialect
from extproc.simulator.openai.errors import missing, wrong_type
from extproc.simulator.openai.rules import (
    Span,
    check_choices,
    check_numbers,
    check_texts,
    refuse_unknown,
    required_text,
)
from extproc.simulator.replies import charge, named_model, stream, text_bytes
from extproc.simulator.tokens import kind_of, pieces, prompt_tokens
from extproc.simulator.wire import Event, Refused, Reply, Stream, names

KNOWN = names("input model voice instructions response_format speed stream_format")
MAX_INPUT = 4096
"""Characters."""

_FORMATS: Mapping[str, tuple[bytes, bytes]] = {
    "mp3": (b"audio/mpeg", b"ID3\x04\x00\x00"),
    "opus": (b"audio/opus", b"OggS\x00\x02"),
    "aac": (b"audio/aac", b"\xff\xf1\x50\x80"),
    "flac": (b"audio/flac", b"fLaC\x00\x00"),
    "wav": (b"audio/wav", b"RIFF\xff\xff\xff\xffWAVE"),
    "pcm": (b"audio/pcm", b""),
}
"""Content type, and the first bytes."""
_SPANS: Mapping[str, Span] = {"speed": Span(0.25, 4)}
_CHOICES: Mapping[str, tuple[str, ...]] = {"response_format": tuple(_FORMATS), "stream_format": ("sse", "audio")}


def speech(call: Call) -> Reply:
    """Say a text. Raises ``Refused``."""
    body = call.body
    refuse_unknown(body, KNOWN)
    model = named_model(call)
    text = required_text(body, "input")
    voice = body.get("voice")
    if voice is None:
        raise missing("voice")
    if not isinstance(voice, str | Mapping):
        raise wrong_type("voice", "a string", kind_of(voice))
    check_texts(body, "instructions")
    check_numbers(body, _SPANS)
    check_choices(body, _CHOICES)
    if not 0 < len(text) <= MAX_INPUT:
        raise Refused(
            f"Invalid 'input': expected a string with a length from 1 to {MAX_INPUT}, but got one with length "
            f"{len(text)} instead.",
            param="input",
            code="string_above_max_length" if text else "string_below_min_length",
        )
    said = pieces(text)
    spent = charge(call, prompt_tokens(text), len(said), most=text_bytes(text))
    kind, start = _FORMATS[str(body.get("response_format") or "mp3")]
    if body.get("stream_format") != "sse":
        failure = call.manners.refusal(call.manners.scripted(500, ""), call.token)
        return Stream(
            call.manners.headers(call.token), lambda: _bytes(said, start), failure, b"\x00", content_type=kind
        )
    if model.startswith("tts-1"):
        raise Refused("'stream_format' of 'sse' is not supported with this model.", param="stream_format")
    return stream(call, dialect, lambda: _events(said, start, spent))


def _bytes(said: tuple[str, ...], start: bytes) -> Iterator[Event]:
    for index, piece in enumerate(said):
        yield Event((b"" if index else start) + _sound(piece), 1, content=True)


def _events(said: tuple[str, ...], start: bytes, spent: Spent) -> Iterator[Event]:
    for index, piece in enumerate(said):
        audio = base64.b64encode((b"" if index else start) + _sound(piece)).decode()
        yield Event(_data({"type": "speech.audio.delta", "audio": audio}), 1, content=True)
    usage = {
        "input_tokens": spent.input,
        "output_tokens": spent.output,
        "total_tokens": spent.input + spent.output,
    }
    yield Event(_data({"type": "speech.audio.done", "usage": usage}))


def _data(body: Mapping[str, object]) -> bytes:
    return b"data: " + orjson.dumps(body) + b"\n\n"


def _sound(piece: str) -> bytes:
    """64 bytes that depend on what is said."""
    return hashlib.sha512(piece.encode("utf-8", "surrogatepass")).digest()
