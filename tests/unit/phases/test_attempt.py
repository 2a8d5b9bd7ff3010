"""An attempt, on the way out: who is called, with what, and what is refused before anybody is."""

import re
from dataclasses import replace

import orjson
import pytest

from extproc.config.snapshot import Provider, Secret, Target
from extproc.domain.errors import InternalError
from extproc.domain.quirks import COMPATIBLE
from extproc.phases import handoff as handoffs
from extproc.phases.events import (
    RequestBody,
    RequestBodyReply,
    RequestHeaders,
    RequestHeadersReply,
    Respond,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)

HI = [{"role": "user", "content": "Hi"}]


def test_the_request_is_addressed_absolutely(world):
    world.chat()
    attempt = world.send()
    headers = dict(attempt.sent.set_headers)
    assert headers == {
        ":path": "/v1/chat/completions",
        ":authority": "o1.example",
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "identity",
        "authorization": "Bearer key-of-o1",
        "content-length": str(len(attempt.sent.body)),
    }
    assert orjson.loads(attempt.sent.body) == {"model": "m1", "messages": HI}


def test_the_next_attempt_leaves_nothing_of_the_one_before(world):
    """Envoy keeps the header changes of earlier attempts; no key may reach another provider."""
    world.model("mixed", targets=(Target("a1", "c1"),), fallbacks=(Target("o1", "m1"), Target("a1", "c2")))
    world.chat("mixed")
    first = world.send()
    assert dict(first.sent.set_headers)["x-api-key"] == "key-of-a1"
    assert world.headers["x-api-key"] == "key-of-a1"
    first.headers(429)
    first.close()
    second = world.send()
    assert dict(second.sent.set_headers)["authorization"] == "Bearer key-of-o1"
    assert {"x-api-key", "anthropic-version"} <= set(second.sent.remove_headers)
    assert "x-api-key" not in world.headers
    assert dict(second.sent.set_headers)[":path"] == "/v1/chat/completions"
    second.close()
    third = world.send()
    assert "authorization" not in world.headers
    assert dict(third.sent.set_headers)["x-api-key"] == "key-of-a1"
    assert dict(third.sent.set_headers)[":path"] == "/v1/v1/messages"


def test_each_attempt_translates_the_clients_own_body(world):
    world.model("mixed", targets=(Target("a1", "c1", max_output_tokens=33),), fallbacks=(Target("o1", "m1"),))
    world.chat("mixed")
    first = world.send()
    assert orjson.loads(first.sent.body)["max_tokens"] == 33
    first.headers(429)
    second = world.send()
    assert orjson.loads(second.sent.body) == {"model": "m1", "messages": HI}


def test_past_the_chains_end_the_last_step_is_taken(world):
    world.chat()
    attempt, replies = world.open(number=5)
    assert replies == (RequestHeadersReply(),)
    assert attempt.phase._log.attempt == 5


def test_the_mark_says_that_the_request_is_on_its_way(world):
    world.chat()
    attempt = world.send()
    provider, reason, started, ended, final, model = attempt.sent.metadata["a1"].split(" ", 5)
    assert (provider, reason, ended, final, model) == ("o1", "sent", "0", "0", "m1")
    assert int(started) == world.clock.now_ns()


def test_a_stream_is_asked_for_usage_and_as_a_stream(world):
    world.chat(stream=True)
    attempt = world.send()
    assert dict(attempt.sent.set_headers)["accept"] == "text/event-stream"
    assert orjson.loads(attempt.sent.body)["stream_options"] == {"include_usage": True}


# -- refused before anybody is called -----------------------------------------------------------------------------------------


def test_what_the_provider_cannot_carry_ends_the_request(world):
    world.chat("claude", n=2)
    attempt = world.send()
    assert attempt.seen.status == 400
    assert attempt.seen.code == "unsupported_feature"
    assert attempt.seen.details == "llmgw_unsupported_feature"
    attempt.close()
    assert [row.outcome for row in world.recorder.attempts] == ["caller:unsupported_feature"]
    assert [(row.status, row.outcome) for row in world.recorder.requests] == [(400, "caller:unsupported_feature")]


