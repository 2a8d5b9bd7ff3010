"""Features of the tools to choose from."""

from tests.carryover.shape import Feature

SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"], "additionalProperties": False}
SCHEMA_JSON = '{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"],"additionalProperties":false}'


def _chat_tools(*names, **fields):
    return [{"type": "function", "function": {"name": name, "parameters": SCHEMA, **fields}} for name in names]


def _item_tools(*names, **fields):
    return [{"type": "function", "name": name, "parameters": SCHEMA, **fields} for name in names]


def _claude_tools(*names, **fields):
    return [{"name": name, "input_schema": SCHEMA, **fields} for name in names]


def _gemini_tools(*names, **calling):
    declared = [{"name": name, "parametersJsonSchema": SCHEMA} for name in names]
    tools = {"tools": [{"functionDeclarations": declared}]}
    return {**tools, "toolConfig": {"functionCallingConfig": calling}} if calling else tools


TOOLS = (
    Feature(
        "tools",
        {
            "openai-chat": {"tools": _chat_tools("f7", description="D7")},
            "openai-responses": {"tools": _item_tools("f7", description="D7", strict=False)},
            "anthropic-messages": {"tools": _claude_tools("f7", description="D7")},
            "gemini": {
                "tools": [
                    {"functionDeclarations": [{"name": "f7", "description": "D7", "parametersJsonSchema": SCHEMA}]}
                ]
            },
        },
        {
            "openai": (
                'tools.0.function.name = "f7"',
                'tools.0.function.description = "D7"',
                f"tools.0.function.parameters = {SCHEMA_JSON}",
            ),
            "openai-responses": (
                'tools.0.name = "f7"',
                'tools.0.description = "D7"',
                f"tools.0.parameters = {SCHEMA_JSON}",
            ),
            "anthropic": ('tools.0.name = "f7"', 'tools.0.description = "D7"', f"tools.0.input_schema = {SCHEMA_JSON}"),
            "bedrock": (
                'toolConfig.tools.0.toolSpec.name = "f7"',
                'toolConfig.tools.0.toolSpec.description = "D7"',
                f"toolConfig.tools.0.toolSpec.inputSchema.json = {SCHEMA_JSON}",
            ),
            "gemini": (
                'tools.0.functionDeclarations.0.name = "f7"',
                'tools.0.functionDeclarations.0.description = "D7"',
                f"tools.0.functionDeclarations.0.parametersJsonSchema = {SCHEMA_JSON}",
            ),
        },
    ),
    Feature(
        "strict tools",
        {
            "openai-chat": {"tools": _chat_tools("f7", strict=True)},
            "openai-responses": {"tools": _item_tools("f7", strict=True)},
            "anthropic-messages": {"tools": _claude_tools("f7", strict=True)},
            "gemini": _gemini_tools("f7", mode="VALIDATED"),
        },
        {
            "openai": "tools.0.function.strict = true",
            "openai-responses": "tools.0.strict = true",
            "anthropic": "tools.0.strict = true",
            "bedrock": "toolConfig.tools.0.toolSpec.strict = true",
            "gemini": 'toolConfig.functionCallingConfig.mode = "VALIDATED"',
        },
        {
            "*": "of Gemini's VALIDATED only: the strict modes of others take a part of JSON Schema, and would refuse"
            " schemas that Gemini takes; they keep to a schema as well as they do without being asked"
        },
    ),
    Feature(
        "tool choice: auto",
        {
            "openai-chat": {"tools": _chat_tools("f7"), "tool_choice": "auto"},
            "openai-responses": {"tools": _item_tools("f7"), "tool_choice": "auto"},
            "anthropic-messages": {"tools": _claude_tools("f7"), "tool_choice": {"type": "auto"}},
            "gemini": _gemini_tools("f7", mode="AUTO"),
        },
        {
            "openai": 'tool_choice = "auto"',
            "openai-responses": 'tool_choice = "auto"',
            "anthropic": 'tool_choice = {"type":"auto"}',
            "bedrock": 'toolConfig.toolChoice = {"auto":{}}',
            "gemini": 'toolConfig.functionCallingConfig.mode = "AUTO"',
        },
    ),
    Feature(
        "tool choice: none",
        {
            "openai-chat": {"tools": _chat_tools("f7"), "tool_choice": "none"},
            "openai-responses": {"tools": _item_tools("f7"), "tool_choice": "none"},
            "anthropic-messages": {"tools": _claude_tools("f7"), "tool_choice": {"type": "none"}},
            "gemini": _gemini_tools("f7", mode="NONE"),
        },
        {
            "openai": 'tool_choice = "none"',
            "openai-responses": 'tool_choice = "none"',
            "anthropic": 'tool_choice = {"type":"none"}',
            "bedrock": "!toolConfig",
            "gemini": 'toolConfig.functionCallingConfig.mode = "NONE"',
        },
    ),
    Feature(
        "tool choice: some tool",
        {
            "openai-chat": {"tools": _chat_tools("f7"), "tool_choice": "required"},
            "openai-responses": {"tools": _item_tools("f7"), "tool_choice": "required"},
            "anthropic-messages": {"tools": _claude_tools("f7"), "tool_choice": {"type": "any"}},
            "gemini": _gemini_tools("f7", mode="ANY"),
        },
        {
            "openai": 'tool_choice = "required"',
            "openai-responses": 'tool_choice = "required"',
            "anthropic": 'tool_choice = {"type":"any"}',
            "bedrock": 'toolConfig.toolChoice = {"any":{}}',
            "gemini": 'toolConfig.functionCallingConfig.mode = "ANY"',
        },
    ),
    Feature(
        "tool choice: a certain tool",
        {
            "openai-chat": {
                "tools": _chat_tools("f7"),
                "tool_choice": {"type": "function", "function": {"name": "f7"}},
            },
            "openai-responses": {"tools": _item_tools("f7"), "tool_choice": {"type": "function", "name": "f7"}},
            "anthropic-messages": {"tools": _claude_tools("f7"), "tool_choice": {"type": "tool", "name": "f7"}},
            "gemini": _gemini_tools("f7", mode="ANY", allowedFunctionNames=["f7"]),
        },
        {
            "openai": 'tool_choice = {"type":"function","function":{"name":"f7"}}',
            "openai-responses": 'tool_choice = {"type":"function","name":"f7"}',
            "anthropic": 'tool_choice = {"type":"tool","name":"f7"}',
            "bedrock": 'toolConfig.toolChoice = {"tool":{"name":"f7"}}',
            "gemini": 'toolConfig.functionCallingConfig.allowedFunctionNames = ["f7"]',
        },
    ),
    Feature(
        "tool choice: some of the tools",
        {
            "openai-chat": {
                "tools": _chat_tools("f6", "f7", "f8"),
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": "required",
                        "tools": [{"type": "function", "function": {"name": name}} for name in ("f7", "f8")],
                    },
                },
            },
            "openai-responses": {
                "tools": _item_tools("f6", "f7", "f8"),
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "required",
                    "tools": [{"type": "function", "name": name} for name in ("f7", "f8")],
                },
            },
            "gemini": _gemini_tools("f6", "f7", "f8", mode="ANY", allowedFunctionNames=["f7", "f8"]),
        },
        {
            "openai": ('tools.0.function.name = "f7"', 'tools.1.function.name = "f8"', 'tool_choice = "required"'),
            "openai-responses": ('tools.0.name = "f7"', 'tools.1.name = "f8"', 'tool_choice = "required"'),
            "anthropic": ('tools.0.name = "f7"', 'tools.1.name = "f8"', 'tool_choice = {"type":"any"}'),
            "bedrock": (
                'toolConfig.tools.0.toolSpec.name = "f7"',
                'toolConfig.tools.1.toolSpec.name = "f8"',
                'toolConfig.toolChoice = {"any":{}}',
            ),
            "gemini": (
                'tools.0.functionDeclarations.0.name = "f7"',
                'tools.0.functionDeclarations.1.name = "f8"',
                'toolConfig.functionCallingConfig.mode = "ANY"',
            ),
        },
    ),
    Feature(
        "one call at a time",
        {
            "openai-chat": {"tools": _chat_tools("f7"), "parallel_tool_calls": False},
            "openai-responses": {"tools": _item_tools("f7"), "parallel_tool_calls": False},
            "anthropic-messages": {
                "tools": _claude_tools("f7"),
                "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
            },
        },
        {
            "openai": "parallel_tool_calls = false",
            "openai-responses": "parallel_tool_calls = false",
            "anthropic": "tool_choice.disable_parallel_tool_use = true",
            "bedrock": "additionalModelRequestFields.tool_choice.disable_parallel_tool_use = true",
        },
    ),
    Feature(
        "functions, the older spelling",
        {"openai-chat": {"functions": [{"name": "f7", "parameters": SCHEMA}], "function_call": "auto"}},
    ),
    Feature(
        "tools with free text for input",
        {
            "openai-chat": {"tools": [{"type": "custom", "custom": {"name": "f7"}}]},
            "openai-responses": {"tools": [{"type": "custom", "name": "f7"}]},
        },
        {
            "openai": 'tools.0.function.name = "f7"',
            "anthropic": 'tools.0.name = "f7"',
            "bedrock": 'toolConfig.tools.0.toolSpec.name = "f7"',
            "gemini": 'tools.0.functionDeclarations.0.name = "f7"',
        },
    ),
    Feature(
        "tools in a namespace",
        {
            "openai-responses": {
                "tools": [{"type": "namespace", "name": "ns", "description": "D7", "tools": _item_tools("f7")}]
            },
        },
        {
            "openai": 'tools.0.function.description = "ns: D7"',
            "anthropic": 'tools.0.description = "ns: D7"',
            "bedrock": 'toolConfig.tools.0.toolSpec.description = "ns: D7"',
            "gemini": 'tools.0.functionDeclarations.0.description = "ns: D7"',
        },
    ),
    Feature(
        "examples of an input",
        {"anthropic-messages": {"tools": _claude_tools("f7", input_examples=[{"city": "Paris"}])}},
        {
            "openai": 'tools.0.function.description = "Examples of its input:\\n{\\"city\\":\\"Paris\\"}"',
            "openai-responses": 'tools.0.description = "Examples of its input:\\n{\\"city\\":\\"Paris\\"}"',
            "bedrock": 'toolConfig.tools.0.toolSpec.description = "Examples of its input:\\n{\\"city\\":\\"Paris\\"}"',
            "gemini": 'tools.0.functionDeclarations.0.description = "Examples of its input:\\n{\\"city\\":\\"Paris\\"}"',
        },
    ),
    Feature(
        "search of tools by the client",
        {
            "openai-responses": {
                "tools": [{"type": "tool_search", "execution": "client", "description": "D7", "parameters": SCHEMA}]
            },
        },
        {
            "openai": 'tools.0.function.description = "D7"',
            "anthropic": 'tools.0.description = "D7"',
            "bedrock": 'toolConfig.tools.0.toolSpec.description = "D7"',
            "gemini": 'tools.0.functionDeclarations.0.description = "D7"',
        },
    ),
    Feature(
        "tools to be searched for",
        {
            "openai-responses": {"tools": _item_tools("f7", defer_loading=True)},
            "anthropic-messages": {"tools": _claude_tools("f7", defer_loading=True)},
        },
    ),
)
