"""Features of answers: a neutral answer that has it, and where it shows in what each client gets, whole and streamed.

Evidence as in ``shape``; a stream is the list of its events' JSON. A client dialect that is not there has no word for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from extproc.dialects.gemini.signatures import wrap
from extproc.domain.answer import Answer, Choice, Ended, FinishReason
from extproc.domain.conversation import RedactedThinking, Refusal, Text, Thinking, ToolCall
from extproc.domain.usage import Usage
from extproc.translate.pairs import CLIENT_DIALECTS
from tests.carryover.facts import events_of
from tests.carryover.shape import found, texts_at

_WEB = {
    "type": "web_search_result_location",
    "url": "https://x.test/7",
    "title": "T7",
    "cited_text": "C7",
    "encrypted_index": "EI7",
}
_DOCUMENT = {
    "type": "char_location",
    "cited_text": "C7",
    "document_index": 0,
    "document_title": "T7",
    "start_char_index": 0,
    "end_char_index": 2,
}
_TOKEN = {"token": "T7", "logprob": -0.5, "bytes": [84, 55], "top_logprobs": []}
_LOGPROBS = {"content": [_TOKEN], "refusal": None}
_CALLS = (ToolCall("c6", "f6", '{"x":6}'), ToolCall("c7", "f7", '{"x":7}'))


def answer_of(*parts, finish: FinishReason = "stop", **fields) -> Answer:
    usage = fields.pop("usage", Usage(input=1, output=1))
    return Answer("id7", "m", (Choice(parts, finish, **fields.pop("choice", {})),), usage, **fields)


PLAIN = Answer("id0", "m", (Choice((Text("T0"),), "stop"),), Usage(input=1, output=1))
"""An answer with none of the features."""


@dataclass(frozen=True)
class Said:
    """One line of the table. ``fact`` is the word for it in ``facts``, by which it is found in providers' answers."""

    name: str
    fact: str
    answer: Answer
    shows: Mapping[str, str] = field(default_factory=dict)


ANSWERS = (
    Said(
        "text",
        "text",
        answer_of(Text("T7")),
        {
            "openai-chat": '**.content = "T7"',
            "openai-responses": '**.text = "T7"',
            "openai-completions": '**.text = "T7"',
            "anthropic-messages": '**.text = "T7"',
            "gemini": '**.text = "T7"',
        },
    ),
    Said(
        "several answers",
        "choices",
        Answer("id7", "m", (Choice((Text("T6"),), "stop"), Choice((Text("T7"),), "stop")), Usage(input=1, output=2)),
        {
            "openai-chat": '**.content = "T7"',
            "openai-completions": '**.text = "T7"',
            "gemini": '**.text = "T7"',
        },
    ),
    Said(
        "tool calls",
        "call",
        answer_of(_CALLS[1], finish="tool_calls"),
        {
            "openai-chat": '**.function.name = "f7"',
            "openai-responses": '**.name = "f7"',
            "anthropic-messages": '**.name = "f7"',
            "gemini": '**.functionCall.name = "f7"',
        },
    ),
    Said(
        "tool calls, several at a time",
        "parallel calls",
        answer_of(*_CALLS, finish="tool_calls"),
        {
            "openai-chat": '**.function.name = "f7"',
            "openai-responses": '**.name = "f7"',
            "anthropic-messages": '**.name = "f7"',
            "gemini": '**.functionCall.args = {"x":7}',
        },
    ),
    Said(
        "reasoning",
        "thinking",
        answer_of(Thinking("TH7"), Text("T7")),
        {
            "openai-chat": '**.reasoning_content = "TH7"',
            "openai-responses": '**.summary.0.text = "TH7"',
            "anthropic-messages": '**.thinking = "TH7"',
            "gemini": '**.text = "TH7"',
        },
    ),
    Said(
        "seal of Claude's reasoning",
        "seal of anthropic",
        answer_of(Thinking("TH7", "SIG7"), Text("T7")),
        {
            "openai-chat": '**.signature = "SIG7"',
            "openai-responses": '**.encrypted_content = "llmgw.anthropic.SIG7"',
            "anthropic-messages": '**.signature = "SIG7"',
            "gemini": f'**.thoughtSignature = "{wrap("SIG7", "anthropic")}"',
        },
    ),
    Said(
        "seal of OpenAI's reasoning",
        "seal of openai",
        answer_of(Thinking("TH7", "rs_7.SIG7", "openai"), Text("T7")),
        {
            "openai-chat": '**.signature = "llmgw.openai.rs_7.SIG7"',
            "openai-responses": "**.encrypted_content ~ SIG7",
            "anthropic-messages": '**.signature = "llmgw.openai.rs_7.SIG7"',
            "gemini": f'**.thoughtSignature = "{wrap("rs_7.SIG7", "openai")}"',
        },
    ),
    Said(
        "seal of Gemini's reasoning and calls",
        "seal of gemini",
        answer_of(ToolCall("c7", "f7", "{}", signature="SIG7"), finish="tool_calls"),
        {
            "openai-chat": '**.thought_signature = "SIG7"',
            "openai-responses": '**.encrypted_content = "llmgw.gemini.redacted.SIG7"',
            "anthropic-messages": '**.data = "llmgw.gemini.SIG7"',
            "gemini": '**.thoughtSignature = "SIG7"',
        },
    ),
    Said(
        "redacted reasoning",
        "redacted",
        answer_of(RedactedThinking("SIG7"), Text("T7")),
        {
            "openai-chat": '**.data = "SIG7"',
            "openai-responses": '**.encrypted_content = "llmgw.anthropic.redacted.SIG7"',
            "anthropic-messages": '**.data = "SIG7"',
            "gemini": f'**.thoughtSignature = "{wrap("SIG7", "anthropic", redacted=True)}"',
        },
    ),
    Said(
        "refusal in words",
        "refusal",
        answer_of(Refusal("R7")),
        {
            "openai-chat": '**.refusal = "R7"',
            "openai-responses": '**.refusal = "R7"',
            "openai-completions": '**.text = "R7"',
            "anthropic-messages": '**.text = "R7"',
            "gemini": '**.text = "R7"',
        },
    ),
    Said(
        "citations of web pages",
        "citation of a web page",
        answer_of(Text("T7", citations=(_WEB,))),
        {
            "openai-chat": '**.annotations.0.url_citation.url = "https://x.test/7"',
            "openai-responses": '**.annotations.0.url = "https://x.test/7"',
            "anthropic-messages": '**.url = "https://x.test/7"',
            "gemini": '**.citationMetadata.citationSources.0.uri = "https://x.test/7"',
        },
    ),
    Said(
        "citations of documents",
        "citation of a document",
        answer_of(Text("T7", citations=(_DOCUMENT,))),
        {
            "openai-responses": '**.annotations.0.filename = "T7"',
            "anthropic-messages": '**.document_title = "T7"',
        },
    ),
    Said(
        "log probabilities",
        "logprobs",
        answer_of(Text("T7"), choice={"logprobs": _LOGPROBS}),
        {
            "openai-chat": '**.logprobs.content.0.token = "T7"',
            "openai-responses": '**.logprobs.0.token = "T7"',
            "openai-completions": '**.logprobs.tokens = ["T7"]',
            "gemini": '**.logprobsResult.chosenCandidates.0.token = "T7"',
        },
    ),
    Said(
        "which stop sequence it was",
        "stop sequence",
        answer_of(Text("T7"), choice={"stop_sequence": "E7"}),
        {"anthropic-messages": '**.stop_sequence = "E7"'},
    ),
    Said(
        "id",
        "id",
        answer_of(Text("T7")),
        {
            "openai-chat": '**.id = "chatcmpl-id7"',
            "openai-responses": '**.id = "resp_id7"',
            "openai-completions": '**.id = "cmpl-id7"',
            "anthropic-messages": '**.id = "msg_id7"',
            "gemini": '**.responseId = "id7"',
        },
    ),
    Said(
        "time",
        "created",
        answer_of(Text("T7"), created=1_700_000_007),
        {
            "openai-chat": "**.created = 1700000007",
            "openai-responses": "**.created_at = 1700000007",
            "openai-completions": "**.created = 1700000007",
        },
    ),
    Said(
        "fingerprint of the system",
        "fingerprint",
        answer_of(Text("T7"), system_fingerprint="fp7"),
        {"openai-chat": '**.system_fingerprint = "fp7"', "openai-completions": '**.system_fingerprint = "fp7"'},
    ),
    Said(
        "service tier",
        "tier",
        answer_of(Text("T7"), service_tier="priority"),
        {
            "openai-chat": '**.service_tier = "priority"',
            "openai-responses": '**.service_tier = "priority"',
            "anthropic-messages": '**.service_tier = "priority"',
        },
    ),
)


