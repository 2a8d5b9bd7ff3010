"""Claims about rendering turns: instructions, roles, media."""

import pytest

from extproc.domain.conversation import Audio, Conversation, Document, Image, Message, Refusal, Source, Text, ToolCall
from extproc.domain.errors import InvalidRequest, UnsupportedFeature
from tests.unit.dialects.gemini.rendering import HI, PNG, asked, contents, render


def test_system_prompts_at_the_top_are_the_instruction_and_later_ones_are_said_by_the_user():
    body = render(
        asked(
            Message("system", (Text("One."),)),
            Message("developer", (Text("Two."),)),
            HI,
            Message("assistant", (Text("Hello"),)),
            Message("system", (Text("Three."),)),
        )
    ).body
    assert body["systemInstruction"] == {"parts": [{"text": "One."}, {"text": "Two."}]}
    assert body["contents"][-1] == {"role": "user", "parts": [{"text": "<system>\nThree.\n</system>"}]}


def test_instructions_alone_are_asked_by_the_user():
    body = render(asked(Message("system", (Text("One."),)), Message("system", (Text("Two."),)))).body
    assert body["systemInstruction"] == {"parts": [{"text": "One."}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Two."}]}]


def test_turns_of_one_role_are_merged_and_empty_text_is_left_out():
    assert contents(HI, Message("user", (Text(""), Text("there"))), Message("assistant", (Text("!"),))) == [
        {"role": "user", "parts": [{"text": "Hi"}, {"text": "there"}]},
        {"role": "model", "parts": [{"text": "!"}]},
    ]


def test_a_conversation_that_begins_with_the_assistant_gets_an_opening():
    assert [turn["role"] for turn in contents(Message("assistant", (Text("Yes?"),)), HI)] == ["user", "model", "user"]


def test_a_conversation_without_content_is_refused():
    with pytest.raises(InvalidRequest, match="at least one message"):
        render(asked(Message("user", (Text(""),))))
    with pytest.raises(InvalidRequest, match="at least one message"):
        render(Conversation("gemini-3.6-flash", ()))


def test_nothing_but_what_may_be_dropped_is_still_a_request():
    lone = asked(Message("user", (Image(Source(file_id="file-1")),)))
    with pytest.raises(UnsupportedFeature, match=r"messages\[0\].content\[0\]"):
        render(lone)
    rendered = render(lone, drop=True)
    assert rendered.dropped == ("messages[0].content[0]",)
    assert len(rendered.body["contents"]) == 1


MEDIA = [
    (Image(Source("image/jpg", data=PNG)), {"inlineData": {"mimeType": "image/jpeg", "data": PNG}}),
    (Image(Source(data=PNG)), {"inlineData": {"mimeType": "image/png", "data": PNG}}),
    (
        Image(Source(url=f"data:image/webp;base64,{PNG}"), detail="high"),
        {"inlineData": {"mimeType": "image/webp", "data": PNG}},
    ),
    (
        Image(Source(url="https://example.org/a.PNG?size=2")),
        {"fileData": {"mimeType": "image/png", "fileUri": "https://example.org/a.PNG?size=2"}},
    ),
    (
        Image(Source(url="https://example.org/cat")),
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.org/cat"}},
    ),
    (
        Document(Source(file_id="gs://bucket/report")),
        {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://bucket/report"}},
    ),
    (Document(Source(data="JVBERi0xLjQ=")), {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0xLjQ="}}),
    (Document(Source("text/plain", text="all of it"), "T", "C"), {"text": "T\n\nC\n\nall of it"}),
    (Audio("UklGRg==", "wav"), {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}}),
    (Refusal("No."), {"text": "No."}),
]


@pytest.mark.parametrize(("part", "rendered"), MEDIA)
def test_media(part, rendered):
    assert contents(Message("user", (part,))) == [{"role": "user", "parts": [rendered]}]


def test_a_documents_title_and_context_are_said_before_it():
    document = Document(Source("application/pdf", data="JVBERi0="), "a.pdf", "An invoice.")
    assert contents(Message("user", (document,)))[0]["parts"][0] == {"text": "a.pdf\n\nAn invoice."}


@pytest.mark.parametrize(
    ("part", "path"),
    [
        (Image(Source(file_id="file-1")), "messages[0].content[1]"),
        (Image(Source(data="%%%")), "messages[0].content[1]"),
        (Image(Source(data="A")), "messages[0].content[1]"),
        (Image(Source(data="AAAAAAAA")), "messages[0].content[1]"),
        (Image(Source(url="ftp://example.org/a.png")), "messages[0].content[1]"),
        (Document(Source(file_id="file_1")), "messages[0].content[1]"),
        (Document(Source(text="x"), citations=True), "messages[0].content[1].citations"),
        (ToolCall("c", "f", "{}"), "messages[0].content[1]"),
    ],
)
def test_what_cannot_be_carried_is_named(part, path):
    with pytest.raises(UnsupportedFeature) as caught:
        render(asked(Message("user", (Text("Look."), part))))
    assert caught.value.param == path
    assert render(asked(Message("user", (Text("Look."), part))), drop=True).dropped == (path,)


def test_a_system_prompt_may_not_hold_media():
    with pytest.raises(UnsupportedFeature, match=r"messages\[0\].content\[0\]"):
        render(asked(Message("system", (Image(Source(url="https://x/y.png")),)), HI))
