"""The end of a response, as Envoy has to be told of it: with the body's last piece, in the headers, or by trailers."""

from dataclasses import replace

from extproc.phases.events import (
    Replies,
    Reply,
    ResponseBodyReply,
    ResponseHeadersReply,
    ResponseTrailersReply,
)


def with_body(replies: Replies) -> Replies:
    """The replies with the end of the body on the last of them."""
    if replies and isinstance(replies[-1], ResponseBodyReply):
        return (*replies[:-1], ResponseBodyReply(replies[-1].data, end=True))
    return (*replies, ResponseBodyReply(b"", end=True))


def in_head(replies: Replies) -> Replies:
    """Where the provider's response has no body Envoy asks for none: ours goes with the headers."""
    head, body = replies
    assert isinstance(head, ResponseHeadersReply)
    assert isinstance(body, ResponseBodyReply)
    return (replace(head, body=body.data),)


def by_trailers(replies: Replies) -> Replies:
    """The end comes with the trailers, so the body's last piece must not end the body as well."""
    return (*(_open_ended(reply) for reply in replies), ResponseTrailersReply())


def _open_ended(reply: Reply) -> Reply:
    return ResponseBodyReply(reply.data) if isinstance(reply, ResponseBodyReply) else reply
