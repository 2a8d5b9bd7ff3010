"""Features of what a model has thought and cited in earlier turns."""

from extproc.dialects.gemini.signatures import wrap
from extproc.domain.sealed import seal
from tests.carryover.calls import CALLED, chat_call, claude_call, gemini_call, item_call, output, response, result
from tests.carryover.shape import Feature, asked, assistant, chat, claude, contents, items, said, user
from tests.carryover.turns import ASSISTANT

_ANEW = "nobody but its vendor can read it, and no vendor takes it without its seal: the model thinks anew"


def _thoughts(name: str, native: str, signature: str, shows, *, redacted: bool = False) -> Feature:
    """Reasoning of ``native``'s models, as each client dialect has kept it."""
    own = seal(signature, native, native="anthropic")
    block = (
        {"type": "redacted_thinking", "data": own}
        if redacted
        else {"type": "thinking", "thinking": "TH7", "signature": own}
    )
    if native == "openai":
        item = {"id": signature.partition(".")[0], "encrypted_content": signature.partition(".")[2]}
    else:
        sealed = f"redacted.{signature}" if redacted else signature
        item = {"id": "rs_1", "encrypted_content": seal(sealed, native, native="openai")}
    summary = [] if redacted else [{"type": "summary_text", "text": "TH7"}]
    thought = {
        "text": "" if redacted else "TH7",
        "thought": True,
        "thoughtSignature": wrap(signature, native, redacted=redacted),
    }
    return Feature(
        name,
        {
            "openai-chat": chat(user(), {**ASSISTANT, "thinking_blocks": [block]}, user()),
            "openai-responses": items(user(), {"type": "reasoning", "summary": summary, **item}, ASSISTANT, user()),
            "anthropic-messages": claude(user(), assistant(block, {"type": "text", "text": "A7"}), user()),
            "gemini": contents(asked(), said(thought, {"text": "A7"}), asked()),
        },
        shows,
        {"*": _ANEW},
    )


THOUGHTS = (
    Feature(
        "earlier reasoning, unsigned",
        {
            "openai-chat": chat(user(), {**ASSISTANT, "reasoning_content": "TH7"}, user()),
            "openai-responses": items(
                user(),
                {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "TH7"}]},
                ASSISTANT,
                user(),
            ),
            "anthropic-messages": claude(
                user(),
                assistant({"type": "thinking", "thinking": "TH7", "signature": ""}, {"type": "text", "text": "A7"}),
                user(),
            ),
            "gemini": contents(asked(), said({"text": "TH7", "thought": True}, {"text": "A7"}), asked()),
        },
        hints={"*": _ANEW},
    ),
    _thoughts(
        "earlier reasoning, signed by Claude",
        "anthropic",
        "SIG7",
        {
            "anthropic": 'messages.1.content.0 = {"type":"thinking","thinking":"TH7","signature":"SIG7"}',
            "bedrock": 'messages.1.content.0.reasoningContent.reasoningText = {"text":"TH7","signature":"SIG7"}',
        },
    ),
    _thoughts(
        "earlier reasoning, redacted by Claude",
        "anthropic",
        "U0lHNw==",
        {
            "anthropic": 'messages.1.content.0 = {"type":"redacted_thinking","data":"U0lHNw=="}',
            "bedrock": 'messages.1.content.0.reasoningContent.redactedContent = "VTBsSE53PT0="',
        },
        redacted=True,
    ),
    _thoughts(
        "earlier reasoning, sealed by OpenAI",
        "openai",
        "rs_7.SIG7",
        {"openai-responses": ('input.1.id = "rs_7"', 'input.1.encrypted_content = "SIG7"')},
    ),
    _thoughts(
        "earlier reasoning, signed by Gemini",
        "gemini",
        "SIG7",
        {"gemini": 'contents.1.parts.**.thoughtSignature = "SIG7"'},
    ),
    Feature(
        "tool call, signed by Gemini",
        {
            "openai-chat": chat(
                user(),
                {
                    **CALLED,
                    "tool_calls": [chat_call(1, extra_content={"google": {"thought_signature": "SIG7"}})],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "R7"},
            ),
            "openai-responses": items(
                user(),
                {
                    "type": "reasoning",
                    "id": "rs_1",
                    "summary": [],
                    "encrypted_content": seal("redacted.SIG7", "gemini", native="openai"),
                },
                item_call(1),
                output(1, "R7"),
            ),
            "anthropic-messages": claude(
                user(),
                assistant(
                    {"type": "redacted_thinking", "data": seal("SIG7", "gemini", native="anthropic")}, claude_call(1)
                ),
                user(result(1, "R7")),
            ),
            "gemini": contents(
                asked(), said(gemini_call(1, thoughtSignature="SIG7")), asked(response(1, {"output": "R7"}))
            ),
        },
        {"gemini": 'contents.1.parts.0.thoughtSignature = "SIG7"'},
        {"*": _ANEW},
    ),
    Feature(
        "citations of an earlier turn, of documents",
        {
            "anthropic-messages": claude(
                user(),
                assistant(
                    {
                        "type": "text",
                        "text": "A7",
                        "citations": [
                            {
                                "type": "char_location",
                                "cited_text": "C7",
                                "document_index": 0,
                                "document_title": "T",
                                "start_char_index": 0,
                                "end_char_index": 2,
                            }
                        ],
                    }
                ),
                user(),
            )
        },
        {"bedrock": "messages.1.content.0.citationsContent.citations.0.location.documentChar"},
    ),
    Feature(
        "citations of an earlier turn, of web pages",
        {
            "openai-chat": chat(
                user(),
                {
                    **ASSISTANT,
                    "annotations": [
                        {
                            "type": "url_citation",
                            "url_citation": {"start_index": 0, "end_index": 2, "title": "T", "url": "https://x.test"},
                        }
                    ],
                },
                user(),
            ),
            "openai-responses": items(
                user(),
                assistant(
                    {
                        "type": "output_text",
                        "text": "A7",
                        "annotations": [
                            {
                                "type": "url_citation",
                                "start_index": 0,
                                "end_index": 2,
                                "title": "T",
                                "url": "https://x.test",
                            }
                        ],
                    }
                ),
                user(),
            ),
            "anthropic-messages": claude(
                user(),
                assistant(
                    {
                        "type": "text",
                        "text": "A7",
                        "citations": [
                            {
                                "type": "web_search_result_location",
                                "cited_text": "C7",
                                "url": "https://x.test",
                                "title": "T",
                                "encrypted_index": "EI7",
                            }
                        ],
                    }
                ),
                user(),
            ),
        },
        {"bedrock": 'messages.1.content.0.citationsContent.citations.0.location.web.url = "https://x.test"'},
        {"*": "OpenAI's annotations are of the answer, and no part of a prompt"},
    ),
)
