"""Features of prompt caches."""

from tests.carryover.shape import Feature, chat, claude, items, user


def _marked(cache):
    return {"type": "text", "text": "Hi", "cache_control": cache}


_CACHES = "a cache changes no answer; OpenAI's and Google's models find repeated prefixes by themselves"

MARKS = (
    Feature(
        "cache mark",
        {
            "openai-chat": chat(user(_marked({"type": "ephemeral"}))),
            "openai-responses": items(
                user({"type": "input_text", "text": "Hi", "prompt_cache_breakpoint": {"mode": "explicit"}})
            ),
            "anthropic-messages": claude(user(_marked({"type": "ephemeral"}))),
        },
        {
            "anthropic": 'messages.0.content.0.cache_control = {"type":"ephemeral"}',
            "bedrock": 'messages.0.content.1 = {"cachePoint":{"type":"default"}}',
        },
        {"*": _CACHES},
    ),
    Feature(
        "cache mark, for an hour",
        {
            "openai-chat": chat(user(_marked({"type": "ephemeral", "ttl": "1h"}))),
            "openai-responses": items(
                user(
                    {
                        "type": "input_text",
                        "text": "Hi",
                        "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"},
                    }
                )
            ),
            "anthropic-messages": claude(user(_marked({"type": "ephemeral", "ttl": "1h"}))),
        },
        {
            "anthropic": 'messages.0.content.0.cache_control = {"type":"ephemeral","ttl":"1h"}',
            "bedrock": 'messages.0.content.1 = {"cachePoint":{"type":"default","ttl":"1h"}}',
        },
        {"*": _CACHES},
    ),
    Feature(
        "cache mark on a tool",
        {
            "openai-chat": {
                "tools": [{"type": "function", "function": {"name": "f7"}, "cache_control": {"type": "ephemeral"}}]
            },
            "anthropic-messages": {
                "tools": [{"name": "f7", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}]
            },
        },
        {
            "anthropic": 'tools.0.cache_control = {"type":"ephemeral"}',
            "bedrock": 'toolConfig.tools.1 = {"cachePoint":{"type":"default"}}',
        },
        {"*": _CACHES},
    ),
    Feature(
        "cache mark on the whole prompt",
        {"anthropic-messages": {"cache_control": {"type": "ephemeral"}}},
        {"bedrock": 'messages.0.content.1 = {"cachePoint":{"type":"default"}}'},
        {"*": _CACHES},
    ),
    Feature(
        "key of the cache",
        {"openai-chat": {"prompt_cache_key": "K7"}, "openai-responses": {"prompt_cache_key": "K7"}},
        {"openai-responses": 'prompt_cache_key = "K7"'},
        {"*": "it leads to a server of OpenAI that may have the prefix; some compatible servers refuse the field"},
    ),
    Feature(
        "lifetime and mode of the cache",
        {
            "openai-chat": {"prompt_cache_options": {"mode": "explicit"}},
            "openai-responses": {"prompt_cache_options": {"mode": "explicit"}},
        },
        hints={"*": "without the marks, which are left out, it would switch the cache off"},
    ),
    Feature(
        "cache kept in memory only",
        {
            "openai-chat": {"prompt_cache_retention": "in_memory"},
            "openai-responses": {"prompt_cache_retention": "in_memory"},
        },
        {"openai-responses": 'prompt_cache_retention = "in_memory"'},
        {"*": "about a cache that only OpenAI has"},
    ),
    Feature("content cached beforehand", {"gemini": {"cachedContent": "cachedContents/7"}}),
)
