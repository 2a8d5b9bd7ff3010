"""Features of who says what."""

from tests.carryover.shape import Feature, asked, assistant, chat, claude, contents, items, said, user

ASSISTANT = {"role": "assistant", "content": "A7"}

TURNS = (
    Feature(
        "system prompt",
        {
            "openai-chat": chat({"role": "system", "content": "S7"}, user()),
            "openai-responses": {"instructions": "S7"},
            "anthropic-messages": {"system": "S7"},
            "gemini": {"systemInstruction": {"parts": [{"text": "S7"}]}},
        },
        {
            "openai": 'messages.0 = {"role":"system","content":"S7"}',
            "openai-responses": 'input.0 = {"role":"system","content":"S7"}',
            "anthropic": 'system = "S7"',
            "bedrock": 'system = [{"text":"S7"}]',
            "gemini": 'systemInstruction.parts = [{"text":"S7"}]',
        },
    ),
    Feature(
        "developer message",
        {
            "openai-chat": chat({"role": "developer", "content": "S7"}, user()),
            "openai-responses": items({"role": "developer", "content": "S7"}, user()),
        },
        {
            "openai": 'messages.0 = {"role":"developer","content":"S7"}',
            "openai-responses": 'input.0 = {"role":"developer","content":"S7"}',
            "anthropic": 'system = "S7"',
            "bedrock": 'system = [{"text":"S7"}]',
            "gemini": 'systemInstruction.parts = [{"text":"S7"}]',
        },
    ),
    Feature(
        "instructions between turns",
        {
            "openai-chat": chat(user(), {"role": "system", "content": "S7"}),
            "openai-responses": items(user(), {"role": "system", "content": "S7"}),
            "anthropic-messages": claude(user(), {"role": "system", "content": "S7"}),
        },
        {
            "openai": 'messages.1 = {"role":"system","content":"S7"}',
            "openai-responses": 'input.1 = {"role":"system","content":"S7"}',
            "anthropic": "messages.** ~ S7",
            "bedrock": "messages.** ~ S7",
            "gemini": "contents.** ~ S7",
        },
    ),
    Feature(
        "several turns",
        {
            "openai-chat": chat(user(), ASSISTANT, user()),
            "openai-responses": items(user(), ASSISTANT, user()),
            "anthropic-messages": claude(user(), ASSISTANT, user()),
            "gemini": contents(asked(), said({"text": "A7"}), asked()),
        },
        {
            "openai": 'messages.1 = {"role":"assistant","content":"A7"}',
            "openai-responses": 'input.1 = {"role":"assistant","content":"A7"}',
            "anthropic": 'messages.1 = {"role":"assistant","content":"A7"}',
            "bedrock": 'messages.1 = {"role":"assistant","content":[{"text":"A7"}]}',
            "gemini": 'contents.1 = {"role":"model","parts":[{"text":"A7"}]}',
        },
    ),
    Feature(
        "answer begun for the model",
        {
            "openai-chat": chat(user(), ASSISTANT),
            "openai-responses": items(user(), ASSISTANT),
            "anthropic-messages": claude(user(), ASSISTANT),
            "gemini": contents(asked(), said({"text": "A7"})),
        },
        {
            "openai": 'messages.1 = {"role":"assistant","content":"A7"}',
            "openai-responses": 'input.1 = {"role":"assistant","content":"A7"}',
            "gemini": 'contents.1 = {"role":"model","parts":[{"text":"A7"}]}',
        },
    ),
    Feature("name of a participant", {"openai-chat": chat({**user(), "name": "N7"})}),
    Feature(
        "refusal of an earlier turn",
        {
            "openai-chat": chat(user(), {"role": "assistant", "content": None, "refusal": "R7"}, user()),
            "openai-responses": items(
                user(), {"type": "message", **assistant({"type": "refusal", "refusal": "R7"})}, user()
            ),
        },
        {
            "openai": 'messages.1.refusal = "R7"',
            "openai-responses": 'input.1.content = [{"type":"refusal","refusal":"R7"}]',
            "anthropic": 'messages.1.content = "R7"',
            "bedrock": 'messages.1.content = [{"text":"R7"}]',
            "gemini": 'contents.1.parts = [{"text":"R7"}]',
        },
    ),
    Feature(
        "audio of an earlier turn, by id",
        {"openai-chat": chat(user(), {"role": "assistant", "content": "A7", "audio": {"id": "audio_7"}}, user())},
    ),
)
