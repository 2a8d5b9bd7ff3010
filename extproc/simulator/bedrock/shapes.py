"""The service model of Converse, as far as requests go, and the check of a document against it.

Source: the service model of AWS's own SDKs (bedrock-runtime, 2023-09-30). A shape is written as ``name:type`` pairs;
``*`` marks a required member, ``|`` in front a union, of which exactly one member is set. Types:

``[X]`` a list, ``{X}`` a map, ``doc`` any JSON, ``bool``, ``blob`` (base64, not empty), ``=a|b`` one of these texts,
``int:1..`` and ``float:0..1`` numbers within bounds, ``str:1..64`` text of a length, ``str:1..64~name`` that also
matches a pattern of ``_PATTERNS``.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import NamedTuple

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.bedrock.errors import invalid, refuse
from extproc.simulator.wire import Refused

_PATTERNS: Mapping[str, str] = {
    "id": r"[a-zA-Z0-9_.:-]+",
    "name": r"[a-zA-Z0-9_-]+",
    "s3": r"s3://[a-z0-9][\.\-a-z0-9]{1,61}[a-z0-9](/.*)?",
    "account": r"[0-9]{12}",
    "metadata": r"[a-zA-Z0-9\s:_@$#=/+,\-.]*",
    "guardrail": r"(|([a-z0-9]+)|(arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+))",
    "version": r"(|([1-9][0-9]{0,7})|(DRAFT))",
}

_S3 = "| bytes:blob s3Location:S3Location"

_SHAPES: Mapping[str, str] = {
    "Request": (
        "messages:[Message] system:[System] inferenceConfig:Inference toolConfig:ToolConfig guardrailConfig:Guardrail "
        "additionalModelRequestFields:doc promptVariables:{Variable} additionalModelResponseFieldPaths:[str:1..256] "
        "requestMetadata:{str:0..256~metadata} performanceConfig:Performance serviceTier:Tier outputConfig:Output"
    ),
    "Counted": "messages:[Message] system:[System] toolConfig:ToolConfig additionalModelRequestFields:doc",
    "Message": "role*:=user|assistant|system content*:[Content]",
    "Content": (
        "| text:str image:Image document:Document video:Video audio:Audio toolUse:ToolUse toolResult:ToolResult "
        "guardContent:Guarded cachePoint:CachePoint reasoningContent:Reasoning citationsContent:Cited "
        "searchResult:SearchResult toolAddition:ToolChange toolRemoval:ToolChange"
    ),
    "System": "| text:str:1.. guardContent:Guarded cachePoint:CachePoint",
    "Image": "format*:=png|jpeg|gif|webp source*:Source error:doc",
    "Document": (
        "format:=pdf|csv|doc|docx|xls|xlsx|html|txt|md name*:str:1..200 source*:DocumentSource context:str "
        "citations:Citing"
    ),
    "Video": "format*:=mkv|mov|mp4|webm|flv|mpeg|mpg|wmv|three_gp source*:Source",
    "Audio": ("format*:=mp3|opus|wav|aac|flac|mp4|ogg|mkv|mka|x-aac|m4a|mpeg|mpga|pcm|webm source*:Source error:doc"),
    "Source": _S3,
    "DocumentSource": f"{_S3} text:str content:[Piece]",
    "S3Location": "uri*:str:1..1024~s3 bucketOwner:str:..~account",
    "Piece": "| text:str",
    "Citing": "enabled*:bool",
    "ToolUse": "toolUseId*:str:1..64~id name*:str:1..64~name input*:doc type:=server_tool_use",
    "ToolResult": "toolUseId*:str:1..64~id content*:[ResultContent] status:=success|error type:str",
    "ResultContent": "| json:doc text:str image:Image document:Document video:Video searchResult:SearchResult",
    "SearchResult": "source*:str title*:str content*:[SearchText] citations:Citing",
    "SearchText": "text*:str",
    "Guarded": "| text:GuardedText image:GuardedImage",
    "GuardedText": "text*:str qualifiers:[=grounding_source|query|guard_content]",
    "GuardedImage": "format*:=png|jpeg source*:Bytes",
    "Bytes": "| bytes:blob",
    "CachePoint": "type*:=default ttl:=5m|1h",
    "Reasoning": "| reasoningText:ReasoningText redactedContent:blob",
    "ReasoningText": "text*:str signature:str",
    "Cited": "content:[Piece] citations:[doc]",
    "ToolChange": "tool*:ToolReference",
    "ToolReference": "type:str:1..64 name:str:1..128 serverName:str:1..128",
    "Inference": "maxTokens:int:1.. temperature:float:0..1 topP:float:0..1 stopSequences:[str:1..]",
    "ToolConfig": "tools*:[Tool] toolChoice:Choice",
    "Tool": "| toolSpec:ToolSpec systemTool:Named cachePoint:CachePoint",
    "ToolSpec": "name*:str:1..64~name description:str:1.. inputSchema*:InputSchema strict:bool",
    "InputSchema": "| json:doc",
    "Named": "name*:str:1..64~name",
    "Choice": "| auto:Empty any:Empty tool:Named",
    "Empty": "",
    "Guardrail": (
        "guardrailIdentifier:str:0..2048~guardrail guardrailVersion:str:..~version trace:=enabled|disabled|enabled_full "
        "streamProcessingMode:=sync|async"
    ),
    "Variable": "| text:str",
    "Performance": "latency:=standard|optimized",
    "Tier": "type*:=priority|default|flex|reserved",
    "Output": "textFormat:TextFormat effort:str:0..16",
    "TextFormat": "type*:=json_schema structure*:Structure",
    "Structure": "| jsonSchema:JsonSchema",
    "JsonSchema": "schema*:str name:str description:str",
}


class _Member(NamedTuple):
    type: str
    required: bool


class _Shape(NamedTuple):
    members: Mapping[str, _Member]
    union: bool


def _parse(text: str) -> _Shape:
    words = text.split()
    union = words[:1] == ["|"]
    members: dict[str, _Member] = {}
    for word in words[1:] if union else words:
        name, _, kind = word.partition(":")
        members[name.rstrip("*")] = _Member(kind, required=name.endswith("*"))
    return _Shape(members, union)


_PARSED: Mapping[str, _Shape] = {name: _parse(text) for name, text in _SHAPES.items()}


def check_shape(document: JsonObject, shape: str) -> None:
    """Raises ``Refused`` where ``document`` does not fit the service model's ``shape``."""
    _structure(document, _PARSED[shape], ())