def test_admission_leaves_the_row_of_a_refusal_to_the_attempt(world):
    """Envoy shows admission the attempt's own reply; its mark tells that it is one."""
    world.chat("claude", n=2)
    attempt = world.send()
    world.answer(400)
    world.leave()
    attempt.close()
    assert len(world.recorder.requests) == 1


def without_admission(world):
    world.metadata = {"h": ""}


def of_another_version(world):
    world.metadata["h"] = orjson.dumps([handoffs.VERSION + 1, "future"]).decode()


def provider_taken_away(world):
    world.snapshot = replace(world.snapshot, providers={})


def model_taken_away(world):
    world.snapshot = replace(world.snapshot, models={})


@pytest.mark.parametrize("happens", [without_admission, of_another_version, provider_taken_away, model_taken_away])
def test_what_does_not_fit_together_is_our_own_fault(world, happens):
    world.chat()
    happens(world)
    attempt, replies = world.open(cluster="provider-o1")
    (reply,) = replies
    assert isinstance(reply, Respond)
    assert (reply.status, reply.details) == (500, "llmgw_internal_error")
    attempt.close()
    assert world.recorder.attempts == []
    assert world.recorder.requests == [], "admission sees the answer and writes it"


@pytest.mark.parametrize(("cluster", "number"), [("provider-o2", 1), ("provider-", 1), ("provider-o1", 0)])
def test_a_provider_that_the_chain_does_not_name_is_not_called(world, cluster, number):
    world.chat()
    _, (reply,) = world.open(cluster=cluster, number=number)
    assert isinstance(reply, Respond)
    assert reply.status == 500


def test_the_rest_of_a_refused_request_is_read_over(world):
    world.chat()
    attempt, _ = world.open(cluster="provider-zzz")
    for event in (RequestBody(b"{}"), ResponseHeaders(200, {}, {}, end=False), ResponseBody(b"", end=True)):
        assert attempt.phase.handle(event) == ()
    assert attempt.phase.deadline is None
    assert attempt.phase.wake() == ()


EVENTS = {
    "opened": (
        RequestBody(b"{}"),
        ResponseHeaders(200, {}, {}, end=False),
        ResponseBody(b"", end=True),
        ResponseTrailers(),
    ),
    "addressed": (
        RequestHeaders({}, {}, "provider-o1", 1, end=False),
        ResponseHeaders(200, {}, {}, end=False),
        ResponseBody(b"", end=True),
        ResponseTrailers(),
    ),
    "sent": (
        RequestHeaders({}, {}, "provider-o1", 1, end=False),
        RequestBody(b"{}"),
        ResponseBody(b"", end=True),
        ResponseTrailers(),
    ),
    "answering": (
        RequestHeaders({}, {}, "provider-o1", 1, end=False),
        RequestBody(b"{}"),
        ResponseHeaders(200, {}, {}, end=False),
    ),
}


CASES = [(state, event) for state, events in EVENTS.items() for event in events]


@pytest.mark.parametrize(("state", "event"), [case for case in CASES if case[0] in {"opened", "addressed"}])
def test_what_envoy_must_not_send_is_our_own_fault(world, state, event):
    world.chat()
    attempt = world.open()[0].phase
    if state == "opened":
        attempt = type(attempt)(attempt._deps)
    (reply,) = attempt.handle(event)
    assert isinstance(reply, Respond)
    assert (reply.status, reply.details) == (500, "llmgw_internal_error")


@pytest.mark.parametrize(("state", "event"), [case for case in CASES if case[0] in {"sent", "answering"}])
def test_what_envoy_must_not_send_behind_the_request_is_a_crash(world, state, event):
    world.chat()
    attempt = world.send()
    if state == "answering":
        attempt.headers(200)
    with pytest.raises(InternalError):
        attempt.phase.handle(event)
    attempt.close(crashed=True)
    assert [row.outcome for row in world.recorder.attempts] == ["gateway:internal_error"]
    assert world.recorder.requests == [], "nothing has reached the client: Envoy answers, and admission sees it"


