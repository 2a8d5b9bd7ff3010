"""Gemini's request rules: a body is refused as Google would refuse it, or understood as an ``Ask``.

Bodies here are normal (see ``schema``).
"""

import re
from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.gemini.contents import check_contents, generation, member, objects
from extproc.simulator.gemini.errors import invalid
from extproc.simulator.gemini.prompt import most_tokens, prompt
from extproc.simulator.gemini.tools import check_schema, plain_schema, read_tools
from extproc.simulator.mind import Ask

MAX_CANDIDATES = 8
MAX_BUDGET = 32_768
THINKING_TOKENS = 12
"""What the pretend model spends on thinking, unless a level says otherwise; a budget is a limit to it."""
_LEVELS: Mapping[str, int] = {"MINIMAL": 2, "LOW": 6, "MEDIUM": 12, "HIGH": 24, "XHIGH": 36}
_MIME_TYPES = ("text/plain", "application/json", "text/x.enum")
_BLOCK = re.compile(r"block:\s*([A-Z_]+)\s*")
_GENERATION = "* GenerateContentRequest.generation_config"


def read(body: JsonObject, model: str, *, stream: bool, vertex: bool) -> Ask:
    """Check a request and understand it. Raises ``Refused``."""
    check_contents(body, model, vertex=vertex)
    config = member(body, "generationConfig") or {}
    _check_numbers(config)
    tools, must_call, may_call = read_tools(body)
    text, tokens, blocks = prompt(body)
    schema, text = _form(config, text, model, calling=bool(tools))
    stop = config.get("stopSequences")
    return Ask(
        stream=stream,
        user_text=text,
        input_tokens=tokens,
        tools=tools,
        must_call=must_call,
        may_call=may_call,
        schema=schema,
        thinking_tokens=_thinking(config, model),
        stop=tuple(str(one) for one in stop) if isinstance(stop, list) else (),
        max_tokens=_limit(config),
        choices=_candidates(config, stream=stream),
        blocks=blocks,
        most_input=most_tokens(body),
    )


def blocked(body: JsonObject, finish: str) -> str:
    """Why the prompt is blocked; empty: it is not. The user may ask for it, or a scripted finish ``prompt:SAFETY``."""
    if finish.startswith("prompt:"):
        return finish.removeprefix("prompt:")
    found = _BLOCK.fullmatch(prompt(body)[0])
    return found[1] if found else ""


def _check_numbers(config: JsonObject) -> None:
    for name, low, high in (
        ("temperature", 0, 2),
        ("topP", 0, 1),
        ("presencePenalty", -2, 2),
        ("frequencyPenalty", -2, 2),
    ):
        value = config.get(name)
        if isinstance(value, int | float) and not low <= value <= high:
            snake = re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), name)
            raise invalid(f"{_GENERATION}.{snake}: {snake} must be in the range [{low}.0, {high}.0].\n")
    stop = config.get("stopSequences")
    if isinstance(stop, list) and len(stop) > 5:
        raise invalid(f"{_GENERATION}.stop_sequences: must not contain more than 5 values.\n")
    logprobs = config.get("logprobs")
    if logprobs is not None and config.get("responseLogprobs") is not True:
        raise invalid("Logprobs is not enabled: set response_logprobs to true.")


def _limit(config: JsonObject) -> int | None:
    limit = config.get("maxOutputTokens")
    if not isinstance(limit, int):
        return None
    if limit < 1:
        raise invalid(f"{_GENERATION}.max_output_tokens: max_output_tokens must be positive.\n")
    return limit


def _candidates(config: JsonObject, *, stream: bool) -> int:
    count = config.get("candidateCount", 1)
    if not isinstance(count, int) or not 1 <= count <= MAX_CANDIDATES:
        raise invalid(f"{_GENERATION}.candidate_count: only values from 1 to {MAX_CANDIDATES} are supported.\n")
    if stream and count > 1:
        raise invalid("Multiple candidates is not supported in streaming.")
    return count


def _form(config: JsonObject, text: str, model: str, *, calling: bool) -> tuple[JsonObject | None, str]:
    """The schema of the answer, and the user's text: an enumeration's answer is no JSON, so it is asked for by name."""
    kind = config.get("responseMimeType", "text/plain")
    given, json_schema = config.get("responseSchema"), config.get("responseJsonSchema")
    if kind not in _MIME_TYPES:
        listed = ", ".join(_MIME_TYPES)
        raise invalid(f"{_GENERATION}.response_mime_type: allowed mimetypes are {listed}.\n")
    if given is not None and json_schema is not None:
        raise invalid("Only one of response_schema and response_json_schema may be set.")
    if kind == "text/plain":
        if given is not None or json_schema is not None:
            raise invalid(
                f"{_GENERATION}.response_schema: only allowed when response_mime_type is 'application/json' or "
                "'text/x.enum'.\n"
            )
        return None, text
    if calling and generation(model) < 3:
        raise invalid(f"Function calling with a response mime type: '{kind}' is unsupported")
    if given is not None:
        check_schema(given, f"{_GENERATION}.response_schema")
    schema: Json = plain_schema(given) if given is not None else json_schema
    if kind == "text/x.enum":
        return None, f"echo: {_option(schema)}"
    return (schema if isinstance(schema, Mapping) else {}), text


def _option(schema: Json) -> Json:
    options = schema.get("enum") if isinstance(schema, Mapping) else None
    if not isinstance(options, list) or not options:
        raise invalid(f"{_GENERATION}.response_schema: an enum is required for text/x.enum.\n")
    return options[0]


def _thinking(config: JsonObject, model: str) -> int:
    """Tokens to think for; models since 2.5 think unless they are told not to."""
    thinking = member(config, "thinkingConfig") or {}
    budget, level = thinking.get("thinkingBudget"), thinking.get("thinkingLevel")
    version = generation(model)
    thinks = version >= 3 or ("2.5" in model and "lite" not in model)
    if budget is not None and level is not None:
        raise invalid("You can only set only one of thinking budget and thinking level.")
    if level is not None and version < 3:
        raise invalid("Thinking level is not supported for this model.")
    if version < 2 or "-2.0" in model:
        if budget or thinking.get("includeThoughts"):
            raise invalid("Unable to submit request because Thinking_config is not supported by this model.")
        return 0
    if isinstance(budget, int):
        if not -1 <= budget <= MAX_BUDGET:
            raise invalid(f"The thinking budget {budget} is invalid. Please choose a value between 0 and {MAX_BUDGET}.")
        if budget == 0 and "pro" in model:
            raise invalid("Budget 0 is invalid. This model only works in thinking mode.")
        return THINKING_TOKENS if budget < 0 else min(budget, THINKING_TOKENS)
    if isinstance(level, str):
        return _LEVELS.get(level, THINKING_TOKENS)
    return THINKING_TOKENS if thinks else 0


def counted(body: JsonObject, *, vertex: bool) -> int:
    """Input tokens of a counting request, whose body is a normal ``CountTokensRequest``. Raises ``Refused``."""
    inner = member(body, "generateContentRequest")
    if inner is not None and body.get("contents") is not None:
        raise invalid("* CountTokensRequest: contents and generate_content_request are mutually exclusive.\n")
    asked = inner if inner is not None else body
    if not objects(asked.get("contents")):
        raise invalid("* CountTokensRequest.contents: contents is not specified\n")
    check_contents(asked, "", vertex=vertex)
    return prompt(asked)[1]
