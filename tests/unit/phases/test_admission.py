"""Admission, on the way in: who may pass, what is refused and how, and what is handed over."""

from dataclasses import replace

import orjson
import pytest

from extproc.config.snapshot import Target
from extproc.domain import names
from extproc.phases.events import RequestBodyReply, RequestHeadersReply, Respond, ResponseTrailers
from extproc.phases.handoff import Step, decode

MESSAGES = "/v1/messages"
HI = [{"role": "user", "content": "Hi"}]


def handoff_of(replies):
    (reply,) = replies
    assert isinstance(reply, RequestBodyReply)
    return decode(reply.metadata[names.HANDOFF_KEY])


# -- refusals at the headers --------------------------------------------------------------------------------------------------

HEADER_REFUSALS = {
    "no key": ({"authorization": None}, 401, "invalid_api_key"),
    "an unknown key": ({"authorization": "Bearer sk-nobody"}, 401, "invalid_api_key"),
    "a key switched off": ({"authorization": "Bearer sk-old"}, 401, "invalid_api_key"),
    "no such path": ({"path": "/v2/chat"}, 404, "unknown_route"),
    "a path of another method": ({"method": "GET"}, 404, "unknown_route"),
    "the path before the key": ({"path": "/v2/chat", "authorization": None}, 404, "unknown_route"),
    "no body": ({"end": True}, 400, "invalid_request"),
    "a body in a coding that Envoy has not taken off": ({"content-encoding": "br"}, 400, "invalid_request"),
}


@pytest.mark.parametrize("case", HEADER_REFUSALS)
def test_refused_before_the_body_is_read(world, case):
    asked, status, code = HEADER_REFUSALS[case]
    (reply,) = world.admit(**asked)
    assert isinstance(reply, Respond)
    assert (reply.status, reply.details) == (status, f"llmgw_{code}")
    assert orjson.loads(reply.body)["error"]["code"] == code
    headers = dict(reply.set_headers)
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"] == headers["request-id"] == "req-1"
    world.leave()
    (row,) = world.recorder.requests
    assert (row.status, row.outcome, row.request_id) == (status, f"caller:{code}", "req-1")
    assert row.key == ("ci" if "body" in case.split() else None)
    assert world.recorder.attempts == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/chat/completions", "Model"),
        ("/v1/chat/completions", "Max_Tokens"),
        ("/v1/messages", "Messages"),
        ("/v1/responses", "Input"),
        ("/v1/embeddings", "MODEL"),
        ("/v1/rerank", "Documents"),
        ("/v1beta/models/one:generateContent", "GenerationConfig"),
    ],
)
def test_a_field_that_some_servers_take_for_another_is_refused(world, path, name):
    body = {"model": "one", "messages": HI, "input": "x", "contents": [], name: "dear"}
    (reply,) = world.ask(body, path)
    assert isinstance(reply, Respond)
    assert reply.status == 400
    assert name in orjson.loads(reply.body)["error"]["message"]


@pytest.mark.parametrize(
    ("path", "method", "key", "operation"),
    [
        ("/v1/models", "GET", "Bearer sk-test", "models"),
        ("/v1/models/none", "GET", "Bearer sk-test", "models"),
        ("/nothing", "POST", "Bearer sk-test", "none"),
        ("/v1/embeddings", "POST", "Bearer of nothing", "embeddings"),
        ("/v1/chat/completions", "POST", None, "chat"),
    ],
)
def test_a_row_names_the_operation_also_of_what_was_refused(world, path, method, key, operation):
    world.admit(path, method=method, authorization=key, end=method == "GET")
    assert [row.operation for row in world.recorder.requests] == [operation]


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_body_that_was_cut_while_it_was_unpacked_is_told_as_one(world, coding):
    (reply,) = world.ask(b'{"model": "one", "mess', x_llmgw_coded=coding)
    assert isinstance(reply, Respond)
    error = orjson.loads(reply.body)["error"]
    assert (reply.status, error["code"]) == (400, "malformed_json")
    assert coding in error["message"]
    assert "uncompressed" in error["message"]


def test_a_good_request_goes_on_to_its_body(world):
    assert world.admit() == (RequestHeadersReply(see_response=True),)
    assert world.recorder.requests == []
    assert world.recorder.open == {"admission": 1}