def test_a_client_of_another_dialect_keeps_its_headers_to_itself(world):
    world.model("claude", fallbacks=(Target("o1", "m1"),), retry_on=frozenset({429}))
    world.ask(
        {"model": "claude", "messages": HI, "max_tokens": 5}, "/v1/messages", anthropic_beta="b1", anthropic_version="v"
    )
    first = world.send()
    assert dict(first.sent.set_headers)["anthropic-beta"] == "b1"
    assert dict(first.sent.set_headers)["anthropic-version"] == "v"
    first.headers(429)
    second = world.send()
    assert "anthropic-beta" in second.sent.remove_headers
    assert "anthropic-beta" not in world.headers


def cloud(dialect: str) -> Provider:
    return Provider("c1", dialect, "https://c1.example", api_key=Secret("k"), region="us-east1", project="p")


def test_claude_on_a_cloud_gets_what_the_cloud_knows(world):
    asked = {"model": "x", "messages": HI, "max_tokens": 5, "cache_control": {"type": "ephemeral"}}
    marked = [{"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}]
    betas = "oauth-2025-04-20,context-1m-2025-08-07"
    for dialect in ("vertex-anthropic", "bedrock-anthropic"):
        world.snapshot = replace(world.snapshot, providers={**world.snapshot.providers, "c1": cloud(dialect)})
        world.model("x", targets=(Target("c1", "claude-opus-4-8"),))
        world.ask(asked, "/v1/messages", anthropic_beta=betas)
        sent = world.send().sent
        body = orjson.loads(sent.body)
        assert (body["messages"], "cache_control" in body) == (marked, False)
        told = dict(sent.set_headers).get("anthropic-beta") or ",".join(body["anthropic_beta"])
        assert told == "context-1m-2025-08-07"


def test_gemini_on_vertex_gets_no_ids_of_calls(world):
    world.snapshot = replace(world.snapshot, providers={**world.snapshot.providers, "c1": cloud("vertex-gemini")})
    world.model("x", targets=(Target("c1", "gemini-3-pro"),))
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    world.chat("x", messages=[*HI, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c1", "content": "1"}])  # fmt: skip
    contents = orjson.loads(world.send().sent.body)["contents"]
    assert contents[1]["parts"][0]["functionCall"] == {"name": "f", "args": {}}
    assert contents[2]["parts"][0]["functionResponse"] == {"name": "f", "response": {"output": "1"}}


def test_a_server_that_differs_from_openai_gets_what_it_takes(world):
    """Whoever asks: a client of its own dialect, or of another one."""
    world.provider("o1", quirks=replace(COMPATIBLE, short_call_ids=True, results_answered=True))
    call = {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": "toolu_1", "content": "1"}
    turns = [{"role": "assistant", "content": None, "tool_calls": [call]}, result, *HI]
    world.chat("one", messages=[{"role": "developer", "content": "s"}, *HI, *turns])
    first = orjson.loads(world.send().sent.body)["messages"]
    assert [message["role"] for message in first] == ["system", "user", "assistant", "tool", "assistant", "user"]
    use = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    returned = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "1"}
    asked = [*HI, {"role": "assistant", "content": [use]}, {"role": "user", "content": [returned]}, *HI]
    world.ask({"model": "one", "max_tokens": 5, "system": "s", "messages": asked}, "/v1/messages")
    second = orjson.loads(world.send().sent.body)["messages"]
    assert second == first
    assert re.fullmatch("[a-zA-Z0-9]{9}", first[3]["tool_call_id"])


def test_a_providers_own_headers_go_to_it_alone(world):
    own = Provider(
        "o1",
        "openai",
        "https://user:pw@o1.example:8443/base/v1/",
        api_key=Secret("k"),
        headers={"OpenAI-Organization": "acme"},
    )
    world.snapshot = replace(world.snapshot, providers={**world.snapshot.providers, "o1": own})
    world.chat()
    first = world.send()
    headers = dict(first.sent.set_headers)
    assert headers["openai-organization"] == "acme"
    assert (headers[":authority"], headers[":path"]) == ("o1.example:8443", "/base/v1/chat/completions")
    first.headers(429)
    second = world.send()
    assert "openai-organization" in second.sent.remove_headers


def test_replies_are_of_the_request(world):
    world.chat()
    _, replies = world.open()
    assert replies == (RequestHeadersReply(),)
    assert isinstance(world.send().sent, RequestBodyReply)
