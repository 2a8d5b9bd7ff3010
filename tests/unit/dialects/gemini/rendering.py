"""What the tests of requests to Gemini share. Whatever is rendered here has been taken by Google's SDK."""

import orjson

from extproc.dialects.base import RenderOptions
from extproc.dialects.gemini.dialect import GeminiProvider
from extproc.domain.conversation import CacheMark, Conversation, Message, Text, Tool, ToolCall, ToolResult
from tests.judges.gemini import check_request

HI = Message("user", (Text("Hi"),))
PNG = "iVBORw0KGgo="


def asked(*messages, model="gemini-3.6-flash", **fields):
    return Conversation(model, messages or (HI,), **fields)


def render(conversation, *, drop=False):
    rendered = GeminiProvider().render_request(conversation, RenderOptions(drop_unsupported=drop))
    check_request(orjson.loads(orjson.dumps(rendered.body)), stream=conversation.stream)
    return rendered


def contents(*messages, **fields):
    return render(asked(*messages, **fields)).body["contents"]


def config(**fields):
    return render(asked(**fields)).body.get("generationConfig")


CALL = Message("assistant", (ToolCall("c1", "get", '{"a":1}'),))
ANSWERED = Message("tool", (ToolResult("c1", (Text("fine"),)),))


def called(*parts):
    return contents(HI, Message("assistant", parts), ANSWERED)[1]["parts"]


SCHEMA = {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": ["string", "null"]}}}
TOOL = Tool("get", "Gets.", SCHEMA, cache=CacheMark())
