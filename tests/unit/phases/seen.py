"""What has come of a phase's replies, in an order that Envoy allows."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from extproc.phases.events import (
    Abort,
    Replies,
    Respond,
    ResponseBodyReply,
    ResponseHeadersReply,
    ResponseTrailersReply,
)


@dataclass
class Seen:
    """What has reached the client, or Envoy's router, of one response."""

    status: int | None = None
    set_headers: dict[str, str] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    body: bytes = b""
    ended: bool = False
    trailers: bool = False
    pieces: int = 0
    details: str | None = None
    aborted: bool = False

    def take(self, replies: Replies) -> None:
        """Add replies. Fails where they come in an order that Envoy does not allow."""
        for reply in replies:
            assert not self.aborted, "something behind the last reply"
            match reply:
                case ResponseHeadersReply():
                    assert self.status is None, "headers twice"
                    self.status = reply.status
                    self.set_headers = dict(reply.set_headers)
                    self.removed = set(reply.remove_headers)
                    if reply.body is not None:
                        self.body, self.ended = reply.body, True
                case ResponseBodyReply():
                    assert self.status is not None, "a body before the headers"
                    assert not self.ended, "a body behind its end"
                    self.body += reply.data
                    self.pieces += 1
                    self.ended = reply.end
                case ResponseTrailersReply():
                    assert not self.trailers, "trailers twice"
                    self.trailers = True
                case Respond():
                    assert self.status is None, "an answer of our own behind the headers"
                    self.status, self.body, self.ended = reply.status, reply.body, True
                    self.set_headers, self.details = dict(reply.set_headers), reply.details
                case Abort():
                    self.aborted = True
                case _:
                    raise AssertionError(f"{reply} is no response")

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def code(self) -> str:
        """The stable code of an error body."""
        error = self.json["error"]
        return error.get("code") or error["details"]["error_code"]
