"""Arguments of tool calls, for the dialects that have them as an object: elsewhere they are text, as the model wrote it."""

import orjson

from extproc.domain.jsontext import read_exactly
from extproc.domain.reading import JsonObject


def arguments_object(arguments: str) -> JsonObject:
    """The object that the text spells; none are an empty one.

    Text that is no JSON object, as when the output limit cut it, is shown whole under the key that Anthropic advises:
    a refusal would end the conversation, which keeps the call for ever.
    https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming
    """
    if not arguments or arguments.isspace():
        return {}
    try:
        value = read_exactly(arguments)
    except orjson.JSONDecodeError:
        return {"INVALID_JSON": arguments}
    if value is None:
        return {}
    return value if isinstance(value, dict) else {"INVALID_JSON": arguments}
