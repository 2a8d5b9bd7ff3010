"""Messages → the system prompt and alternating turns."""

import pytest

from extproc.dialects.bedrock.families import family_of
from extproc.dialects.bedrock.render_blocks import Rendering
from extproc.dialects.bedrock.render_turns import render_turns
from extproc.dialects.losses import Losses
from extproc.domain.conversation import (
    Audio,
    CacheMark,
    Document,
    Image,
    Message,
    RedactedThinking,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from tests.judges.bedrock import check_request

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS = "us.anthropic.claude-opus-4-8"
PNG = Image(Source(media_type="image/png", data="AAAA"))
PDF = Document(Source(media_type="application/pdf", data="AAAA"), title="A")


def turns(*messages, model=CLAUDE):
    losses = Losses()
    system, spoken, _ = render_turns(messages, Rendering(family_of(model), losses))
    tools = [{"toolSpec": {"name": "f", "inputSchema": {"json": {}}}}]
    check_request({"messages": spoken, "system": system, "toolConfig": {"tools": tools}}, stream=False)
    return system, [(turn["role"], turn["content"]) for turn in spoken], losses.settle(drop=True)


def user(*texts):
    return Message("user", tuple(Text(text) for text in texts))


def system(*texts, role="system"):
    return Message(role, tuple(Text(text) for text in texts))


def test_leading_instructions_are_the_system_prompt_and_neighbours_are_one_turn():
    assert turns(
        system("a"), system("b", role="developer"), user("1"), user("2", " "), Message("assistant", (Text("3"),))
    ) == (
        [{"text": "a"}, {"text": "b"}],
        [("user", [{"text": "1"}, {"text": "2"}]), ("assistant", [{"text": "3"}])],
        (),
    )


def test_instructions_alone_are_said_by_the_user():
    assert turns(system("a"), system("b"))[:2] == ([{"text": "a"}], [("user", [{"text": "b"}])])


def test_the_user_speaks_first():
    _, spoken, _ = turns(Message("assistant", (Text("hello "),)))
    assert spoken == [
        ("user", [{"text": "(The conversation begins with the assistant.)"}]),
        ("assistant", [{"text": "hello"}]),
    ]


def test_a_final_turn_of_the_assistant_that_ends_in_a_call_or_a_mark_stays():
    _, spoken, _ = turns(user("1"), Message("assistant", (Text("a "), ToolCall("t", "f", "{}"))))
    assert spoken[-1][1][0] == {"text": "a "}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (OPUS, [("user", ["1"]), ("system", ["s"]), ("assistant", ["2"]), ("user", ["3"])]),
        (CLAUDE, [("user", ["1", "<system>\ns\n</system>"]), ("assistant", ["2"]), ("user", ["3"])]),
        ("us.amazon.nova-pro-v1:0", [("user", ["1", "<system>\ns\n</system>"]), ("assistant", ["2"]), ("user", ["3"])]),
    ],
)
def test_instructions_midway(model, expected):
    _, spoken, _ = turns(user("1"), system("s"), Message("assistant", (Text("2"),)), user("3"), model=model)
    assert [(role, [block["text"] for block in content]) for role, content in spoken] == expected


def test_instructions_before_a_user_are_said_by_the_user_at_every_model():
    marked = Message("system", (Text("s", cache=CacheMark()),))
    _, spoken, _ = turns(Message("assistant", (Text("1"),)), marked, user("2"), model=OPUS)
    assert spoken[-1] == (
        "user",
        [{"text": "<system>\ns\n</system>"}, {"cachePoint": {"type": "default"}}, {"text": "2"}],
    )


def test_results_stand_first_in_the_turn_behind_the_calls():
    _, spoken, _ = turns(
        user("1"),
        Message("assistant", (ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}"))),
        Message("tool", (ToolResult("a", (Text("x"),)),)),
        user("and"),
        Message("tool", (ToolResult("b", (Text("y"),), cache=CacheMark()),)),
    )
    assert [next(iter(block)) for block in spoken[-1][1]] == ["toolResult", "toolResult", "cachePoint", "text"]


def test_a_document_has_a_text_beside_it():
    _, spoken, _ = turns(Message("user", (PDF,)))
    assert spoken[0][1][-1] == {"text": "(The document stands for itself.)"}
    _, spoken, _ = turns(Message("user", (PDF, Text("read"))))
    assert spoken[0][1][-1] == {"text": "read"}


def test_images_and_documents_are_the_users():
    _, spoken, dropped = turns(
        Message("system", (Text("s"), PNG)),
        user("1"),
        Message("assistant", (Text("2"), PNG, PDF, Audio("AAAA", "wav"))),
    )
    assert spoken[1] == ("assistant", [{"text": "2"}])
    assert dropped == (
        "messages[0].content[1]",
        "messages[2].content[1]",
        "messages[2].content[2]",
        "messages[2].content[3]",
    )


def test_a_name_is_told_but_not_a_tools():
    named = Message("user", (Text("hi"),), name="Ada")
    result = Message("tool", (ToolResult("a", (), name="f"),), name="f")
    assert turns(named, result)[2] == ("messages[0].name",)


def test_nothing_said_is_no_turn():
    assert render_turns((user(" "), system("")), Rendering(family_of(CLAUDE), Losses())) == ([], [], False)


def test_a_user_makes_no_calls_and_thinks_no_thoughts():
    said = (Text("hi"), ToolCall("t1", "f", "{}"), Thinking("mine", "c2ln"), RedactedThinking("c2ln"))
    _, spoken, lost = turns(Message("user", said))
    assert spoken == [("user", [{"text": "hi"}])]
    assert lost == ("messages[0].tool_calls[0].function.arguments", "messages[0].content[2]", "messages[0].content[3]")


def test_an_answer_is_begun_only_where_the_model_goes_on_from_it():
    messages = (user("hi"), Message("assistant", (Text("{ "),)))
    assert turns(*messages)[1:] == ([("user", [{"text": "hi"}]), ("assistant", [{"text": "{"}])], ())
    assert turns(*messages, model=OPUS)[1:] == ([("user", [{"text": "hi"}])], ("messages[1]",))