@pytest.mark.parametrize(
    ("path", "headers", "anthropic"),
    [
        (MESSAGES, {}, True),
        ("/anthropic/v1/messages", {}, True),
        ("/anthropic/nothing", {}, True),
        ("/v1/chat/completions", {}, False),
        ("/v1/chat/completions", {"anthropic_version": "2023-06-01"}, False),
        ("/v1/models", {"anthropic_version": "2023-06-01"}, True),
        ("/nothing", {}, False),
    ],
)
def test_a_refusal_is_written_in_the_dialect_of_the_path(world, path, headers, anthropic):
    (reply,) = world.admit(path, authorization=None, method="GET" if path.endswith("models") else "POST", **headers)
    assert ("type" in orjson.loads(reply.body)) == anthropic


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abc-123", "abc-123"),
        ("x" * 128, "x" * 128),
        ("x" * 129, "id-1"),
        ("", "id-1"),
        (None, "id-1"),
        ("a b", "id-1"),
    ],
)
def test_a_request_id_is_the_clients_where_it_is_sane(world, given, kept):
    (reply,) = world.admit(authorization=None, x_request_id=given)
    assert dict(reply.set_headers)["x-request-id"] == kept


# -- the catalogue ------------------------------------------------------------------------------------------------------------


def test_models_are_listed_with_their_aliases(world):
    (reply,) = world.admit("/v1/models", method="GET", end=True)
    assert (reply.status, reply.details) == (200, "llmgw_models")
    listed = orjson.loads(reply.body)
    assert [m["id"] for m in listed["data"]] == ["one", "two", "zwei", "claude", "mixed"]
    assert listed["data"][1] == {"id": "two", "object": "model", "created": 1_700_000_000, "owned_by": "llmgw"}
    assert dict(reply.set_headers)["request-id"] == dict(reply.set_headers)["x-request-id"] == "req-1"
    world.leave()
    (row,) = world.recorder.requests
    assert (row.status, row.outcome, row.key) == (200, "ok", "ci")


def test_models_are_those_that_the_key_may_use(world):
    (reply,) = world.admit("/v1/models", method="GET", end=True, authorization="Bearer sk-scoped")
    assert [m["id"] for m in orjson.loads(reply.body)["data"]] == ["two", "zwei"]


def test_models_in_anthropics_shape(world):
    (reply,) = world.admit("/v1/models?limit=1000", method="GET", end=True, anthropic_version="2023-06-01")
    listed = orjson.loads(reply.body)
    assert listed["data"][1] == {
        "type": "model",
        "id": "two",
        "display_name": "Model two",
        "created_at": "2023-11-14T22:13:20Z",
        "lifecycle": "active",
    }
    assert (listed["has_more"], listed["first_id"], listed["last_id"]) == (False, "one", "mixed")


@pytest.mark.parametrize(("headers", "field"), [({}, "object"), ({"anthropic_version": "2023-06-01"}, "type")])
def test_one_model_by_its_name_or_alias(world, headers, field):
    (reply,) = world.admit("/v1/models/zwei", method="GET", end=True, **headers)
    assert orjson.loads(reply.body)["id"] == "zwei"
    assert orjson.loads(reply.body)[field] == "model"


@pytest.mark.parametrize(
    ("name", "key", "status"), [("nothing", "sk-test", 404), ("off", "sk-test", 404), ("one", "sk-scoped", 403)]
)
def test_one_model_that_is_not_for_this_key(world, name, key, status):
    (reply,) = world.admit(f"/v1/models/{name}", method="GET", end=True, authorization=f"Bearer {key}")
    assert reply.status == status


# -- refusals at the body -----------------------------------------------------------------------------------------------------

BODY_REFUSALS = {
    "no JSON": (b'{"model": "two",', 400, "malformed_json"),
    "nothing": (b"", 400, "malformed_json"),
    "a lone surrogate": (b'{"model": "\\ud800"}', 400, "malformed_json"),
    "a list": (b"[]", 400, "invalid_request"),
    "no model": (b"{}", 400, "invalid_request"),
    "a model that is no text": (b'{"model": 7}', 400, "invalid_request"),
    "a stream that is no boolean": (b'{"model": "two", "stream": "yes"}', 400, "invalid_request"),
    "an unknown model": (b'{"model": "gpt-17"}', 404, "model_not_found"),
    "a model switched off": (b'{"model": "off"}', 404, "model_not_found"),
}