FINISHES: tuple[FinishReason, ...] = (
    "stop",
    "length",
    "tool_calls",
    "content_filter",
    "refusal",
    "pause",
    "context_window",
)
_FINISH_AT = {
    "openai-chat": ("choices.0.finish_reason",),
    "openai-responses": ("status", "incomplete_details.reason"),
    "openai-completions": ("choices.0.finish_reason",),
    "anthropic-messages": ("stop_reason",),
    "gemini": ("candidates.0.finishReason",),
}
"""Where a whole answer says why it ended."""
_FINISH_OF_EVENTS = {
    **_FINISH_AT,
    "openai-responses": ("response.status", "response.incomplete_details.reason"),
    "anthropic-messages": ("delta.stop_reason",),
}
"""Where a stream's events do."""


def shown(said: Said, client: str) -> bool:
    """Whether a client gets it: in a whole answer and in a stream, or in neither."""
    evidence = said.shows.get(client)
    if evidence is None:
        return False
    whole, stream = found(whole_of(said.answer, client), evidence), found(stream_of(said.answer, client), evidence)
    assert whole == stream, (said.name, client, whole, stream)
    return whole


def finish_of(reason: FinishReason, client: str) -> str:
    """The client's word for it, the same in both forms."""
    answer = answer_of(*([_CALLS[1]] if reason == "tool_calls" else [Text("T7")]), finish=reason)
    whole = ": ".join(text for path in _FINISH_AT[client] for text in texts_at(whole_of(answer, client), path))
    *_, last = (
        ": ".join(said)
        for event in stream_of(answer, client)
        if (said := [text for path in _FINISH_OF_EVENTS[client] for text in texts_at(event, path)])
    )
    assert whole == last, (reason, client, whole, last)
    return whole


def whole_of(answer: Answer, client: str):
    return orjson.loads(orjson.dumps(CLIENT_DIALECTS[client].render_answer(answer, created=1)))


def stream_of(answer: Answer, client: str) -> list:
    writer = CLIENT_DIALECTS[client].stream_writer(created=1, include_usage=True)
    data = b"".join(writer.write(event) for event in (*events_of(answer), Ended()))
    lines = [line.removeprefix(b"data: ") for line in data.split(b"\n") if line.startswith(b"data: {")]
    return [orjson.loads(line) for line in lines]
