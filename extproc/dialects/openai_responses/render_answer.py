"""``Answer`` → answer JSON; its counterpart is ``parse_answer``."""

from extproc.dialects.openai_responses.annotations import render_annotation
from extproc.dialects.openai_responses.custom_tools import input_of
from extproc.dialects.openai_responses.items import (
    Status,
    call_item,
    custom_call_item,
    message_item,
    output_logprobs,
    reasoning_item,
    refusal_part,
    text_part,
)
from extproc.dialects.openai_responses.reasoning import close_seal
from extproc.dialects.openai_responses.response import Head, end_of, render_response
from extproc.dialects.openai_responses.vocabulary import INCOMPLETE_OF_FINISH, item_id, response_id
from extproc.domain.answer import Answer, Choice
from extproc.domain.conversation import RedactedThinking, Refusal, Text, Thinking, ToolCall
from extproc.domain.errors import InternalError
from extproc.domain.reading import Json, JsonObject


def render_answer(answer: Answer, *, created: int) -> JsonObject:
    """A ``response`` as OpenAI's API sends it. Of several choices the first is taken, for this API knows one."""
    if not answer.choices:
        raise InternalError("an answer without a choice cannot be rendered")
    choice = answer.choices[0]
    created = answer.created or created
    head = Head(response_id(answer.id, created), answer.model, created, answer.service_tier)
    return render_response(head, end_of(choice.finish, answer.usage), _Output(head.id, choice).render())


class _Output:
    """The output items of one choice."""

    __slots__ = ("_choice", "_items", "_logprobs", "_response", "_said")

    def __init__(self, response: str, choice: Choice) -> None:
        self._response = response
        self._choice = choice
        self._items: list[JsonObject] = []
        self._said: list[Text | Refusal] = []
        """Neighbours that become one message."""
        self._logprobs = output_logprobs(choice.logprobs)

    def render(self) -> list[Json]:
        """All items, in order; the last one is ``incomplete`` where the answer is."""
        for part in self._choice.parts:
            if isinstance(part, Text | Refusal):
                self._said.append(part)
            else:
                self._close()
                self._add(part)
        self._close()
        items: list[Json] = [*self._items]
        if self._items and self._choice.finish in INCOMPLETE_OF_FINISH and "status" in self._items[-1]:
            items[-1] = {**self._items[-1], "status": "incomplete"}
        return items

    def _id(self, kind: str) -> str:
        return item_id(kind, self._response, len(self._items))

    def _close(self) -> None:
        if self._said:
            status: Status = "completed"
            self._items.append(message_item(self._id("msg"), status, self._content()))
            self._said = []

    def _content(self) -> list[JsonObject]:
        """One text, for this API's clients look at the first, and one refusal."""
        text = ""
        annotations: list[JsonObject] = []
        for part in self._said:
            if isinstance(part, Text):
                start, text = len(text), text + part.text
                rendered = (render_annotation(citation, start, len(text)) for citation in part.citations)
                annotations += [annotation for annotation in rendered if annotation]
        refusal = "".join(part.text for part in self._said if isinstance(part, Refusal))
        content: list[JsonObject] = []
        if text or not refusal:
            content.append(text_part(text, annotations, self._logprobs))
            self._logprobs = []
        if refusal:
            content.append(refusal_part(refusal))
        return content

    def _add(self, part: Thinking | RedactedThinking | ToolCall) -> None:
        match part:
            case ToolCall():
                if part.signature:
                    self._sealed(RedactedThinking(part.signature, "gemini"))
                self._items.append(self._call(part))
            case Thinking():
                own_id, encrypted = close_seal(part.signature or "", part.origin, self._id("rs"))
                self._items.append(reasoning_item(own_id, part.text, encrypted))
            case _:  # a RedactedThinking, the last that there is
                self._sealed(part)

    def _call(self, part: ToolCall) -> JsonObject:
        if part.custom:
            return custom_call_item(self._id("ctc"), part.id, part.name, input_of(part.arguments))
        arguments = part.arguments or "{}"  # clients parse it
        return call_item(self._id("fc"), "completed", part.id, part.name, arguments)

    def _sealed(self, part: RedactedThinking) -> None:
        own_id, encrypted = close_seal(part.data, part.origin, self._id("rs"), redacted=True)
        self._items.append(reasoning_item(own_id, None, encrypted))
