"""What OpenAI's reasoning models refuse, by their names.

Source: https://developers.openai.com/api/docs/guides/latest-model and the refusals that clients report
(https://github.com/pipecat-ai/pipecat/issues/4043, https://github.com/BerriAI/litellm/pull/34569,
https://github.com/huggingface/smolagents/pull/1868, https://github.com/tmc/langchaingo/issues/1355).
"""

import re
from collections.abc import Iterable, Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.wire import Refused

_REASONER = re.compile(r"o[134](?:-|$)|gpt-[56](?!\d|-chat|-search)")
_AT_REST = re.compile(r"gpt-5\.[124](?:-mini|-nano)?(?:-\d{4}-\d\d-\d\d)?$")
"""These reason only where they are told to."""
_STOPPED = re.compile(r"(?:o1|o3-mini)(?:-\d|$)")
"""The reasoning models that take ``stop``."""
_UNDRIVEN = re.compile(r"gpt-(?:5\.(?:[4-9]|\d\d)|6)")
"""These take no functions from Chat Completions while they reason."""
_APART = re.compile(r"o[13]-pro|gpt-5(?:\.\d+)?-(?:pro|codex)")
"""These are served by Responses alone."""
_NEVER: Mapping[str, float] = {"frequency_penalty": 0, "presence_penalty": 0}
_AWAKE: Mapping[str, float] = {"top_p": 1, "top_logprobs": 0}
"""Parameters and their defaults, which they take."""


def reasoner(model: str) -> bool:
    """Whether it is one of OpenAI's reasoning models."""
    return _REASONER.match(model) is not None


def check_sampling(body: JsonObject, model: str, effort: Json) -> None:
    """Raises ``Refused`` where a reasoning model would not be sampled so; ``effort``: what is asked for."""
    if not reasoner(model):
        return
    if body.get("stop") is not None and not _STOPPED.match(model):
        raise _unsupported("stop")
    if body.get("logit_bias"):
        raise _unsupported("logit_bias")
    _check_defaults(body, _NEVER)
    if not _reasons(model, effort):
        return
    temperature = body.get("temperature")
    if temperature not in (None, 1):
        raise Refused(
            f"Unsupported value: 'temperature' does not support {temperature} with this model. Only the default (1) "
            "value is supported.",
            param="temperature",
            code="unsupported_value",
        )
    _check_defaults(body, _AWAKE)
    include = body.get("include")
    if body.get("logprobs") or (isinstance(include, list) and "message.output_text.logprobs" in include):
        raise _unsupported("logprobs" if body.get("logprobs") else "include")


def check_chat(tools: Iterable[Json], model: str, effort: Json) -> None:
    """Raises ``Refused`` where Chat Completions does not serve this model, or not with functions at this effort."""
    if _APART.match(model):
        raise Refused(
            "This model is only supported in v1/responses and not in v1/chat/completions.", status=404, param="model"
        )
    functions = any(isinstance(tool, Mapping) and tool.get("type") == "function" for tool in tools)
    if functions and _UNDRIVEN.match(model) and reasoner(model) and _reasons(model, effort):
        raise Refused(
            f"Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. To use "
            "function tools, use /v1/responses or set reasoning_effort to 'none'.",
            param="reasoning_effort",
        )


def _reasons(model: str, effort: Json) -> bool:
    return effort != "none" if effort is not None else _AT_REST.match(model) is None


def _check_defaults(body: JsonObject, defaults: Mapping[str, float]) -> None:
    for name, default in defaults.items():
        if body.get(name) not in (None, default):
            raise _unsupported(name)


def _unsupported(name: str) -> Refused:
    return Refused(
        f"Unsupported parameter: '{name}' is not supported with this model.", param=name, code="unsupported_parameter"
    )
