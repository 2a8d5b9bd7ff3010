"""The request rules of Completions. Tokens given as numbers are read as the words ``t<number>``.

Source: https://platform.openai.com/docs/api-reference/completions/create and the types of the official SDK.
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.mind import Ask
from extproc.simulator.openai.errors import missing, wrong_type
from extproc.simulator.openai.rules import (
    Span,
    check_flags,
    check_numbers,
    check_texts,
    refuse_unknown,
    stop_sequences,
)
from extproc.simulator.replies import text_bytes
from extproc.simulator.tokens import kind_of, prompt_tokens
from extproc.simulator.wire import Refused, names

KNOWN = names(
    "best_of echo frequency_penalty logit_bias logprobs max_tokens model n presence_penalty prompt seed stop stream "
    "stream_options suffix temperature top_p user"
)

DEFAULT_LIMIT = 16
"""Output tokens where the request names no limit."""

_SPANS: Mapping[str, Span] = {
    "temperature": Span(0, 2),
    "top_p": Span(0, 1),
    "frequency_penalty": Span(-2, 2),
    "presence_penalty": Span(-2, 2),
    "n": Span(1, 128, whole=True),
    "best_of": Span(1, 20, whole=True),
    "logprobs": Span(0, 5, whole=True),
    "max_tokens": Span(0, whole=True),
    "seed": Span(float("-inf"), whole=True),
}


def read(body: JsonObject, model: str) -> Ask:
    """Check a request and understand it. Each prompt has ``best_of`` answers in a row. Raises ``Refused``."""
    if not model:
        raise Refused("you must provide a model parameter")
    refuse_unknown(body, KNOWN)
    check_numbers(body, _SPANS)
    check_flags(body, "stream", "echo")
    check_texts(body, "suffix", "user")
    given = prompts(body)
    made = generated(body)
    _check_together(body, made)
    limit = body.get("max_tokens")
    suffix = body.get("suffix")
    return Ask(
        stream=body.get("stream") is True,
        user_text="",
        user_texts=tuple(prompt_text(one) for one in given for _ in range(made)),
        input_tokens=sum(map(_tokens, given)) + (prompt_tokens(suffix) if isinstance(suffix, str) else 0),
        most_input=sum(map(_most, given)) + (text_bytes(suffix) if isinstance(suffix, str) else 0),
        stop=stop_sequences(body),
        max_tokens=limit if isinstance(limit, int) else DEFAULT_LIMIT,
        choices=len(given) * made,
    )


def prompts(body: JsonObject) -> list[Json]:
    """The prompts: one text, several texts, one list of token numbers, or several such lists. Raises ``Refused``."""
    given = body.get("prompt")
    if given is None:
        # A document that begins: https://platform.openai.com/docs/api-reference/completions/create#prompt
        if "prompt" not in body:
            raise missing("prompt")
        return ["<|endoftext|>"]
    if isinstance(given, str) or _is_tokens(given):
        return [given]
    if not isinstance(given, list) or not given or not all(isinstance(one, str) or _is_tokens(one) for one in given):
        raise wrong_type("prompt", "a string, an array of strings, or an array of tokens", kind_of(given))
    return given


def wanted(body: JsonObject) -> int:
    """How many answers each prompt is to have."""
    count = body.get("n")
    return count if isinstance(count, int) else 1


def generated(body: JsonObject) -> int:
    """How many are made for each, of which the best are given."""
    best = body.get("best_of")
    return best if isinstance(best, int) else wanted(body)


def prompt_text(prompt: Json) -> str:
    """What the model reads."""
    if isinstance(prompt, list):
        return "".join(f" t{number}" for number in prompt)
    return str(prompt)


def _check_together(body: JsonObject, made: int) -> None:
    if made < wanted(body):
        raise Refused(
            "You requested that the server return more choices than it will generate (HINT: you must set 'n' (currently "
            f"{wanted(body)}) to be at most 'best_of' (currently {made}), or omit either parameter if you don't "
            "specifically want to use them.)"
        )
    if body.get("stream") is True and made > wanted(body):
        raise Refused("The 'best_of' parameter cannot be greater than 'n' when streaming.", param="best_of")
    if body.get("stream_options") is not None and body.get("stream") is not True:
        raise Refused(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )


def _is_tokens(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and all(type(one) is int for one in value)


def _tokens(prompt: Json) -> int:
    return len(prompt) if isinstance(prompt, list) else prompt_tokens(str(prompt))


def _most(prompt: Json) -> int:
    return len(prompt) if isinstance(prompt, list) else text_bytes(str(prompt))
