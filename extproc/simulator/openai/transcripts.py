"""``POST /v1/audio/transcriptions`` and ``/v1/audio/translations``: what a recording says is made up.

A file whose content is ``echo: <text>`` says the text. Source: https://platform.openai.com/docs/api-reference/audio
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.call import Call
from extproc.simulator.dialect import Spent
from extproc.simulator.mind import words
from extproc.simulator.openai import dialect
from extproc.simulator.openai.errors import missing
from extproc.simulator.openai.rules import check_choices, check_texts, refuse_unknown, unknown_parameter
from extproc.simulator.replies import charge, content, document, named_model, stream
from extproc.simulator.tokens import pieces, prompt_tokens
from extproc.simulator.wire import Event, Refused, Reply, names

KNOWN = names(
    "model chunking_strategy include keywords known_speaker_names known_speaker_references language languages prompt "
    "response_format stream temperature timestamp_granularities"
)
KNOWN_TRANSLATION = names("model prompt response_format temperature")

BYTES_PER_SECOND = 16_000
"""How long a recording takes is read from its size."""
TOKENS_PER_SECOND = 10
"""Of audio; https://platform.openai.com/docs/guides/speech-to-text"""

_FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
_TRANSLATED = ("json", "text", "srt", "verbose_json", "vtt")
_TEXT = b"text/plain; charset=utf-8"
_ECHO = b"echo:"


@dataclass(frozen=True, slots=True)
class _Heard:
    """A recording that was understood."""

    said: tuple[str, ...]
    seconds: float
    audio_tokens: int
    spent: Spent
    whisper: bool
    """The model that is billed by the second."""

    @property
    def text(self) -> str:
        return "".join(self.said)


def transcriptions(call: Call) -> Reply:
    """Write down what is said. Raises ``Refused``."""
    body = call.body
    refuse_unknown(body, KNOWN)
    model = named_model(call)
    form = str(body.get("response_format") or "json")
    check_choices(body, {"response_format": _FORMATS, "stream": ("true", "false")})
    whisper = model.startswith("whisper")
    allowed = _TRANSLATED if whisper else ("json", "text", "diarized_json") if "diarize" in model else ("json",)
    if form not in allowed:
        raise Refused(
            f"response_format '{form}' is not compatible with model '{model}'. Use "
            f"{' or '.join(repr(one) for one in allowed)} instead.",
            param="response_format",
            code="unsupported_value",
        )
    if body.get("timestamp_granularities") is not None and form != "verbose_json":
        raise Refused(
            "'timestamp_granularities' needs 'response_format' to be 'verbose_json'.", param="timestamp_granularities"
        )
    heard = _heard(call, whisper=whisper)
    if body.get("stream") == "true" and not whisper:
        return stream(call, dialect, lambda: _events(heard, body))
    return _written(call, heard, form, _transcription(heard, body, form))


def translations(call: Call) -> Reply:
    """Write down in English what is said. Raises ``Refused``."""
    body = call.body
    refuse_unknown(body, KNOWN_TRANSLATION)
    named_model(call)
    check_choices(body, {"response_format": _TRANSLATED})
    form = str(body.get("response_format") or "json")
    heard = _heard(call, whisper=True)
    verbose: JsonObject = {"task": "translate", "language": "english", "duration": heard.seconds}
    whole: JsonObject = {**verbose, "text": heard.text, "segments": [_segment(heard)]}
    return _written(call, heard, form, whole if form == "verbose_json" else {"text": heard.text})


