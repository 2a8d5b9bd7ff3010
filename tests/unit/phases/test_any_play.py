"""Any play of an attempt, whatever the provider does and whenever the stream ends, is told once.

The replies come in an order that Envoy allows: ``Seen.take`` fails where they do not.
"""

import gzip

from hypothesis import given
from hypothesis import strategies as st

from extproc.config.snapshot import Commit
from extproc.domain import names

COMMITS = (Commit(), Commit("events", events=3), Commit("after", after=2.0), Commit("whole", buffer_limit=2000))
PIECES = ("role", "text", "text", "text", "finish", "usage", "error", "garbage", "done", "comment", "half")

heads = st.tuples(
    st.sampled_from([200, 200, 200, 200, 204, 302, 400, 429, 500, 529]), st.sampled_from(["", "", "gzip", "br"])
)
steps = st.one_of(
    st.tuples(st.just("piece"), st.lists(st.sampled_from(PIECES), max_size=4)),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 2.0, 9.0, 30.0])),
)
endings = st.sampled_from(
    ["leave", "end", "end with a piece", "trailers", "headers only", "before the headers", "crash"]
)


def data_of(sse, pieces) -> bytes:
    made = {
        "role": sse.role(),
        "text": sse.text("a"),
        "finish": sse.finish(),
        "usage": sse.usage(),
        "error": sse.error(),
        "garbage": sse.garbage,
        "done": sse.done,
        "comment": sse.comment,
        "half": sse.text("b")[:15],
    }
    return b"".join(made[piece] for piece in pieces)


def play(attempt, sse, head, script, ending) -> None:
    status, coding = head
    if ending == "before the headers":
        return
    attempt.headers(status, end=ending == "headers only", **({"content_encoding": coding} if coding else {}))
    if ending == "headers only":
        return
    for kind, what in script:
        if kind == "wait":
            attempt.wait(what)
        else:
            data = data_of(sse, what)
            attempt.body(gzip.compress(data) if coding == "gzip" else data)
        if attempt.seen.aborted:  # the transport has closed the stream: nothing more is heard of it
            return
    if ending == "end":
        attempt.body(b"", end=True)
    elif ending == "end with a piece":
        attempt.body(data_of(sse, ["finish", "done"]) if coding != "gzip" else b"", end=True)
    elif ending == "trailers":
        attempt.trailers()


@given(
    st.sampled_from(["one", "two"]),
    st.booleans(),
    st.sampled_from(COMMITS),
    heads,
    st.lists(steps, max_size=8),
    endings,
)
def test_every_attempt_is_told_once_and_answered_legally(make_world, sse, model, stream, commit, head, script, ending):
    world = make_world()
    world.model(model, commit=commit, first_token_timeout=10.0, stall_timeout=15.0)
    world.chat(model, stream=stream)
    attempt = world.send()
    play(attempt, sse, head, script, ending)
    attempt.close(crashed=ending == "crash")

    seen, (row,) = attempt.seen, world.recorder.attempts
    assert row.outcome != "sent"
    final = [names.RETRY_STATUS, None]
    assert len(world.recorder.requests) == (seen.status not in final), (
        "a row of the request for each answer, and no other"
    )
    if seen.status is None:
        assert seen.body == b""
    for request in world.recorder.requests:
        assert (request.status, request.outcome) == (seen.status, row.outcome)
        assert (request.outcome == "ok") <= (seen.status == 200)
    if ending in {"end", "end with a piece"} and seen.status is not None and not seen.aborted:
        assert seen.ended, "a body that ended for us ends for the client"
    if stream and seen.status == 200 and seen.ended and row.outcome != "ok":
        assert seen.body.count(b'"error"') == 1, "one error event"
    assert world.recorder.open["attempt"] == 0


def once(make_world, chunks, commit, path):
    world = make_world()
    world.model("one", commit=commit)
    body = {"model": "one", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5, "stream": True}
    world.ask(body, path)
    attempt = world.send()
    attempt.headers(200)
    for chunk in chunks:
        attempt.body(chunk)
    attempt.body(b"", end=True)
    attempt.close()
    return attempt.seen.status, attempt.seen.body, attempt.seen.ended, world.recorder.requests


@given(
    st.sampled_from(COMMITS),
    st.sampled_from(["/v1/chat/completions", "/v1/messages"]),
    st.lists(st.sampled_from(["role", "text", "comment", "usage"]), max_size=5),
    st.data(),
)
def test_any_split_of_a_good_stream_gives_the_same_answer_and_the_same_row(make_world, sse, commit, path, pieces, data):
    whole = data_of(sse, ["role", *pieces, "finish", "done"])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert once(make_world, chunks, commit, path) == once(make_world, [whole], commit, path)
