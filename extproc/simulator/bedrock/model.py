"""What the model behind Converse gets to read: the request in Anthropic's Messages form.

Bedrock does the same for Claude, and passes on what the model refuses ("The model returned the following errors").
The other models share the pretend mind, so their requests go the same way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.anthropic import check
from extproc.simulator.bedrock.errors import invalid
from extproc.simulator.bedrock.turns import inner, objects
from extproc.simulator.billing import most_input
from extproc.simulator.mind import Ask
from extproc.simulator.wire import Refused

_MEDIA = frozenset({"video", "audio"})
_NOT_READ = frozenset({"anthropic_beta", "anthropic_version"})
"""Of ``additionalModelRequestFields``: taken, with nothing to do here."""


def is_claude(model: str) -> bool:
    """Whether a model id, an inference profile's id or an ARN names one of Anthropic's models."""
    return "anthropic." in model


def understand(body: JsonObject, model: str) -> Ask:
    """Read a Converse request, shape and turns checked, as its model does. Raises ``Refused``."""
    messages = _request(body, model)
    try:
        ask = check.read(messages, beta=True, counting="max_tokens" not in messages)
    except Refused as refused:
        raise invalid(f"The model returned the following errors: {refused.message}") from refused
    # The body on the wire does not show its size as Anthropic's would.
    return replace(ask, most_input=most_input(messages))


def _request(body: JsonObject, model: str) -> dict[str, Json]:
    claude = is_claude(model)
    system = _marked(objects(body.get("system")), claude=claude)
    fields: dict[str, Json] = {
        "model": model,
        "messages": [_message(message, claude=claude) for message in objects(body.get("messages"))],
        **_inference(inner(body, "inferenceConfig") or {}),
        **_output(inner(body, "outputConfig") or {}),
        **_tools(inner(body, "toolConfig") or {}),
    }
    if system:
        fields["system"] = system
    extra = body.get("additionalModelRequestFields")
    given: JsonObject = extra if isinstance(extra, Mapping) else {}
    if claude:
        _add(fields, given)
    elif "reasoning_effort" in given or (inner(given, "reasoningConfig") or {}).get("type") == "enabled":
        fields["thinking"] = {"type": "adaptive"}
    return fields


def _add(fields: dict[str, Json], extra: JsonObject) -> None:
    for name, value in extra.items():
        present = fields.get(name)
        if name in _NOT_READ:
            continue
        if isinstance(present, Mapping) and isinstance(value, Mapping):
            fields[name] = {**present, **value}
        elif present is not None:
            raise invalid(f"The additional field {name} conflicts with an existing field.")
        else:
            fields[name] = value


def _message(message: JsonObject, *, claude: bool) -> Json:
    return {"role": message.get("role"), "content": _marked(objects(message.get("content")), claude=claude)}


def _marked(blocks: list[JsonObject], *, claude: bool) -> list[Json]:
    """The blocks in Anthropic's form; a cache point marks the block before it."""
    found: list[dict[str, Json]] = []
    for block in blocks:
        point = inner(block, "cachePoint")
        if point is None:
            found.extend(_block(block, claude=claude))
        elif found:
            found[-1]["cache_control"] = _mark(point)
    return list[Json](found)


def _mark(point: JsonObject) -> Json:
    ttl = point.get("ttl")
    return {"type": "ephemeral", "ttl": ttl} if ttl is not None else {"type": "ephemeral"}


def _block(block: JsonObject, *, claude: bool) -> Iterator[dict[str, Json]]:
    name = next((name for name, value in block.items() if value is not None), "")
    value = block.get(name)
    content: JsonObject = value if isinstance(value, Mapping) else {}
    match name:
        case "text":
            yield {"type": "text", "text": value}
        case "image" | "document":
            yield _media(content, name)
        case "toolUse" | "toolResult":
            yield _tool_block(content, name, claude=claude)
        case "reasoningContent":
            yield from _reasoning(content, claude=claude)
        case "guardContent" | "citationsContent":
            yield from _wrapped(content)
        case "searchResult":
            yield {"type": "search_result", **content}
        case _:
            if name in _MEDIA and claude:
                raise invalid(f"This model doesn't support the {name} content block that you provided.")