def _heard(call: Call, *, whisper: bool) -> _Heard:
    body = call.body
    check_texts(body, "prompt", "language")
    for file in call.files:
        if file.field != "file":
            raise unknown_parameter(file.field)
    if not call.files:
        raise missing("file")
    recording = call.files[0].content
    if not recording:
        raise Refused("Audio file might be corrupted or unsupported", param="file", code="invalid_value")
    if recording.startswith(_ECHO):
        said = pieces(recording[len(_ECHO) :].decode("utf-8", "replace").strip())
    else:
        said = words(call.behaviour.tokens)
    seconds = round(max(0.1, len(recording) / BYTES_PER_SECOND), 2)
    audio = 0 if whisper else -(-round(seconds * 100) * TOKENS_PER_SECOND // 100)
    prompt = 0 if whisper else prompt_tokens(str(body.get("prompt") or ""))
    spent = charge(call, audio + prompt, 0 if whisper else len(said))
    return _Heard(said, seconds, audio, spent, whisper)


def _transcription(heard: _Heard, body: JsonObject, form: str) -> JsonObject:
    text = heard.text
    if form == "diarized_json":
        segment = {"type": "transcript.text.segment", "id": "seg_0", "speaker": "A", **_span(heard), "text": text}
        return {
            "task": "transcribe",
            "duration": heard.seconds,
            "text": text,
            "segments": [segment],
            "usage": _usage(heard),
        }
    if form == "verbose_json":
        whole: dict[str, Json] = {
            "task": "transcribe",
            "language": "english",
            "duration": heard.seconds,
            "text": text,
            "usage": _usage(heard),
        }
        granularities = body.get("timestamp_granularities") or ["segment"]
        if isinstance(granularities, list) and "word" in granularities:
            whole["words"] = [{"word": piece.strip(), **_span(heard)} for piece in heard.said]
        if isinstance(granularities, list) and "segment" in granularities:
            whole["segments"] = [_segment(heard)]
        return whole
    logprobs: JsonObject = {"logprobs": [_logprob(piece) for piece in heard.said]} if _wants_logprobs(body) else {}
    return {"text": text, **logprobs, "usage": _usage(heard)}


def _written(call: Call, heard: _Heard, form: str, answer: JsonObject) -> Reply:
    end = f"{int(heard.seconds // 60):02}:{heard.seconds % 60:06.3f}"
    match form:
        case "text":
            return content(call, heard.text.encode() + b"\n", _TEXT, heard.spent.output)
        case "srt":
            srt = f"1\n00:00:00,000 --> 00:{end.replace('.', ',')}\n{heard.text}\n\n"
            return content(call, srt.encode(), _TEXT, heard.spent.output)
        case "vtt":
            vtt = f"WEBVTT\n\n00:00:00.000 --> 00:{end}\n{heard.text}\n\n"
            return content(call, vtt.encode(), _TEXT, heard.spent.output)
        case _:
            return document(call, answer, heard.spent.output)


def _events(heard: _Heard, body: JsonObject) -> Iterator[Event]:
    asked = _wants_logprobs(body)
    for piece in heard.said:
        logprobs: JsonObject = {"logprobs": [_logprob(piece)]} if asked else {}
        yield _event({"type": "transcript.text.delta", "delta": piece, **logprobs}, 1)
    if body.get("response_format") == "diarized_json":
        segment: JsonObject = {"id": "seg_0", "speaker": "A", **_span(heard), "text": heard.text}
        yield _event({"type": "transcript.text.segment", **segment})
    all_logprobs: JsonObject = {"logprobs": [_logprob(piece) for piece in heard.said]} if asked else {}
    yield _event({"type": "transcript.text.done", "text": heard.text, **all_logprobs, "usage": _usage(heard)})


def _event(body: JsonObject, tokens: int = 0) -> Event:
    return Event(b"data: " + orjson.dumps(body) + b"\n\n", tokens, content=tokens > 0)


def _usage(heard: _Heard) -> JsonObject:
    if heard.whisper:
        # Whole seconds are billed.
        return {"type": "duration", "seconds": -(-round(heard.seconds * 100) // 100)}
    spent = heard.spent
    audio = min(spent.input, heard.audio_tokens)
    return {
        "type": "tokens",
        "input_tokens": spent.input,
        "input_token_details": {"text_tokens": spent.input - audio, "audio_tokens": audio},
        "output_tokens": spent.output,
        "total_tokens": spent.input + spent.output,
    }


def _segment(heard: _Heard) -> JsonObject:
    return {
        "id": 0,
        "seek": 0,
        **_span(heard),
        "text": heard.text,
        "tokens": list[Json](range(50_364, 50_364 + len(heard.said))),
        "temperature": 0.0,
        "avg_logprob": -0.25,
        "compression_ratio": 1.1,
        "no_speech_prob": 0.01,
    }


def _span(heard: _Heard) -> Mapping[str, Json]:
    return {"start": 0.0, "end": heard.seconds}


def _wants_logprobs(body: JsonObject) -> bool:
    include = body.get("include")
    return isinstance(include, list) and "logprobs" in include


def _logprob(piece: str) -> Json:
    return {"token": piece, "logprob": -0.25, "bytes": list[Json](piece.encode())}
