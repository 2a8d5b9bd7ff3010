"""Usage of OpenAI's media APIs, of rerank, and of embeddings, in whole answers and in events.

Sources: openai.types.images_response.Usage, openai.types.audio.transcription (``tokens`` and ``duration``),
openai.types.audio.transcription_text_done_event, openai.types.image_gen_completed_event;
``speech.audio.done``: https://platform.openai.com/docs/api-reference/audio/speech-audio-done-event; rerank:
https://docs.cohere.com/reference/rerank, https://docs.vllm.ai/en/latest/models/pooling_models.html, https://jina.ai/reranker.
"""

import math
from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.domain.usage import Usage
from extproc.translate.operations.base import count, member

_SPEECH = "speech.audio.done"


def read_usage(said: JsonObject) -> Usage | None:
    """Usage of a whole answer, or of an event, of any of these APIs; None where it tells none."""
    usage = said.get("usage")
    billed = member(member(said, "meta"), "billed_units")
    if isinstance(usage, Mapping):
        found = _of_usage(usage, speech=said.get("type") == _SPEECH)
        return found if not billed else _of_units(billed).merged(found)
    return _of_units(billed) if billed else None


def _of_usage(usage: JsonObject, *, speech: bool) -> Usage:
    if usage.get("type") == "duration":
        return Usage(audio_seconds=_seconds(usage.get("seconds")))
    if "input_tokens" not in usage and "output_tokens" not in usage:
        # Embeddings, and rerankers such as vLLM and Jina: some name the total only.
        prompt = count(usage, "prompt_tokens") or count(usage, "total_tokens")
        return Usage(input=prompt, output=count(usage, "completion_tokens"))
    details = member(usage, "input_tokens_details") or member(usage, "input_token_details")
    made = member(usage, "output_tokens_details")
    total_in, total_out = count(usage, "input_tokens"), count(usage, "output_tokens")
    cached = min(count(details, "cached_tokens"), total_in)
    return Usage(
        input=total_in - cached,
        cache_read=cached,
        output=total_out,
        audio_input=min(count(details, "audio_tokens"), total_in),
        # Speech is nothing but audio, and says so by being speech.
        audio_output=total_out if speech else 0,
        image_input=min(count(details, "image_tokens"), total_in),
        image_output=min(count(made, "image_tokens"), total_out),
    )


def _of_units(billed: JsonObject) -> Usage:
    """Cohere's ``meta.billed_units``."""
    return Usage(
        input=count(billed, "input_tokens"),
        output=count(billed, "output_tokens"),
        search_units=count(billed, "search_units"),
    )


def _seconds(value: Json) -> int:
    return math.ceil(value) if isinstance(value, int | float) and 0 < value < 2**31 else 0
