"""A client of each dialect: how it asks, and what it has of what came. SDKs read whatever claims to be an answer.

``CLIENTS``  by client dialect
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tests.judges.registry import READ_ANSWER

SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Zürich"]}, "days": {"type": "integer", "minimum": 2}},
    "required": ["city", "days"],
}
DONE = b"[DONE]"
CALLING = "Please call it"


@dataclass(frozen=True)
class Client:
    """A client of one dialect. ``said`` reads the judge's object; ``marker``: what only a finished stream holds."""

    name: str
    path: str
    ask: Callable[[str], dict[str, Any]]
    offer: Mapping[str, Any] | None
    """One tool and some reasoning; None: the dialect has no such thing."""
    said: Callable[[Any], object]
    marker: bytes
    is_error: Callable[[str, Any], bool]

    def request(self, model: str, text: str, *, stream: bool, offer: bool = False) -> tuple[str, dict[str, Any]]:
        """Path and body; with ``offer`` there is a tool to be called, and reasoning."""
        body = self.ask(text) | (self.offer or {} if offer else {})
        if self.name == "gemini":
            verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
            return f"/v1beta/models/{model}:{verb}", body
        return self.path, body | {"model": model, "stream": stream}

    def read(self, body: bytes, *, stream: bool) -> object:
        """What the SDK makes of an answer, but for ids and times. Raises the SDK's error where a stream holds one."""
        body = body.replace(b"\r\n", b"\n")  # lines may end either way
        if stream and self.marker == DONE and DONE not in body:
            body += b"data: [DONE]\n\n"  # some servers never send it, and the finish reason says the same
        return self.said(READ_ANSWER[self.name](body, ".sse" if stream else ".json"))

    def verdict(self, status: int | None, body: bytes, *, stream: bool, complete: bool) -> str:
        """``answer``, ``error`` or ``cut``: what came looks like this to a client. Fails where it looks like two of them.

        ``status`` None: not even headers came; ``complete``: HTTP's own framing has ended the body.
        """
        if status is None:
            return "cut"
        if status != 200:
            assert complete
            self.check_error(body)
            return "error"
        if not stream:
            return "answer" if complete else "cut"
        body = body.replace(b"\r\n", b"\n")
        events = self.events(body if complete else body[: body.rfind(b"\n\n") + 2])
        at = [index for index, event in enumerate(events) if self.is_error(*event)]
        if at:
            (first,) = at
            # OpenAI closes the response that has failed behind the error.
            assert [name for name, _ in events[first + 1 :]] in ([], ["response.failed"]), (
                "one error, and nothing behind it"
            )
            assert self.marker not in body
            return "error"
        if not complete:
            return "cut"
        assert body.count(self.marker) <= 1
        return "answer"

    def events(self, body: bytes) -> list[tuple[str, Any]]:
        """Name (empty: none) and decoded data of a stream's events, comments left out."""
        found = []
        for block in body.split(b"\n\n"):
            lines = [line for line in block.split(b"\n") if line and not line.startswith(b":")]
            name = b"".join(line[6:].strip() for line in lines if line.startswith(b"event:")).decode()
            data = b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))
            if lines:
                found.append((name, data.decode() if data == b"[DONE]" else orjson.loads(data)))
        return found

    def check_error(self, body: bytes) -> None:
        """A whole error is of the dialect's shape, and says something."""
        document = orjson.loads(body)
        error = document["error"]
        assert error["message"]
        match self.name:
            case "anthropic-messages":
                assert document["type"] == "error"
                assert error["type"]
            case "gemini":
                assert isinstance(error["code"], int)
                assert error["status"]
            case _:
                assert set(error) - {"vendor_code"} == {"message", "type", "param", "code"}


def _chat(answer: Any) -> object:
    (choice,) = answer.choices
    message = choice.message
    calls = [(call.function.name, orjson.loads(call.function.arguments)) for call in message.tool_calls or ()]
    return choice.finish_reason, message.content or "", getattr(message, "reasoning_content", None) or "", calls


def _responses(answer: Any) -> object:
    calls = [(item.name, orjson.loads(item.arguments)) for item in answer.output if item.type == "function_call"]
    thoughts = [part.text for item in answer.output if item.type == "reasoning" for part in item.summary]
    texts = [part.text for item in answer.output if item.type == "message" for part in item.content]
    return answer.status, texts, thoughts, calls


def _completions(answer: Any) -> object:
    (choice,) = answer.choices
    return choice.finish_reason, choice.text


def _anthropic(answer: Any) -> object:
    blocks = [block.model_dump(exclude_none=True) for block in answer.content]
    kept = {"type", "text", "thinking", "name", "input"}
    return answer.stop_reason, [{name: block[name] for name in kept & block.keys()} for block in blocks]


def _gemini(answer: Any) -> object:
    (candidate,) = answer.candidates
    parts = candidate.content.parts or []
    texts = ["".join(part.text or "" for part in parts if bool(part.thought) is kind) for kind in (False, True)]
    calls = [(part.function_call.name, part.function_call.args) for part in parts if part.function_call]
    return candidate.finish_reason, texts, calls


def _has_error(name: str, data: Any) -> bool:
    return isinstance(data, Mapping) and "error" in data


def _named_error(name: str, data: Any) -> bool:
    return name == "error"


def _messages(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


_FUNCTION = {"name": "get_weather", "description": "Weather", "parameters": SCHEMA}

CLIENTS: Mapping[str, Client] = {
    client.name: client
    for client in (
        Client(
            "openai-chat",
            "/v1/chat/completions",
            _messages,
            {"tools": [{"type": "function", "function": _FUNCTION}], "reasoning_effort": "high"},
            _chat,
            DONE,
            _has_error,
        ),
        Client(
            "openai-responses",
            "/v1/responses",
            lambda text: {"input": text},
            {"tools": [{"type": "function", **_FUNCTION}], "reasoning": {"effort": "high", "summary": "auto"}},
            _responses,
            b"event: response.completed",
            _named_error,
        ),
        Client(
            "openai-completions",
            "/v1/completions",
            lambda text: {"prompt": text, "max_tokens": 500},
            None,
            _completions,
            DONE,
            _has_error,
        ),
        Client(
            "anthropic-messages",
            "/v1/messages",
            lambda text: _messages(text) | {"max_tokens": 4000},
            {
                "tools": [{"name": "get_weather", "input_schema": SCHEMA}],
                "thinking": {"type": "enabled", "budget_tokens": 1024},
            },
            _anthropic,
            b"event: message_stop",
            _named_error,
        ),
        Client(
            "gemini",
            "",
            lambda text: {"contents": [{"role": "user", "parts": [{"text": text}]}]},
            {
                "tools": [
                    {
                        "functionDeclarations": [
                            {"name": "get_weather", "description": "W", "parametersJsonSchema": SCHEMA}
                        ]
                    }
                ],
                "generationConfig": {"thinkingConfig": {"includeThoughts": True, "thinkingLevel": "HIGH"}},
            },
            _gemini,
            b'"finishReason"',
            _has_error,
        ),
    )
}
