"""The judge of Bedrock: the service model that botocore carries, and the types of the ``anthropic`` SDK for InvokeModel."""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from itertools import pairwise

import botocore.loaders
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator
from pydantic import TypeAdapter

MODEL = ServiceModel(botocore.loaders.Loader().load_service_model("bedrock-runtime", "service-2"))
WHOLE = TypeAdapter(MessageCreateParamsNonStreaming)
STREAMING = TypeAdapter(MessageCreateParamsStreaming)
SAMPLING = {"temperature", "top_p", "top_k"}
VERSIONS = {"bedrock-2023-05-31", "2023-06-01", "2026-10-21"}


def check_request(body, *, stream):
    """Raise where Converse (or ConverseStream) does not take this body: names, types, enums, patterns, ranges."""
    operation = MODEL.operation_model("ConverseStream" if stream else "Converse")
    check({**body, "modelId": "anthropic.claude-sonnet-4-5-20250929-v1:0"}, operation.input_shape)
    _check_turns(body)


def check_answer(body):
    """Raise where the service model has no such answer."""
    check(body, MODEL.operation_model("Converse").output_shape)


def check_event(name, payload):
    """Raise where ConverseStream has no such event; ``p`` is padding, which is in no model."""
    shape = MODEL.shape_for("ConverseStreamOutput").members[name]
    check({key: value for key, value in payload.items() if key != "p"}, shape)


def check_invoke_request(body, *, stream):
    """Raise where InvokeModel of a Claude model does not take this body: Anthropic's, but for what Bedrock has elsewhere."""
    assert body["anthropic_version"] in VERSIONS
    assert not {"model", "stream"} & body.keys(), "the path says both"
    rest = {name: value for name, value in body.items() if name not in {"anthropic_version", "anthropic_beta"}}
    assert all(isinstance(beta, str) for beta in body.get("anthropic_beta", []))
    # The SDK has dropped these from its types; older models take them.
    assert all(isinstance(rest.pop(name), int | float) for name in SAMPLING & rest.keys())
    kind = STREAMING if stream else WHOLE
    _consume(kind.validate_python({**rest, "model": "m", **({"stream": True} if stream else {})}, extra="forbid"))


def check(value, shape: Shape):
    """Raise ``AssertionError`` with all that is wrong."""
    errors = []
    decoded = _decoded(value, shape, "", errors)
    report = ParamValidator().validate(decoded, shape)
    assert not report.has_errors(), report.generate_report()
    assert not errors, errors


def _decoded(value, shape, path, errors):
    """The value with its base64 as bytes; notes what botocore leaves for the server to check."""
    match shape.type_name:
        case "structure" if shape.is_document_type:
            return value
        case "structure":
            return {
                name: _decoded(inner, shape.members[name], f"{path}.{name}", errors) if name in shape.members else inner
                for name, inner in value.items()
            }
        case "list":
            return [_decoded(inner, shape.member, f"{path}[{at}]", errors) for at, inner in enumerate(value)]
        case "map":
            for name in value:
                _decoded(name, shape.key, f"{path}.{name}", errors)
            return {name: _decoded(inner, shape.value, f"{path}.{name}", errors) for name, inner in value.items()}
        case "blob":
            return b64decode(value, validate=True)
        case _:
            errors += [f"{path}: {value!r} {fault}" for fault in _faults(value, shape)]
            return value


def _faults(value, shape):
    pattern, most = shape.metadata.get("pattern"), shape.metadata.get("max")
    is_text = shape.type_name == "string"
    if is_text and shape.enum and value not in shape.enum:
        yield f"is none of {shape.enum}"
    if is_text and pattern and not re.fullmatch(pattern, value):
        yield f"is not of the pattern {pattern}"
    if most is not None and (len(value) if is_text else value) > most:
        yield f"is above {most}"


def _check_turns(body):
    """What the service model says in words only."""
    turns = body["messages"]
    roles = [turn["role"] for turn in turns]
    assert roles[0] == "user"
    assert all(one != other for one, other in pairwise(roles))
    for turn in turns:
        assert turn["content"], "a turn without content"
        kinds = [next(iter(block)) for block in turn["content"]]
        assert turn["role"] == "user" or not {"image", "document", "toolResult"} & set(kinds)
        assert turn["role"] == "assistant" or "toolUse" not in kinds
        assert "document" not in kinds or "text" in kinds, "a document needs a text beside it"
        assert kinds[0] != "cachePoint"
        assert all(block["text"].strip() for block in turn["content"] if "text" in block)
    names = [b["document"]["name"] for turn in turns for b in turn["content"] if "document" in b]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9\-()\[\]]+(\s[A-Za-z0-9\-()\[\]]+)*", name) for name in names)
    used = any("toolUse" in block or "toolResult" in block for turn in turns for block in turn["content"])
    assert not used or body["toolConfig"]["tools"], "a history of calls needs a toolConfig"
    additional = body.get("additionalModelRequestFields", {})
    if "tool_choice" in additional:
        assert "toolChoice" not in body["toolConfig"], "the vendor refuses two spellings of one choice"


def _consume(value):
    """Pydantic reads the SDK's ``Iterable`` fields only as they are read."""
    if isinstance(value, Mapping):
        for inner in value.values():
            _consume(inner)
    elif isinstance(value, list | Iterator):
        for inner in value:
            _consume(inner)
