"""Pieces of the vendors' streams, and whole answers: ``Claude`` has Anthropic's, ``Stream`` those of OpenAI."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson


def chunk(**delta: Any) -> bytes:
    finish = delta.pop("finish_reason", None)
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _data({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m1", "choices": [choice]})


def _data(value: Any) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _named(value: Mapping[str, Any]) -> bytes:
    return b"event: " + str(value["type"]).encode() + b"\n" + _data(value)


class Claude:
    """Pieces of an Anthropic stream, and a whole answer."""

    def start(self, *, input: int = 5, output: int = 1, **usage: int) -> bytes:  # noqa: A002  the vendor's words
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "c1",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": input, "output_tokens": output, **usage},
        }
        opened = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        return _named({"type": "message_start", "message": message}) + _named(opened)

    def text(self, text: str) -> bytes:
        return _named({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})

    def stop(self, *, output: int = 2) -> bytes:
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        return (
            _named({"type": "content_block_stop", "index": 0})
            + _named({"type": "message_delta", "delta": delta, "usage": {"output_tokens": output}})
            + _named({"type": "message_stop"})
        )

    def error(self) -> bytes:
        return _named({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})

    def whole(self, *, input: int = 5, output: int = 2) -> bytes:  # noqa: A002  the vendor's words
        return orjson.dumps(
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "c1",
                "content": [{"type": "text", "text": "Hello"}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": input, "output_tokens": output},
            }
        )


@dataclass(frozen=True)
class Stream:
    """Pieces of an OpenAI stream."""

    role = staticmethod(lambda: chunk(role="assistant", content=""))
    text = staticmethod(lambda text: chunk(content=text))
    finish = staticmethod(lambda reason="stop": chunk(finish_reason=reason))
    usage = staticmethod(
        lambda: _data(
            {
                "id": "c1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "m1",
                "choices": [],
                "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
            }
        )
    )
    error = staticmethod(lambda: _data({"error": {"message": "The server is on fire", "type": "server_error"}}))
    done = b"data: [DONE]\n\n"
    garbage = b'data: {"id": "c1", "choi\n\n'
    comment = b": keep-alive\n\n"
