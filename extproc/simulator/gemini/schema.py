"""Google's messages as JSON: unknown names and wrong values are refused in the words of Google's front end.

A message is written as ``name:type`` pairs; ``^`` marks what only Vertex has, ``!`` what only the Gemini API has. Types:
``[X]`` repeated, ``{X}`` a map, ``any`` free JSON, ``=A|B`` an enumeration, ``str int num bool bytes``, or a message.
Where a list is due, a lone value is taken for a list of one.

Source: https://ai.google.dev/api/generate-content, https://cloud.google.com/vertex-ai/docs/reference/rest/v1/Content and
Google's SDK
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.gemini.errors import violations

_MODALITIES = "=MODALITY_UNSPECIFIED|TEXT|IMAGE|AUDIO|VIDEO"
_RESOLUTION = "=MEDIA_RESOLUTION_UNSPECIFIED|MEDIA_RESOLUTION_LOW|MEDIA_RESOLUTION_MEDIUM|MEDIA_RESOLUTION_HIGH"
_CATEGORIES = (
    "HARM_CATEGORY_UNSPECIFIED|HARM_CATEGORY_HARASSMENT|HARM_CATEGORY_HATE_SPEECH|HARM_CATEGORY_SEXUALLY_EXPLICIT|"
    "HARM_CATEGORY_DANGEROUS_CONTENT|HARM_CATEGORY_CIVIC_INTEGRITY|HARM_CATEGORY_JAILBREAK"
)
_EMBEDDING = "content:Content taskType:str title:str outputDimensionality:int"

_MESSAGES: Mapping[str, str] = {
    "GenerateContentRequest": (
        "model:str contents:[Content] systemInstruction:Content tools:[Tool] toolConfig:ToolConfig "
        "safetySettings:[SafetySetting] generationConfig:GenerationConfig cachedContent:str labels:{str} "
        "serviceTier:=UNSPECIFIED|FLEX|STANDARD|PRIORITY store!:bool modelArmorConfig^:any"
    ),
    "CountTokensRequest": (
        "model:str contents:[Content] generateContentRequest!:GenerateContentRequest systemInstruction^:Content "
        "tools^:[Tool] generationConfig^:GenerationConfig instances^:any"
    ),
    "EmbedContentRequest": f"model:str {_EMBEDDING} embedContentConfig:EmbedContentConfig",
    "EmbedContentConfig": "taskType:str title:str outputDimensionality:int autoTruncate:bool documentOcr:bool "
    "audioTrackExtraction:bool",
    "BatchEmbedContentsRequest": "model:str requests:[EmbedContentRequest]",
    "PredictRequest": "instances:[EmbeddingInstance] parameters:EmbeddingParameters labels:{str}",
    "EmbeddingInstance": "content:str taskType:str title:str mimeType:str",
    "EmbeddingParameters": "autoTruncate:bool outputDimensionality:int",
    "Content": "role:str parts:[Part]",
    "Part": (
        "text:str inlineData:Blob fileData:FileData functionCall:FunctionCall functionResponse:FunctionResponse "
        "executableCode:any codeExecutionResult:any toolCall:any toolResponse:any thought:bool thoughtSignature:bytes "
        "videoMetadata:any mediaResolution:any partMetadata:any audioTranscription:any mediaProcessing:any "
        "speechMetadata:any documentMetadata:any spreadsheetMetadata:any audioMetadata:any"
    ),
    "Blob": "mimeType:str data:bytes displayName^:str",
    "FileData": "mimeType:str fileUri:str displayName^:str",
    "FunctionCall": "id:str name:str args:any partialArgs^:any willContinue^:bool",
    "FunctionResponse": (
        "id:str name:str response:any parts:[FunctionResponsePart] willContinue:bool "
        "scheduling:=SCHEDULING_UNSPECIFIED|SILENT|WHEN_IDLE|INTERRUPT"
    ),
    "FunctionResponsePart": "inlineData:Blob fileData:FileData mediaResolution:any",
    "Tool": (
        "functionDeclarations:[FunctionDeclaration] googleSearch:any googleSearchRetrieval:any codeExecution:any "
        "urlContext:any computerUse:any googleMaps:any fileSearch!:any mcpServers!:any retrieval^:any "
        "enterpriseWebSearch^:any parallelAiSearch^:any exaAiSearch^:any"
    ),
    "FunctionDeclaration": (
        "name:str description:str parameters:Schema parametersJsonSchema:any response:Schema responseJsonSchema:any "
        "behavior:=UNSPECIFIED|BLOCKING|NON_BLOCKING"
    ),
    "Schema": (
        "type:=TYPE_UNSPECIFIED|STRING|NUMBER|INTEGER|BOOLEAN|ARRAY|OBJECT|NULL format:str title:str description:str "
        "nullable:bool enum:[str] items:Schema maxItems:int minItems:int properties:{Schema} required:[str] "
        "minProperties:int maxProperties:int minLength:int maxLength:int pattern:str example:any anyOf:[Schema] "
        "propertyOrdering:[str] default:any minimum:num maximum:num additionalProperties^:any ref^:str defs^:{Schema}"
    ),
    "ToolConfig": (
        "functionCallingConfig:FunctionCallingConfig retrievalConfig:any includeServerSideToolInvocations:bool"
    ),
    "FunctionCallingConfig": (
        "mode:=MODE_UNSPECIFIED|AUTO|ANY|NONE|VALIDATED allowedFunctionNames:[str] streamFunctionCallArguments^:bool"
    ),
    "SafetySetting": (
        f"category:={_CATEGORIES} method^:=HARM_BLOCK_METHOD_UNSPECIFIED|SEVERITY|PROBABILITY "
        "threshold:=HARM_BLOCK_THRESHOLD_UNSPECIFIED|BLOCK_LOW_AND_ABOVE|BLOCK_MEDIUM_AND_ABOVE|BLOCK_ONLY_HIGH|"
        "BLOCK_NONE|OFF"
    ),
    "GenerationConfig": (
        "temperature:num topP:num topK:num candidateCount:int maxOutputTokens:int stopSequences:[str] "
        "responseLogprobs:bool logprobs:int presencePenalty:num frequencyPenalty:num seed:int responseMimeType:str "
        f"responseSchema:Schema responseJsonSchema:any responseModalities:[{_MODALITIES}] "
        f"mediaResolution:{_RESOLUTION} speechConfig:any thinkingConfig:ThinkingConfig imageConfig:any "
        "audioTranscriptionConfig:any continuationToken:bytes responseFormat:any enableEnhancedCivicAnswers!:bool "
        "routingConfig^:any modelConfig^:any audioTimestamp^:bool outputConfig^:any"
    ),
    "ThinkingConfig": (
        "includeThoughts:bool thinkingBudget:int "
        "thinkingLevel:=THINKING_LEVEL_UNSPECIFIED|MINIMAL|LOW|MEDIUM|HIGH|XHIGH"
    ),
}


class _Field(NamedTuple):
    type: str
    snake: str
    vertex: bool
    gemini: bool


def _parse(text: str) -> Mapping[str, tuple[str, _Field]]:
    """Fields by either of their names: the camelCase one, and what is known of it."""
    fields: dict[str, tuple[str, _Field]] = {}
    for word in text.split():
        marked, _, kind = word.partition(":")
        name = marked.rstrip("^!")
        snake = re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), name)
        field = _Field(kind, snake, vertex=not marked.endswith("!"), gemini=not marked.endswith("^"))
        fields[name] = fields[snake] = (name, field)
    return fields


_PARSED: Mapping[str, Mapping[str, tuple[str, _Field]]] = {name: _parse(text) for name, text in _MESSAGES.items()}


def normal(body: JsonObject, message: str, *, vertex: bool) -> dict[str, Json]:
    """The body as a ``message``, in camelCase, enumerations in capitals. Raises ``Refused`` naming all that is wrong."""
    reader = _Reader(vertex=vertex)
    document = reader.message(body, message, "")
    if reader.faults:
        raise violations(reader.faults)
    return document


def signature_bytes(text: Json) -> bytes:
    """The bytes of a checked ``bytes`` field."""
    return _decoded(text) if isinstance(text, str) else b""


class _Reader:
    def __init__(self, *, vertex: bool) -> None:
        self._vertex = vertex
        self.faults: list[tuple[str, str]] = []
        """Path and description of each."""

    def message(self, value: JsonObject, name: str, path: str) -> dict[str, Json]:
        known = _PARSED[name]
        document: dict[str, Json] = {}
        for given, content in value.items():
            found = known.get(given)
            if found is None or not (found[1].vertex if self._vertex else found[1].gemini):
                where = f" at '{path}'" if path else ""
                text = f'Invalid JSON payload received. Unknown name "{given}"{where}: Cannot find field.'
                self.faults.append((path, text))
                continue
            if content is not None:
                camel, field = found
                document[camel] = self._field(content, field.type, f"{path}.{field.snake}" if path else field.snake)
        return document

    def _field(self, value: Json, kind: str, path: str) -> Json:
        if kind.startswith("["):
            items = value if isinstance(value, list) else [value]
            return [self._value(item, kind[1:-1], f"{path}[{index}]") for index, item in enumerate(items)]
        if isinstance(value, list) and kind != "any":
            parent, _, name = path.rpartition(".")
            where = f" at '{parent}'" if parent else ""
            text = f'Invalid JSON payload received. Unknown name "{name}"{where}: Proto field is not repeating, cannot start list.'
            self.faults.append((parent, text))
            return None
        if kind.startswith("{"):
            if not isinstance(value, Mapping):
                return self._wrong(value, "Map", path)
            return {
                name: self._value(item, kind[1:-1], f"{path}[{index}].value")
                for index, (name, item) in enumerate(value.items())
            }
        return self._value(value, kind, path)

    def _value(self, value: Json, kind: str, path: str) -> Json:
        if kind == "any":
            return value
        if kind in _PARSED:
            if not isinstance(value, Mapping):
                return self._wrong(value, f"type.googleapis.com/google.ai.generativelanguage.v1beta.{kind}", path)
            return self.message(value, kind, path)
        if kind.startswith("="):
            return self._enum(value, kind[1:].split("|"), path)
        return self._scalar(value, kind, path)

    def _enum(self, value: Json, options: list[str], path: str) -> Json:
        if isinstance(value, str) and value.upper() in options:
            return value.upper()
        return self._wrong(value, "type.googleapis.com/google.ai.generativelanguage.v1beta enumeration", path)

    def _scalar(self, value: Json, kind: str, path: str) -> Json:
        match kind, value:
            case ("int" | "num", bool()):
                return self._wrong(value, _TYPES[kind], path)
            case ("str", str()) | ("bool", bool()) | ("num", int() | float()) | ("int", int()):
                return value
            case "int", float() | str() if _WHOLE.fullmatch(str(value)):
                return int(float(value))
            case "bytes", str():
                return self._bytes(value, path)
            case _:
                return self._wrong(value, _TYPES[kind], path)

    def _bytes(self, value: str, path: str) -> Json:
        try:
            _decoded(value)
        except binascii.Error:
            text = f"Invalid value at '{path}' (TYPE_BYTES), Base64 decoding failed for \"{value[:40]}\""
            self.faults.append((path, text))
        return value

    def _wrong(self, value: Json, wanted: str, path: str) -> Json:
        shown = orjson.dumps(value).decode()[:60]
        self.faults.append((path, f"Invalid value at '{path}' ({wanted}), {shown}"))
        return None


_WHOLE = re.compile(r"-?\d{1,15}(\.0)?")
"""Whole numbers may be written as texts, or with a point."""
_TYPES: Mapping[str, str] = {
    "str": "TYPE_STRING",
    "int": "TYPE_INT32",
    "num": "TYPE_FLOAT",
    "bool": "TYPE_BOOL",
    "bytes": "TYPE_BYTES",
}


def _decoded(text: str) -> bytes:
    """Base64 of either alphabet, padded or not. Raises ``binascii.Error``."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
