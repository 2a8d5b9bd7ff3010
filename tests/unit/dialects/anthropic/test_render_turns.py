"""Messages → the system prompt and alternating turns."""

import pytest

from extproc.dialects.anthropic.render import render_request
from extproc.dialects.anthropic.render_turns import render_turns
from extproc.dialects.base import RenderOptions
from extproc.dialects.claude import Traits
from extproc.dialects.losses import Losses
from extproc.domain.conversation import (
    Audio,
    CacheMark,
    Conversation,
    Image,
    Message,
    RedactedThinking,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from extproc.domain.errors import InvalidRequest, UnsupportedFeature


def says(role, *parts, name=None):
    return Message(role, tuple(Text(part) if isinstance(part, str) else part for part in parts), name)


def user(content):
    return {"role": "user", "content": content}


def assistant(content):
    return {"role": "assistant", "content": content}


def text(content):
    return {"type": "text", "text": content}


def render(*messages, system_turns=False):
    losses = Losses()
    system, turns, _ = render_turns(messages, losses, Traits(system_turns=system_turns))
    return [block["text"] for block in system], turns, losses.settle(drop=True)


CALLS = says("assistant", "let me see", ToolCall("a", "f", "{}"), ToolCall("b", "g", '{"x": 1}'))
CALLS_SENT = assistant(
    [
        text("let me see"),
        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
        {"type": "tool_use", "id": "b", "name": "g", "input": {"x": 1}},
    ]
)
RESULT_A = {"type": "tool_result", "tool_use_id": "a", "content": "1"}
RESULT_B = {"type": "tool_result", "tool_use_id": "b", "content": "2"}


@pytest.mark.parametrize(
    ("messages", "system", "turns"),
    [
        ([says("user", "hi")], [], [user("hi")]),
        ([says("system", "s"), says("developer", "d"), says("user", "hi")], ["s", "d"], [user("hi")]),
        ([says("user", "a"), says("user", "b")], [], [user([text("a"), text("b")])]),
        ([says("user", "a"), says("assistant", "b"), says("assistant", "c"), says("user", "d")], [],
         [user("a"), assistant([text("b"), text("c")]), user("d")]),
        ([says("user", "a"), says("assistant", ""), says("user", "b")], [], [user([text("a"), text("b")])]),
        ([says("system", " "), says("user", "a", "", "b")], [], [user([text("a"), text("b")])]),
        # Instructions alone: somebody has to ask.
        ([says("system", "s")], [], [user("s")]),
        ([says("system", "s"), says("system", "t")], ["s"], [user("t")]),
        ([says("system", "s"), says("user", "")], [], [user("s")]),
        # The assistant's greeting first.
        ([says("assistant", "hello"), says("user", "hi")], [],
         [user("(The conversation begins with the assistant.)"), assistant("hello"), user("hi")]),
        # Prefill.
        ([says("user", "a"), says("assistant", "The answer is: \n")], [], [user("a"), assistant("The answer is:")]),
        ([says("user", "a"), says("assistant", "one ", "two "), says("user", "b")], [],
         [user("a"), assistant([text("one "), text("two ")]), user("b")]),
        # Tool results: first in the next user turn, whatever the order they came in.
        ([says("user", "q"), CALLS, says("tool", ToolResult("a", (Text("1"),)), ToolResult("b", (Text("2"),))),
          says("user", "and?")], [], [user("q"), CALLS_SENT, user([RESULT_A, RESULT_B, text("and?")])]),
        ([says("user", "q"), CALLS, says("tool", ToolResult("a", (Text("1"),))), says("user", "and?"),
          says("tool", ToolResult("b", (Text("2"),)))], [],
         [user("q"), CALLS_SENT, user([RESULT_A, RESULT_B, text("and?")])]),
        # Reasoning without a signature is left out, with one it is kept.
        ([says("user", "q"), says("assistant", Thinking("hm"), "x"), says("user", "y")], [],
         [user("q"), assistant("x"), user("y")]),
        ([says("user", "q"), says("assistant", Thinking("hm", "s"), RedactedThinking("d"), "x"), says("user", "y")], [],
         [user("q"), assistant([{"type": "thinking", "thinking": "hm", "signature": "s"},
                                {"type": "redacted_thinking", "data": "d"}, text("x")]), user("y")]),
    ],
)  # fmt: skip
def test_turns(messages, system, turns):
    assert render(*messages) == (system, turns, ())


LATE = "<system>\nnow in French\n</system>"


@pytest.mark.parametrize(
    ("messages", "kept", "said"),
    [
        # Behind a user's turn, at the end or before an assistant's: the vendor's place for it.
        ([says("user", "a"), says("system", "now in French")],
         [user("a"), {"role": "system", "content": "now in French"}], [user([text("a"), text(LATE)])]),
        ([says("user", "a"), says("developer", "now in French"), says("assistant", "b")],
         [user("a"), {"role": "system", "content": "now in French"}, assistant("b")],
         [user([text("a"), text(LATE)]), assistant("b")]),
        # Elsewhere the user says it on every model.
        ([says("user", "a"), says("assistant", "b"), says("system", "now in French"), says("user", "c")],
         [user("a"), assistant("b"), user([text(LATE), text("c")])],
         [user("a"), assistant("b"), user([text(LATE), text("c")])]),
        ([says("user", "q"), CALLS, says("system", "now in French"), says("tool", ToolResult("a", (Text("1"),)))],
         [user("q"), CALLS_SENT, user([RESULT_A, text(LATE)])], [user("q"), CALLS_SENT, user([RESULT_A, text(LATE)])]),
    ],
)  # fmt: skip
def test_later_instructions(messages, kept, said):
    assert render(*messages, system_turns=True)[1] == kept
    assert render(*messages, system_turns=False)[1] == said


def test_an_answer_is_begun_only_where_the_model_goes_on_from_it():
    messages = (says("user", "hi"), says("assistant", "{ "))
    assert render(*messages) == ([], [user("hi"), assistant("{")], ())
    losses = Losses()
    _, turns, _ = render_turns(messages, losses, Traits(prefill=False))
    assert (turns, losses.settle(drop=True)) == ([user("hi")], ("messages[1]",))
    with pytest.raises(UnsupportedFeature, match=r"messages\[1\]"):
        losses.settle(drop=False)


def test_cache_marks_of_the_system_prompt_are_kept():
    system, _, _ = render_turns(
        (Message("system", (Text("s", CacheMark("1h")),)), says("user", "hi")), Losses(), Traits()
    )
    assert system == [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]


@pytest.mark.parametrize("messages", [[], [says("user", "")], [says("user", " "), says("assistant", "\n")]])
def test_a_conversation_without_content_is_the_callers_fault(messages):
    with pytest.raises(InvalidRequest) as caught:
        render_request(Conversation("m", tuple(messages)), RenderOptions())
    assert caught.value.param == "messages"


def test_where_nothing_else_is_asked_what_cannot_be_carried_is_named_first():
    conversation = Conversation("m", (says("user", Audio("x", "wav")),))
    with pytest.raises(UnsupportedFeature) as caught:
        render_request(conversation, RenderOptions())
    assert caught.value.param == "messages[0].content[0]"
    with pytest.raises(InvalidRequest, match="at least one message"):
        render_request(conversation, RenderOptions(drop_unsupported=True))


def test_what_cannot_be_carried_is_named_with_its_place():
    image = Image(Source("image/png", "x"))
    lost = render(
        says("system", "s", image), says("user", "hi", Audio("x", "wav"), name="ann"), says("tool", name="f")
    )[2]
    assert lost == ("messages[0].content[1]", "messages[1].name", "messages[1].content[1]")


def test_calls_that_the_user_makes_are_named_with_their_place_among_the_calls():
    lost = render(says("user", "q", ToolCall("a", "f", "{}"), ToolCall("b", "g", "{")))[2]
    assert lost == tuple(f"messages[0].tool_calls[{at}].function.arguments" for at in (0, 1))


def test_a_call_and_its_result_keep_one_id():
    _, turns, _ = render(
        says("user", "q"),
        says("assistant", ToolCall("call:1", "f", "{}"), ToolCall("call.1", "f", "{}")),
        says("tool", ToolResult("call.1", ()), ToolResult("call:1", ())),
    )
    calls = [block["id"] for block in turns[1]["content"]]
    results = [block["tool_use_id"] for block in turns[2]["content"]]
    assert results == calls[::-1]


def test_a_user_makes_no_calls_and_thinks_no_thoughts():
    said = ("hi", ToolCall("t1", "f", "{}"), Thinking("mine", "c2ln"), RedactedThinking("c2ln"))
    _, turns, lost = render(says("user", *said))
    assert turns == [user("hi")]
    assert lost == ("messages[0].tool_calls[0].function.arguments", "messages[0].content[2]", "messages[0].content[3]")