_Path = tuple[str, ...]


def _check(value: Json, kind: str, path: _Path) -> None:
    if kind.startswith("["):
        if not isinstance(value, list):
            raise _misfit(path)
        for index, item in enumerate(value):
            _check(item, kind[1:-1], (*path, str(index)))
    elif kind.startswith("{"):
        if not isinstance(value, Mapping):
            raise _misfit(path)
        for name, item in value.items():
            _check(item, kind[1:-1], (*path, name))
    elif kind in _PARSED:
        if not isinstance(value, Mapping):
            raise _misfit(path)
        _structure(value, _PARSED[kind], path)
    elif kind != "doc":
        _scalar(value, kind, path)


def _structure(value: JsonObject, shape: _Shape, path: _Path) -> None:
    for name in value:
        if name not in shape.members:
            pointer = "/".join(("#", *path))
            raise invalid(
                f"Malformed input request: {pointer}: extraneous key [{name}] is not permitted, please reformat your "
                "input and try again."
            )
    present = [name for name in value if value[name] is not None]
    if shape.union and len(present) != 1:
        raise refuse(
            "SerializationException",
            f"Exactly one member of the union at '{_dotted(path)}' must be set, not {len(present)}",
        )
    for name, member in shape.members.items():
        if value.get(name) is not None:
            _check(value[name], member.type, (*path, name))
        elif member.required:
            raise _constraint("null", (*path, name), "Member must not be null")


def _scalar(value: Json, kind: str, path: _Path) -> None:
    if kind.startswith("="):
        options = kind[1:].split("|")
        if not isinstance(value, str):
            raise _misfit(path)
        if value not in options:
            listed = ", ".join(options)
            raise _constraint(f"'{value}'", path, f"Member must satisfy enum value set: [{listed}]")
        return
    if kind == "bool":
        if not isinstance(value, bool):
            raise _misfit(path)
    elif kind == "blob":
        _blob(value, path)
    elif kind.startswith("str"):
        _text(value, kind, path)
    else:
        _number(value, kind, path)


def _blob(value: Json, path: _Path) -> None:
    if not isinstance(value, str):
        raise _misfit(path)
    try:
        decoded = base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise refuse("SerializationException", f"Unable to decode base64 at '{_dotted(path)}'") from error
    if not decoded:
        raise _constraint("''", path, "Member must have length greater than or equal to 1")


def _text(value: Json, kind: str, path: _Path) -> None:
    if not isinstance(value, str):
        raise _misfit(path)
    _, _, limits = kind.partition(":")
    bounds, _, pattern = limits.partition("~")
    low, _, high = bounds.partition("..")
    shown = f"'{value[:40]}'"
    if low and len(value) < int(low):
        raise _constraint(shown, path, f"Member must have length greater than or equal to {low}")
    if high and len(value) > int(high):
        raise _constraint(shown, path, f"Member must have length less than or equal to {high}")
    if pattern and not re.fullmatch(_PATTERNS[pattern], value):
        raise _constraint(shown, path, f"Member must satisfy regular expression pattern: {_PATTERNS[pattern]}")


def _number(value: Json, kind: str, path: _Path) -> None:
    name, _, bounds = kind.partition(":")
    wanted = int if name == "int" else int | float
    if isinstance(value, bool) or not isinstance(value, wanted):
        raise _misfit(path)
    assert isinstance(value, int | float)
    low, _, high = bounds.partition("..")
    if low and value < float(low):
        raise _constraint(f"'{value}'", path, f"Member must have value greater than or equal to {low}")
    if high and value > float(high):
        raise _constraint(f"'{value}'", path, f"Member must have value less than or equal to {high}")


def _misfit(path: _Path) -> Refused:
    return refuse("SerializationException", f"Unexpected field type at '{_dotted(path)}'")


def _constraint(value: str, path: _Path, constraint: str) -> Refused:
    return invalid(
        f"1 validation error detected: Value {value} at '{_dotted(path)}' failed to satisfy constraint: {constraint}"
    )


def _dotted(path: _Path) -> str:
    """As AWS writes it: list members count from one, and are called so."""
    return ".".join(f"{int(part) + 1}.member" if part.isdigit() else part for part in path)
