"""Claims about reasoning and its signatures on their way to a Gemini client and back, which is Google's SDK here."""

from dataclasses import replace

import httpx2
import orjson
import pytest

from extproc.dialects.anthropic.dialect import AnthropicProvider
from extproc.dialects.gemini.signatures import SKIP_VALIDATION, unwrap, wrap
from extproc.domain.answer import Ended, ThinkingRedacted, ToolCallStarted
from extproc.domain.conversation import Message, RedactedThinking, Text, Thinking, ToolCall
from tests.judges.gemini import client_of, read_answer
from tests.unit.dialects.gemini.client_plays import (
    CLIENT,
    GOLDENS,
    PARTS,
    asked,
    events_of,
    golden,
    parse,
    whole,
    written,
)


def test_reasoning_of_claude_comes_back_from_the_pieces_of_a_stream():
    assert golden("thinking_of_claude").messages[1] == Message(
        "assistant",
        (
            Thinking("I should look it up.", "c2lnbmF0dXJl", "anthropic"),
            RedactedThinking("ZW5jcnlwdGVk", "anthropic"),
            Text("Let me look."),
            ToolCall("toolu_01", "get_weather", '{"city":"Oslo"}'),
        ),
    )


def test_a_thought_of_a_stream_that_has_lost_its_empty_text():
    parts = asked(
        {"text": "hm", "thought": True}, {"thought": True, "thoughtSignature": wrap("s", "anthropic")}, role="model"
    )
    assert parts.messages[0].parts == (Thinking("hm", "s", "anthropic"),)


def talk(data, suffix):
    """A chat of Google's SDK: the first answer is ours, the request of the second turn is what comes back."""
    bodies = []

    def answer(request):
        bodies.append(orjson.loads(request.content))
        kind = {".json": "application/json", ".sse": "text/event-stream"}[suffix]
        return httpx2.Response(200, headers={"content-type": kind}, content=data)

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http:
        chat = client_of(http).chats.create(model="m")
        for text in ("Hi", "And?"):
            if suffix == ".json":
                chat.send_message(text)
            else:
                assert list(chat.send_message_stream(text))
    return parse(bodies[1])


@pytest.mark.parametrize("suffix", [".json", ".sse"])
@pytest.mark.parametrize(
    "parts",
    [
        PARTS,
        (Thinking("hm", "c2ln", "openai"), Text("So.")),
        (Thinking("", "c2ln", "anthropic"), Text("So.")),
        (RedactedThinking("Z2VtaW5p", "gemini"), ToolCall("c1", "f", "{}")),
        (ToolCall("c1", "f", "{}", signature="Z2VtaW5p"), ToolCall("c2", "f", '{"a":1}')),
        (RedactedThinking("Z2VtaW5p", "gemini"), Text("Signed.")),
        (Text("One."), Thinking("Hm.", "c2ln"), Text("Two.")),
    ],
)
def test_all_reasoning_survives_googles_sdk(parts, suffix):
    data = whole(*parts) if suffix == ".json" else written(events_of(parts, "stop"))
    back = talk(data, suffix).messages[1]
    assert back.role == "assistant"
    expected = list(parts)
    if isinstance(parts[0], RedactedThinking) and isinstance(parts[1], ToolCall):
        expected = [replace(parts[1], signature=parts[0].data)]
    assert without_trailing_blank(back.parts) == without_trailing_blank(expected)


def without_trailing_blank(parts):
    return [part for part in parts if part != Text("")]


def test_claudes_thinking_goes_back_to_claude_through_geminis_client():
    data = (GOLDENS / "responses" / "anthropic").glob("*think*.json")
    seen = 0
    for path in data:
        if len(path.suffixes) != 1:
            continue
        answer = AnthropicProvider().parse_answer(orjson.loads(path.read_bytes()))
        conversation = talk(orjson.dumps(CLIENT.render_answer(answer, created=1)), ".json")
        reasoning = [p for p in answer.choices[0].parts if isinstance(p, Thinking | RedactedThinking)]
        back = [p for p in conversation.messages[1].parts if isinstance(p, Thinking | RedactedThinking)]
        assert back == [part for part in reasoning if not isinstance(part, Thinking) or part.signature or part.text]
        seen += len(back)
    assert seen


def test_seals_of_geminis_own_in_a_row():
    events = [ThinkingRedacted("YQ==", 0, "gemini"), ThinkingRedacted("Yg==", 0, "gemini"), Ended()]
    parts = read_answer(written(events), ".sse").candidates[0].content.parts
    assert [part.thought_signature for part in parts] == [b"a", b"b"]
    in_one = read_answer(whole(RedactedThinking("YQ==", "gemini"), RedactedThinking("Yg==", "gemini")), ".json")
    assert [part.thought_signature for part in in_one.candidates[0].content.parts] == [b"a", b"b"]


def test_a_seal_before_what_has_a_signature_of_its_own_stands_alone():
    seal, call = RedactedThinking("YQ==", "gemini"), ToolCall("c", "f", "{}", signature="Yg==")
    for parts in ((seal, call), (seal, Thinking("hm", None, "gemini"), Text(""), replace(call, signature=None))):
        signed = read_answer(whole(*parts), ".json").candidates[0].content.parts[0]
        assert (signed.text, signed.thought_signature) == ("", b"a")
    events = [ThinkingRedacted("YQ==", 0, "gemini"), ToolCallStarted(0, "c", "f", 0, "Yg=="), Ended()]
    parts = read_answer(written(events), ".sse").candidates[0].content.parts
    assert [part.thought_signature for part in parts] == [b"b", b"a"]


def test_signatures():
    for data, origin, redacted in (
        ("c2ln", "anthropic", True),
        ("rs_1.ab+/", "openai", False),
        ("c2ln", "gemini", False),
    ):
        assert unwrap(wrap(data, origin, redacted=redacted)) == (data, origin, redacted)
    for foreign in ("bGxtZ3cu", "bGxtZ3cu////", "bGxtZ3cuZ2VtaW5pLmE=", SKIP_VALIDATION):
        assert unwrap(foreign) == (foreign, "gemini", False)


def test_a_stand_in_for_a_signature_is_none():
    calls = asked({"functionCall": {"name": "f"}, "thoughtSignature": SKIP_VALIDATION}, role="model").messages[0].parts
    assert calls == (ToolCall("call_0", "f", "{}"),)
    others = {"functionCall": {"name": "f", "id": "1"}, "thoughtSignature": wrap("s", "anthropic")}
    assert asked(others, role="model").messages[0].parts == (RedactedThinking("s"), ToolCall("1", "f", "{}"))