@pytest.mark.parametrize("path", ["/v1/chat/completions", MESSAGES])
@pytest.mark.parametrize("case", BODY_REFUSALS)
def test_refused_with_the_body(world, case, path):
    body, status, code = BODY_REFUSALS[case]
    (reply,) = world.ask(body, path)
    assert isinstance(reply, Respond)
    assert (reply.status, reply.details) == (status, f"llmgw_{code}")
    assert ("type" in orjson.loads(reply.body)) == (path == MESSAGES)
    world.leave()
    (row,) = world.recorder.requests
    assert (row.outcome, row.key) == (f"caller:{code}", "ci")
    assert row.model == {"a stream that is no boolean": "two", "a model switched off": "off"}.get(case)


@pytest.mark.parametrize("body", [{}, {"model": None}])
def test_moderation_has_the_vendors_default_model(world, body):
    world.model("omni-moderation-latest")
    world.ask({"input": "Hi", **body}, "/v1/moderations")
    assert orjson.loads(world.send().sent.body) == {"input": "Hi", "model": "m1"}


def test_the_default_model_of_moderation_has_to_be_in_the_catalogue(world):
    (reply,) = world.ask({"input": "Hi"}, "/v1/moderations")
    assert (reply.status, reply.details) == (404, "llmgw_model_not_found")
    assert b"omni-moderation-latest" in reply.body


def test_a_model_that_the_key_may_not_use(world):
    (reply,) = world.ask({"model": "one"}, authorization="Bearer sk-scoped")
    assert (reply.status, reply.details) == (403, "llmgw_model_not_allowed")
    (row,) = world.recorder.requests
    assert (row.outcome, row.model_asked, row.model) == ("policy:model_not_allowed", "one", "one")


def test_what_was_not_asked_for_is_our_own_fault(world):
    world.admit()
    (reply,) = world.admission.handle(ResponseTrailers())
    assert (reply.status, reply.details) == (500, "llmgw_internal_error")


# -- the hand-off -------------------------------------------------------------------------------------------------------------


def test_all_that_the_attempts_need_is_handed_over(world):
    handoff = handoff_of(world.chat("zwei", stream=True))
    assert (handoff.request_id, handoff.key, handoff.team) == ("req-1", "ci", "search")
    assert (handoff.asked, handoff.model, handoff.stream) == ("zwei", "two", True)
    assert handoff.chain == (Step("o1", "m1"), Step("o2", "m2"))
    assert (handoff.client_dialect, handoff.config_version) == ("openai-chat", "c0ffee")
    assert handoff.started_ns == world.clock.now_ns()
    assert handoff.traceparent == world.headers["traceparent"]
    assert handoff.tags == (("env", "qa"),)
    assert world.recorder.admissions == [0.0]


def test_it_holds_no_credential_and_no_word_of_the_prompt(world):
    (reply,) = world.chat("two", messages=[{"role": "user", "content": "CANARY"}], metadata={"note": "CANARY"})
    text = reply.metadata["h"]
    assert "CANARY" not in text
    assert "sk-" not in text
    assert "key-of" not in text


def test_it_is_a_few_hundred_bytes_whatever_the_client_sends(world):
    """It rides on every chunk."""
    world.model("big", retries=9, targets=(Target("o1", "m" * 60),))
    (reply,) = world.ask(
        {"model": "big", "messages": HI, "metadata": {"x": "y" * 5000}},
        openai_beta="b" * 513,
        x_request_id="r" * 128,
        cookie="c" * 5000,
    )
    assert len(reply.metadata["h"]) < 2000
    assert len(reply.chain) == 10
    assert handoff_of((reply,)).client_headers == ()


@pytest.mark.parametrize(
    ("path", "handed"),
    [
        ("/v1/chat/completions", (("openai-beta", "o=1"),)),
        (MESSAGES, (("anthropic-beta", "b1,b2"), ("anthropic-version", "2023-06-01"))),
    ],
)
def test_headers_of_the_clients_dialect_travel_with_it(world, path, handed):
    replies = world.ask(
        {"model": "two", "messages": HI, "max_tokens": 5},
        path,
        anthropic_beta="b1,b2",
        anthropic_version="2023-06-01",
        openai_beta="o=1",
    )
    assert handoff_of(replies).client_headers == handed


