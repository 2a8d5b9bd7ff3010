"""A ``text_completion``, whole or in pieces up to ``[DONE]``.

Source: https://platform.openai.com/docs/api-reference/completions/object
"""

from collections.abc import Iterator, Mapping

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.dialect import Exchange, Spent
from extproc.simulator.mind import Said
from extproc.simulator.openai_completions.check import generated, prompt_text, prompts, wanted
from extproc.simulator.tokens import pieces
from extproc.simulator.wire import Event

FINGERPRINT = "fp_5f3a9c01de"


def whole(exchange: Exchange) -> bytes:
    """See ``Dialect.whole``."""
    document = _envelope(exchange)
    document["choices"] = [_choice(exchange, index, prompt, said) for index, prompt, said in _given(exchange)]
    document["usage"] = _usage(exchange.spent)
    return orjson.dumps(document)


def events(exchange: Exchange) -> Iterator[Event]:
    """See ``Dialect.events``. Choices come one after the other, each closed by its finish."""
    options = exchange.body.get("stream_options")
    counted = isinstance(options, Mapping) and options.get("include_usage") is True
    ends: JsonObject = {"usage": None} if counted else {}

    def chunk(choices: list[Json], tokens: int = 0, more: JsonObject = ends) -> Event:
        data = orjson.dumps({**_envelope(exchange), "choices": choices, **more})
        return Event(b"data: " + data + b"\n\n", tokens, content=tokens > 0)

    for index, prompt, said in _given(exchange):
        offset = 0
        for piece, shown in _shown(exchange, prompt, said):
            logprobs = _logprobs(exchange, [(piece, shown)], offset)
            offset += len(piece)
            yield chunk(
                [{"text": piece, "index": index, "logprobs": logprobs, "finish_reason": None}], 0 if shown else 1
            )
        yield chunk([{"text": "", "index": index, "logprobs": None, "finish_reason": _finish(exchange, said)}])
    if counted:
        yield chunk([], more={"usage": _usage(exchange.spent)})
    yield Event(b"data: [DONE]\n\n")


def _given(exchange: Exchange) -> Iterator[tuple[int, str, Said]]:
    """The answers that are given of those that were made: index, prompt, answer."""
    made, want = generated(exchange.body), wanted(exchange.body)
    index = 0
    for at, prompt in enumerate(prompts(exchange.body)):
        for said in exchange.said[at * made : at * made + want]:
            yield index, prompt_text(prompt), said
            index += 1


def _choice(exchange: Exchange, index: int, prompt: str, said: Said) -> JsonObject:
    shown = _shown(exchange, prompt, said)
    return {
        "text": "".join(piece for piece, _ in shown),
        "index": index,
        "logprobs": _logprobs(exchange, shown, 0),
        "finish_reason": _finish(exchange, said),
    }


def _shown(exchange: Exchange, prompt: str, said: Said) -> list[tuple[str, bool]]:
    """Pieces of the text, and whether they are the prompt's."""
    echoed = pieces(prompt) if exchange.body.get("echo") is True else ()
    return [*((piece, True) for piece in echoed), *((piece, False) for piece in said.text)]


def _logprobs(exchange: Exchange, shown: list[tuple[str, bool]], offset: int) -> Json:
    """The first piece of an echoed prompt has no probability: nothing comes before it."""
    count = exchange.body.get("logprobs")
    if not isinstance(count, int):
        return None
    offsets: list[Json] = []
    chances: list[Json] = []
    tops: list[Json] = []
    for piece, echoed in shown:
        first = echoed and offset == 0
        offsets.append(offset)
        chances.append(None if first else -0.25)
        tops.append(None if first else {piece: -0.25} if count else {})
        offset += len(piece)
    return {
        "tokens": [piece for piece, _ in shown],
        "token_logprobs": chances,
        "top_logprobs": tops if count else None,
        "text_offset": offsets,
    }


def _finish(exchange: Exchange, said: Said) -> str:
    return exchange.finish or ("length" if said.finish == "length" else "stop")


def _envelope(exchange: Exchange) -> dict[str, Json]:
    return {
        "id": f"cmpl-{exchange.token}",
        "object": "text_completion",
        "created": exchange.created,
        "model": exchange.model,
        "system_fingerprint": FINGERPRINT,
    }


def _usage(spent: Spent) -> JsonObject:
    return {
        "prompt_tokens": spent.input,
        "completion_tokens": spent.output,
        "total_tokens": spent.input + spent.output,
    }
