"""Features about who asks, how it is billed and stored, and what a vendor does beside its model."""

from tests.carryover.shape import Feature, asked, asking, chat, contents, generation, user

_CLIENTS = ("openai-chat", "openai-responses", "openai-completions", "anthropic-messages", "gemini")
_SAFETY = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
_GUARDRAIL = {"guardrailIdentifier": "g7", "guardrailVersion": "1"}

ACCOUNT = (
    Feature(
        "end user",
        {
            "openai-chat": {"safety_identifier": "U7"},
            "openai-responses": {"safety_identifier": "U7"},
            "openai-completions": {"user": "U7"},
            "anthropic-messages": {"metadata": {"user_id": "U7"}},
        },
        {
            "openai": 'user = "U7"',
            "openai-responses": 'safety_identifier = "U7"',
            "openai-completions": 'user = "U7"',
            "anthropic": 'metadata = {"user_id":"U7"}',
        },
    ),
    Feature(
        "end user, older name",
        {"openai-chat": {"user": "U7"}, "openai-responses": {"user": "U7"}},
        {
            "openai": 'user = "U7"',
            "openai-responses": 'safety_identifier = "U7"',
            "openai-completions": 'user = "U7"',
            "anthropic": 'metadata = {"user_id":"U7"}',
        },
    ),
    Feature(
        "metadata",
        {"openai-chat": {"metadata": {"k": "M7"}}, "openai-responses": {"metadata": {"k": "M7"}}},
        {"openai-responses": 'metadata = {"k":"M7"}', "bedrock": 'requestMetadata = {"k":"M7"}'},
    ),
    Feature(
        "labels",
        {"openai-chat": {"labels": {"k": "L7"}}, "gemini": {"labels": {"k": "L7"}}},
        {"gemini": 'labels = {"k":"L7"}'},
    ),
    Feature(
        "answer stored at the vendor",
        {"openai-chat": {"store": True}, "openai-responses": {"store": True}, "gemini": {"store": True}},
        {"openai-responses": "store = true"},
        {"*": "the answer is the same; OpenAI's Responses say in it that nothing is stored"},
    ),
    Feature(
        "service tier: standard",
        {
            "openai-chat": {"service_tier": "default"},
            "openai-responses": {"service_tier": "default"},
            "anthropic-messages": {"service_tier": "standard_only"},
            "gemini": {"serviceTier": "STANDARD"},
        },
        {
            "openai": 'service_tier = "default"',
            "openai-responses": 'service_tier = "default"',
            "anthropic": 'service_tier = "standard_only"',
            "bedrock": 'serviceTier = {"type":"default"}',
            "gemini": 'serviceTier = "standard"',
        },
    ),
    Feature(
        "service tier: flex",
        {
            "openai-chat": {"service_tier": "flex"},
            "openai-responses": {"service_tier": "flex"},
            "gemini": {"serviceTier": "FLEX"},
        },
        {
            "openai": 'service_tier = "flex"',
            "openai-responses": 'service_tier = "flex"',
            "bedrock": 'serviceTier = {"type":"flex"}',
            "gemini": 'serviceTier = "flex"',
        },
    ),
    Feature(
        "service tier: priority",
        {
            "openai-chat": {"service_tier": "priority"},
            "openai-responses": {"service_tier": "priority"},
            "gemini": {"serviceTier": "PRIORITY"},
        },
        {
            "openai": 'service_tier = "priority"',
            "openai-responses": 'service_tier = "priority"',
            "anthropic": 'service_tier = "auto"',
            "bedrock": 'serviceTier = {"type":"priority"}',
            "gemini": 'serviceTier = "priority"',
        },
    ),
    Feature(
        "safety settings of Gemini",
        {name: {"safetySettings": _SAFETY} for name in _CLIENTS},
        {"gemini": 'safetySettings.0.threshold = "BLOCK_NONE"'},
    ),
    Feature(
        "guardrail of Bedrock",
        {name: {"guardrailConfig": _GUARDRAIL} for name in _CLIENTS},
        {"bedrock": 'guardrailConfig.guardrailIdentifier = "g7"'},
    ),
    Feature(
        "moderation beside the answer",
        {"openai-chat": {"moderation": {"model": "x"}}, "openai-responses": {"moderation": {"model": "x"}}},
        {"openai-responses": 'moderation = {"model":"x"}'},
    ),
    Feature(
        "a field that nobody knows",
        {name: {"quantum": "Q7"} for name in _CLIENTS},
    ),
)

