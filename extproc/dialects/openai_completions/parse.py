"""Request JSON → ``Conversation``; its counterpart is ``render``.

Source: openai.types.completion_create_params, https://platform.openai.com/docs/api-reference/completions/create.
"""

from collections.abc import Mapping

from extproc.domain.conversation import Conversation, Message, Text
from extproc.domain.errors import InvalidRequest, UnsupportedFeature
from extproc.domain.reading import Fields, Json, JsonObject, kind_of

DEFAULT_MAX_TOKENS = 16
"""What ``max_tokens`` is where the client says nothing, at OpenAI and at compatible servers. Said to other vendors, or
the answer would be another one than the dialect promises, and longer than what the gateway has reckoned with."""

_WITHOUT_EFFECT: Mapping[str, tuple[Json, ...]] = {
    # Asking for what is done anyway.
    "n": (1,),
    "best_of": (1,),
    "echo": (False,),
    "suffix": ("",),
    "frequency_penalty": (0, 0.0),
    "presence_penalty": (0, 0.0),
    "logit_bias": ({},),
}
"""Values that are the default, so that the field may be treated as absent."""

_STREAM_OPTIONS_WITHOUT_EFFECT = frozenset({"include_obfuscation"})
"""Padding of OpenAI's own chunks; a translated stream has none."""


_NAMES: Mapping[str, str] = {"messages": "prompt", "top_logprobs": "logprobs"}
"""Fields that this API spells otherwise: ``Conversation.names``."""


def parse_request(body: Json) -> Conversation:
    """The whole request, its prompt as one user message.

    Raises ``InvalidRequest`` with the path of the field at fault, and ``UnsupportedFeature`` for a prompt that only a
    provider of this dialect can take: several prompts, tokens, or none. ``suffix``, ``echo`` and ``best_of`` are
    ``unmapped``.
    """
    fields = Fields(_with_effect(body))
    logprobs = fields.integer("logprobs")
    limit = fields.integer("max_tokens")
    unmapped: list[tuple[str, Json]] = []
    return Conversation(
        model=fields.text("model"),
        messages=(Message("user", (Text(_prompt(fields)),)),),
        max_output_tokens=DEFAULT_MAX_TOKENS if limit is None else limit,
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        stop=_stop(fields),
        seed=fields.integer("seed"),
        n=fields.integer("n"),
        stream=fields.boolean("stream") or False,
        include_usage=_include_usage(fields, unmapped),
        frequency_penalty=fields.number("frequency_penalty"),
        presence_penalty=fields.number("presence_penalty"),
        logit_bias=_json_object(fields, "logit_bias"),
        logprobs=None if logprobs is None else True,
        # 0: the chosen tokens' own, without alternatives.
        top_logprobs=logprobs or None,
        user=fields.optional_text("user"),
        names=_NAMES,
        unmapped=(*unmapped, *((path, fields.raw(path)) for path in fields.unread())),
    )


def _with_effect(body: Json) -> Json:
    if not isinstance(body, Mapping):
        return body
    return {name: value for name, value in body.items() if not _without_effect(name, value)}


def _without_effect(name: str, value: Json) -> bool:
    # The type counts too: `n: true` equals 1 in Python, and is an error.
    return any(value == plain and type(value) is type(plain) for plain in _WITHOUT_EFFECT.get(name, ()))


def _prompt(fields: Fields) -> str:
    value = fields.raw("prompt")
    if isinstance(value, str):
        return value
    if value is None:
        raise _only_here("no prompt at all")
    if not isinstance(value, list):
        raise fields.wrong("prompt", value, "a string or a list")
    if not value:
        raise InvalidRequest("prompt must not be an empty list", param="prompt")
    first = value[0]
    if len(value) == 1 and isinstance(first, str):
        return first
    for index, item in enumerate(value):
        if type(item) is not type(first) or not _is_prompt(item):
            path = f"prompt[{index}]"
            raise InvalidRequest(
                f"{path} must be a string, a token or a list of tokens, as the others of the list, not {kind_of(item)}",
                param=path,
            )
    raise _only_here("a list of several prompts" if isinstance(first, str) else "a prompt of tokens")


def _is_prompt(item: Json) -> bool:
    return isinstance(item, str) or _is_token(item) or (isinstance(item, list) and all(map(_is_token, item)))


def _is_token(item: Json) -> bool:
    return isinstance(item, int) and not isinstance(item, bool)


def _only_here(what: str) -> UnsupportedFeature:
    return UnsupportedFeature(
        f"{what} can only be served by a provider of the Completions API, and this model's speaks another dialect:"
        " send one prompt as a string",
        param="prompt",
    )


def _stop(fields: Fields) -> tuple[str, ...]:
    value = fields.raw("stop")
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise fields.wrong("stop", value, "a string or a list of strings")
    stops: list[str] = []
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise fields.wrong(f"stop[{index}]", item, "a string")
        stops.append(item)
    return tuple(stops)


def _include_usage(fields: Fields, unmapped: list[tuple[str, Json]]) -> bool:
    options = fields.object("stream_options")
    if options is None:
        return False
    include = options.boolean("include_usage") or False
    for path in options.unread():
        name = path.removeprefix("stream_options.")
        if name not in _STREAM_OPTIONS_WITHOUT_EFFECT:
            unmapped.append((path, options.raw(name)))
    return include


def _json_object(fields: Fields, name: str) -> JsonObject | None:
    value = fields.raw(name)
    if value is None or isinstance(value, Mapping):
        return value
    raise fields.wrong(name, value, "a JSON object")
