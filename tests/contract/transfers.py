"""Bare HTTP: requests in either dialect, and answers byte by byte, with how they ended. What SDKs would hide."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson


@dataclass
class Transfer:
    """An answer as it came over the wire."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False
    """Whether HTTP's own framing ended it. False: the transfer was cut."""

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def events(self) -> list[tuple[str, Any]]:
        """The stream's events: name (empty for OpenAI) and decoded data (text where it is no JSON)."""
        events = []
        for block in self.body.replace(b"\r\n", b"\n").split(b"\n\n"):
            lines = [line for line in block.decode().split("\n") if line and not line.startswith(":")]
            name = "".join(line[7:] for line in lines if line.startswith("event: "))
            data = "\n".join(line[6:] for line in lines if line.startswith("data: "))
            if lines:
                events.append((name, orjson.loads(data) if data.startswith("{") else data))
        return events

    @property
    def errors(self) -> list[Any]:
        """The error events."""
        return [data for name, data in self.events if name == "error" or (isinstance(data, dict) and "error" in data)]

    @property
    def text(self) -> str:
        """The answer's text, whichever dialect it is in."""
        pieces = []
        for _, data in self.events:
            if isinstance(data, dict) and "choices" in data:
                pieces += [choice["delta"].get("content") or "" for choice in data["choices"]]
            elif isinstance(data, dict) and data.get("type") == "content_block_delta":
                pieces.append(data["delta"].get("text", ""))
        return "".join(pieces)

    @property
    def finished(self) -> bool:
        """Whether it holds the dialect's end marker."""
        _, last = self.events[-1]
        return last == "[DONE]" or (isinstance(last, dict) and last.get("type") == "message_stop")


async def transfer(
    http: httpx.AsyncClient, path: str, body: object, headers: Mapping[str, str] | None = None
) -> Transfer:
    """Send a request and take what comes, to whatever end."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    got = Transfer()
    async with http.stream(
        "POST", path, content=content, headers={"content-type": "application/json", **(headers or {})}
    ) as response:
        got.status, got.headers = response.status_code, dict(response.headers)
        pieces: list[bytes] = []
        try:
            async for piece in response.aiter_raw():
                pieces.append(piece)  # noqa: PERF401  what came before a failure counts
            got.complete = True
        except (httpx.RemoteProtocolError, httpx.ReadError):
            got.complete = False
        got.body = b"".join(pieces)
    return got


@dataclass(frozen=True)
class Dialect:
    """How a client of one dialect asks and reads, over bare HTTP."""

    name: str
    path: str

    def body(self, model: str, text: str = "Hello", *, stream: bool, **more: object) -> dict[str, object]:
        """A request."""
        body: dict[str, object] = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}
        if self.name == "anthropic":
            body["max_tokens"] = 1000
        return body | more

    def text(self, answer: Mapping[str, Any]) -> str:
        """The text of a whole answer."""
        if self.name == "anthropic":
            return "".join(block["text"] for block in answer["content"] if block["type"] == "text")
        return answer["choices"][0]["message"]["content"]

    def error(self, body: Mapping[str, Any]) -> tuple[str, str, str]:
        """Type, the gateway's code, and message of an error body or event, which is of this dialect's shape."""
        error = body["error"]
        if self.name == "anthropic":
            assert body["type"] == "error"
            return error["type"], error["details"]["error_code"], error["message"]
        assert set(error) - {"vendor_code"} == {"message", "type", "param", "code"}
        return error["type"], error["code"], error["message"]


OPENAI = Dialect("openai", "/v1/chat/completions")
ANTHROPIC = Dialect("anthropic", "/v1/messages")
DIALECTS = (OPENAI, ANTHROPIC)