def test_headers_that_no_provider_may_see_are_removed(world):
    (reply,) = world.ask(
        {"model": "two", "messages": HI},
        x_api_key="k",
        cookie="c",
        x_team="t",
        anthropic_beta="b",
        x_forwarded_for="10.0.0.1",
        accept="*/*",
        user_agent="sdk/1",
        tracestate="a=b",
        content_length="7",
    )
    assert set(reply.remove_headers) == {
        *("authorization", "x-api-key", "cookie", "x-team", "anthropic-beta", "x-forwarded-for")
    }


def test_the_chain_is_named_by_clusters(world):
    world.dice = type(world.dice)([1, 0])
    world.model("spread", targets=(Target("o1", "m", 1), Target("o2", "m", 5), Target("o3", "m", 2)), retries=1)
    (reply,) = world.chat("spread")
    assert reply.chain == ("provider-o2", "provider-o2", "provider-o1", "provider-o1", "provider-o3", "provider-o3")
    assert world.dice.seen == [[1, 5, 2], [1, 2]]


@pytest.mark.parametrize("stream", [False, True])
def test_envoy_is_told_how_often_and_how_long(world, stream):
    world.model("two", first_token_timeout=2.5, stall_timeout=9.0, timeout=60.0)
    (reply,) = world.chat(stream=stream)
    assert dict(reply.set_headers) == {
        "x-request-id": "req-1",
        "x-llmgw-route": "idle-10000" if stream else "idle-61000",
        "x-envoy-max-retries": "1",
        "x-envoy-upstream-rq-per-try-timeout-ms": "2750" if stream else "60000",
        "x-envoy-retry-on": "connect-failure,refused-stream,reset",
    }
    assert reply.body is None, "the body is the attempt's to change"


@pytest.mark.parametrize(("model", "retry_on"), [("one", frozenset({"connect"})), ("two", frozenset({429}))])
def test_envoy_retries_nothing_of_its_own_where_it_may_not(world, model, retry_on):
    """One attempt only, or a model that does not list connect and timeout."""
    world.model(model, retry_on=retry_on)
    (reply,) = world.chat(model)
    assert "x-envoy-retry-on" not in dict(reply.set_headers)


# -- capability ---------------------------------------------------------------------------------------------------------------


def test_targets_whose_dialect_cannot_carry_the_request_are_left_out(world):
    (reply,) = world.chat("mixed", n=2)
    assert reply.chain == ("provider-o1",)
    assert dict(reply.set_headers)["x-envoy-max-retries"] == "0"


def test_all_targets_stay_where_all_can(world):
    (reply,) = world.chat("mixed")
    assert reply.chain == ("provider-a1", "provider-o1")


def test_where_none_can_the_first_ones_refusal_is_given(world):
    world.model("mixed", targets=(Target("a1", "c1"), Target("a1", "c2")), fallbacks=())
    (reply,) = world.chat("mixed", n=2)
    assert (reply.status, reply.details) == (400, "llmgw_unsupported_feature")
    assert "n" in orjson.loads(reply.body)["error"]["message"]


def test_where_fields_may_be_dropped_nothing_is_left_out(world):
    world.model("mixed", drop_unsupported=True)
    (reply,) = world.chat("mixed", n=2)
    assert reply.chain == ("provider-a1", "provider-o1")


@pytest.mark.parametrize("role", [[], {}, 7, None, "nobody"])
def test_a_request_that_no_dialect_knows_does_not_crash(world, role):
    (reply,) = world.ask({"model": "mixed", "messages": [{"role": role, "content": "Hi"}]})
    assert isinstance(reply, RequestBodyReply)
    assert reply.chain == ("provider-o1",), "OpenAI may know better: the bytes are its client's own"


def test_admission_never_asks_to_be_woken(world):
    world.chat()
    assert world.admission.deadline is None
    assert world.admission.wake() == ()


def test_a_body_beyond_the_limit_is_refused_once_it_is_there(world):
    world.snapshot = replace(world.snapshot, max_request_bytes=100)
    (reply,) = world.ask(b'{"model":"one","x":"%b"}' % (b"x" * 100))
    assert isinstance(reply, Respond)
    assert (reply.status, reply.details) == (413, "llmgw_request_too_large")
