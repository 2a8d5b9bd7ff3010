"""Features of an answer's form, and of how much to think before it."""

from tests.carryover.shape import Feature, generation
from tests.carryover.tools import SCHEMA, SCHEMA_JSON

REPLIES = (
    Feature(
        "JSON of any shape",
        {
            "openai-chat": {"response_format": {"type": "json_object"}},
            "openai-responses": {"text": {"format": {"type": "json_object"}}},
            "gemini": generation(responseMimeType="application/json"),
        },
        {
            "openai": 'response_format = {"type":"json_object"}',
            "openai-responses": 'text.format = {"type":"json_object"}',
            "anthropic": "system ~ JSON",
            "bedrock": "system.0.text ~ JSON",
            "gemini": 'generationConfig.responseMimeType = "application/json"',
        },
    ),
    Feature(
        "JSON of a schema",
        {
            "openai-chat": {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n7", "schema": SCHEMA, "strict": True},
                }
            },
            "openai-responses": {
                "text": {"format": {"type": "json_schema", "name": "n7", "schema": SCHEMA, "strict": True}}
            },
            "anthropic-messages": {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
            "gemini": generation(responseMimeType="application/json", responseJsonSchema=SCHEMA),
        },
        {
            "openai": f"response_format.json_schema.schema = {SCHEMA_JSON}",
            "openai-responses": f"text.format.schema = {SCHEMA_JSON}",
            "anthropic": f"output_config.format.schema = {SCHEMA_JSON}",
            "bedrock": 'outputConfig.textFormat.structure.jsonSchema.schema ~ "required":["x"]',
            "gemini": f"generationConfig.responseJsonSchema = {SCHEMA_JSON}",
        },
    ),
    Feature(
        "JSON of a schema, in Gemini's own words",
        {
            "gemini": generation(
                responseMimeType="application/json",
                responseSchema={"type": "OBJECT", "properties": {"x": {"type": "INTEGER", "nullable": True}}},
            )
        },
        {
            "openai": 'response_format.json_schema.schema.properties.x.type = ["integer","null"]',
            "openai-responses": 'text.format.schema.properties.x.type = ["integer","null"]',
            "anthropic": 'output_config.format.schema.properties.x.type = ["integer","null"]',
            "bedrock": 'outputConfig.textFormat.structure.jsonSchema.schema ~ "null"',
        },
    ),
    Feature(
        "verbosity",
        {"openai-chat": {"verbosity": "low"}, "openai-responses": {"text": {"verbosity": "low"}}},
        {"openai": 'verbosity = "low"', "openai-responses": 'text.verbosity = "low"'},
    ),
    Feature("predicted answer", {"openai-chat": {"prediction": {"type": "content", "content": "P7"}}}),
    Feature(
        "spoken answer",
        {
            "openai-chat": {"modalities": ["text", "audio"], "audio": {"voice": "ash", "format": "wav"}},
            "gemini": generation(responseModalities=["AUDIO"], speechConfig={"languageCode": "en-US"}),
        },
    ),
    Feature(
        "images in the answer",
        {
            "openai-responses": {"tools": [{"type": "image_generation"}]},
            "gemini": generation(responseModalities=["TEXT", "IMAGE"], imageConfig={"aspectRatio": "1:1"}),
        },
    ),
    Feature("text behind the insertion", {"openai-completions": {"suffix": "S7"}}),
    Feature("prompt repeated in the answer", {"openai-completions": {"echo": True}}),
    Feature("best of several", {"openai-completions": {"best_of": 2}}),
    Feature("several prompts", {"openai-completions": {"prompt": ["Hi", "Ho"]}}),
    Feature("prompt of tokens", {"openai-completions": {"prompt": [1, 7]}}),
)

_MODELS_CHOICE = "how much is the model's choice where nothing is said"

REASONING = (
    Feature(
        "reasoning effort",
        {
            "openai-chat": {"reasoning_effort": "low"},
            "openai-responses": {"reasoning": {"effort": "low"}},
            "anthropic-messages": {"output_config": {"effort": "low"}},
            "gemini": generation(thinkingConfig={"thinkingLevel": "LOW"}),
        },
        {
            "openai": 'reasoning_effort = "low"',
            "openai-responses": 'reasoning.effort = "low"',
            "anthropic": 'output_config.effort = "low"',
            "bedrock": 'outputConfig.effort = "low"',
            "gemini": 'generationConfig.thinkingConfig.thinkingLevel = "LOW"',
        },
    ),
    Feature(
        "reasoning budget",
        {
            "openai-chat": {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            "anthropic-messages": {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            "gemini": generation(thinkingConfig={"thinkingBudget": 2000}, maxOutputTokens=4000),
        },
        {
            "openai": 'reasoning_effort = "low"',
            "openai-responses": 'reasoning.effort = "low"',
            "anthropic": "thinking.budget_tokens = 2000",
            "bedrock": "additionalModelRequestFields.thinking.budget_tokens = 2000",
            "gemini": "generationConfig.thinkingConfig.thinkingLevel",
        },
    ),
    Feature(
        "reasoning as the model sees fit",
        {
            "openai-chat": {"thinking": {"type": "adaptive"}},
            "anthropic-messages": {"thinking": {"type": "adaptive"}},
            "gemini": generation(thinkingConfig={"thinkingBudget": -1}),
        },
        {
            "anthropic": 'thinking = {"type":"adaptive"}',
            "bedrock": 'additionalModelRequestFields.thinking = {"type":"adaptive"}',
            "gemini": "generationConfig.thinkingConfig.includeThoughts = true",
        },
        {
            "openai": _MODELS_CHOICE,
            "openai-responses": _MODELS_CHOICE,
        },
    ),
    Feature(
        "reasoning off, of models that can",
        {
            "openai-chat": {"reasoning_effort": "none"},
            "openai-responses": {"reasoning": {"effort": "none"}},
            "anthropic-messages": {"thinking": {"type": "disabled"}},
            "gemini": generation(thinkingConfig={"thinkingBudget": 0}),
        },
        {
            "openai": 'reasoning_effort = "none"',
            "openai-responses": 'reasoning.effort = "none"',
            "anthropic": 'thinking = {"type":"disabled"}',
            "bedrock": 'additionalModelRequestFields.thinking = {"type":"disabled"}',
        },
        {
            "*": "off without an effort is Anthropic's default, which its clients often spell out; models that cannot reason"
            " refuse the field, and those of OpenAI's that would reason unasked are told"
        },
    ),
    Feature(
        "reasoning shown",
        {
            "openai-responses": {"reasoning": {"effort": "low", "summary": "auto"}},
            "anthropic-messages": {"thinking": {"type": "adaptive", "display": "summarized"}},
            "gemini": generation(thinkingConfig={"includeThoughts": True}),
        },
        {
            "openai-responses": 'reasoning.summary = "auto"',
            "anthropic": 'thinking.display = "summarized"',
            "bedrock": 'additionalModelRequestFields.thinking.display = "summarized"',
            "gemini": "generationConfig.thinkingConfig.includeThoughts = true",
        },
        {"openai": "Chat Completions never shows it, compatible servers always do"},
    ),
)