def _media(content: JsonObject, name: str) -> dict[str, Json]:
    if name == "image":
        return {"type": "image", "source": _source(content, f"image/{content.get('format')}")}
    return {"type": "document", "title": content.get("name"), "source": _source(content, "application/pdf")}


def _tool_block(content: JsonObject, name: str, *, claude: bool) -> dict[str, Json]:
    identity = content.get("toolUseId")
    if name == "toolUse":
        return {"type": "tool_use", "id": identity, "name": content.get("name"), "input": content.get("input")}
    results = [part for one in objects(content.get("content")) for part in _result(one, claude=claude)]
    failed = content.get("status") == "error"
    return {"type": "tool_result", "tool_use_id": identity, "content": list[Json](results), "is_error": failed}


def _wrapped(content: JsonObject) -> Iterator[dict[str, Json]]:
    """Text for a guardrail, or text with citations; a picture for a guardrail is left out."""
    guarded = inner(content, "text")
    pieces = [guarded] if guarded is not None else objects(content.get("content"))
    if pieces:
        yield {"type": "text", "text": "".join(str(piece.get("text")) for piece in pieces)}


def _result(block: JsonObject, *, claude: bool) -> Iterator[dict[str, Json]]:
    if "json" in block:
        yield {"type": "text", "text": orjson.dumps(block["json"]).decode()}
    else:
        yield from _block(block, claude=claude)


def _reasoning(content: JsonObject, *, claude: bool) -> Iterator[dict[str, Json]]:
    text = inner(content, "reasoningText")
    if text is None:
        yield {"type": "redacted_thinking", "data": content.get("redactedContent")}
    elif claude or text.get("signature") is not None:
        # Only Claude signs what it thinks, and wants the signature back.
        signed = {"signature": text["signature"]} if text.get("signature") is not None else {}
        yield {"type": "thinking", "thinking": text.get("text"), **signed}


def _source(block: JsonObject, media_type: str) -> Json:
    source = inner(block, "source") or {}
    if source.get("bytes") is not None:
        return {"type": "base64", "media_type": media_type, "data": source["bytes"]}
    if source.get("text") is not None:
        return {"type": "text", "media_type": "text/plain", "data": source["text"]}
    return {"type": "file", "file_id": "elsewhere"}


def _inference(config: JsonObject) -> dict[str, Json]:
    names = {
        "maxTokens": "max_tokens",
        "temperature": "temperature",
        "topP": "top_p",
        "stopSequences": "stop_sequences",
    }
    return {known: config[name] for name, known in names.items() if config.get(name) is not None}


def _output(config: JsonObject) -> dict[str, Json]:
    output: dict[str, Json] = {}
    if config.get("effort") is not None:
        output["effort"] = config["effort"]
    form = inner(config, "textFormat")
    structure = inner(form, "structure") if form is not None else None
    named = inner(structure, "jsonSchema") if structure is not None else None
    if named is not None:
        try:
            schema: Json = orjson.loads(str(named.get("schema")))
        except orjson.JSONDecodeError as error:
            raise invalid("The schema of outputConfig.textFormat is not valid JSON.") from error
        output["format"] = {"type": "json_schema", "schema": schema}
    return {"output_config": output} if output else {}


def _tools(config: JsonObject) -> dict[str, Json]:
    tools: list[dict[str, Json]] = []
    for tool in objects(config.get("tools")):
        point, spec = inner(tool, "cachePoint"), inner(tool, "toolSpec")
        if spec is not None:
            schema = inner(spec, "inputSchema") or {}
            tools.append({"name": spec.get("name"), "input_schema": schema.get("json")})
            tools[-1].update({name: spec[name] for name in ("description", "strict") if spec.get(name) is not None})
        elif point is not None and tools:
            tools[-1]["cache_control"] = _mark(point)
    fields: dict[str, Json] = {"tools": list[Json](tools)} if tools else {}
    choice = inner(config, "toolChoice")
    for kind, value in choice.items() if choice is not None else ():
        if value is not None:
            named = {"name": value.get("name")} if isinstance(value, Mapping) and kind == "tool" else {}
            fields["tool_choice"] = {"type": kind, **named}
    return fields