VENDOR_SIDE = (
    Feature(
        "web search",
        {
            "openai-chat": {"web_search_options": {"search_context_size": "low"}},
            "openai-responses": {"tools": [{"type": "web_search"}]},
            "anthropic-messages": {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            "gemini": {"tools": [{"googleSearch": {}}]},
        },
    ),
    Feature(
        "web search in the vendor's index",
        {"openai-responses": {"tools": [{"type": "web_search", "external_web_access": False}]}},
    ),
    Feature(
        "code run by the vendor",
        {
            "openai-responses": {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]},
            "anthropic-messages": {"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]},
            "gemini": {"tools": [{"codeExecution": {}}]},
        },
    ),
    Feature(
        "search of files at the vendor",
        {
            "openai-responses": {"tools": [{"type": "file_search", "vector_store_ids": ["vs_7"]}]},
            "gemini": {"tools": [{"fileSearch": {"fileSearchStoreNames": ["fileSearchStores/7"]}}]},
        },
    ),
    Feature(
        "MCP servers called by the vendor",
        {
            "openai-responses": {
                "tools": [
                    {"type": "mcp", "server_label": "s7", "server_url": "https://x.test", "require_approval": "never"}
                ]
            },
            "anthropic-messages": {"mcp_servers": [{"type": "url", "url": "https://x.test", "name": "s7"}]},
        },
    ),
    Feature(
        "containers and skills",
        {"anthropic-messages": {"container": "container_7"}},
    ),
    Feature(
        "context edited by the vendor",
        {
            "openai-responses": {"context_management": [{"type": "compaction", "compact_threshold": 7000}]},
            "anthropic-messages": {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}},
        },
    ),
    Feature(
        "calls of the vendor's tools, limited",
        {"openai-responses": {"max_tool_calls": 7}},
        hints={"*": "it counts calls of tools that OpenAI runs, which are refused by name"},
    ),
    Feature(
        "details of the vendor's tools",
        {"openai-responses": {"include": ["web_search_call.action.sources"]}},
        hints={"*": "of tools that OpenAI runs, which are refused by name"},
    ),
    Feature(
        "previous answer, by id",
        {
            "openai-responses": {"previous_response_id": "resp_7"},
            "anthropic-messages": {"thread": {"type": "continue", "previous_message_id": "msg_7"}},
        },
    ),
    Feature("conversation, by id", {"openai-responses": {"conversation": "conv_7"}}),
    Feature("item, by id", {"openai-responses": {"input": [user(), {"type": "item_reference", "id": "msg_7"}]}}),
    Feature("stored prompt", {"openai-responses": {"prompt": {"id": "pmpt_7"}}}),
    Feature("answer in the background", {"openai-responses": {"background": True}}),
    Feature(
        "turns left out where the window is full",
        {"openai-responses": {"truncation": "auto"}},
    ),
    Feature("place of the inference", {"anthropic-messages": {"inference_geo": "us"}}),
    Feature(
        "further fields of one vendor",
        {
            "openai-responses": {"access_programs": [], "background_options": {}, "image": {}},
            "anthropic-messages": {"diagnostics": {}, "user_profile_id": "U7", "workspace_id": "W7"},
            "gemini": generation(
                audioTimestamp=True,
                audioTranscriptionConfig={},
                enableAffectiveDialog=True,
                enableEnhancedCivicAnswers=True,
                modelSelectionConfig={},
                responseFormat={},
                routingConfig={},
                translationConfig={},
            ),
        },
    ),
    Feature("speed", {"anthropic-messages": {"speed": "fast"}}),
    Feature(
        "resolution of media",
        {"gemini": generation(mediaResolution="MEDIA_RESOLUTION_LOW")},
    ),
    asking(
        Feature(
            "scope of a video",
            {
                "gemini": contents(
                    asked(
                        {
                            "fileData": {"mimeType": "video/mp4", "fileUri": "https://x.test/7.mp4"},
                            "videoMetadata": {"startOffset": "7s"},
                        }
                    )
                )
            },
        )
    ),
    asking(
        Feature(
            "part of an unknown kind",
            {
                "openai-chat": chat(user({"type": "hologram", "hologram": "H7"})),
                "openai-responses": {"input": [user({"type": "hologram", "hologram": "H7"})]},
                "anthropic-messages": chat(user({"type": "hologram", "hologram": "H7"})),
                "gemini": contents(asked({"hologram": "H7"})),
            },
        )
    ),
)
