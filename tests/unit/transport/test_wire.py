"""Envoy's messages as events, replies as Envoy's messages."""

import pytest
from google.protobuf.message import DecodeError

from extproc.phases.events import (
    RequestBody,
    RequestBodyReply,
    RequestHeaders,
    RequestHeadersReply,
    Respond,
    ResponseBody,
    ResponseBodyReply,
    ResponseHeaders,
    ResponseHeadersReply,
    ResponseTrailers,
    ResponseTrailersReply,
)
from extproc.transport import wire
from extproc.transport.pb.core_pb2 import HeaderValueOption
from extproc.transport.pb.external_processor_pb2 import CommonResponse, ProcessingRequest, ProcessingResponse
from extproc.transport.pb.priority_group_pb2 import PriorityGroupsOverride
from extproc.transport.pb.processing_mode_pb2 import ProcessingMode

OVERWRITE = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD


def headers(*pairs: tuple[str, bytes]) -> dict:
    return {"headers": {"headers": [{"key": key, "raw_value": value} for key, value in pairs]}}


def message(*, attributes: dict | None = None, metadata: dict | None = None, **request) -> bytes:
    found = ProcessingRequest(**request)
    for filter_name, fields in (attributes or {}).items():
        found.attributes[filter_name].update(fields)
    for namespace, fields in (metadata or {}).items():
        found.metadata_context.filter_metadata[namespace].update(fields)
    return found.SerializeToString()


def request_headers(**parts) -> RequestHeaders:
    return RequestHeaders(**{"headers": {}, "metadata": {}, "cluster": None, "attempt": 0, "end": False, **parts})


DECODED = {
    "request headers": (
        message(request_headers=headers((":path", b"/v1/models"), ("x-a", b"1")) | {"end_of_stream": True}),
        request_headers(headers={":path": "/v1/models", "x-a": "1"}, end=True),
    ),
    "none at all": (message(request_headers={}), request_headers()),
    "a header that comes twice": (
        message(request_headers=headers(("x-a", b"1"), ("x-b", b""), ("x-a", b"2"))),
        request_headers(headers={"x-a": "1, 2", "x-b": ""}),
    ),
    "a value that is no UTF-8": (
        message(request_headers=headers(("x-a", b"caf\xe9"), ("x-b", "café".encode()))),
        request_headers(headers={"x-a": "caf\ufffd", "x-b": "café"}),
    ),
    "a value in the old field": (
        message(request_headers={"headers": {"headers": [{"key": "x-a", "value": "old"}]}}),
        request_headers(headers={"x-a": "old"}),
    ),
    "an attempt's request headers": (
        message(
            request_headers={},
            attributes={
                "envoy.filters.http.ext_proc": {"xds.cluster_name": "provider-x", "upstream.request_attempt_count": 3}
            },
            metadata={"llmgw": {"h": "hand-off", "a1": "mark"}, "other": {"h": "not ours"}},
        ),
        request_headers(cluster="provider-x", attempt=3, metadata={"h": "hand-off", "a1": "mark"}),
    ),
    "other attributes": (
        message(request_headers={}, attributes={"f": {"request.path": "/"}}, metadata={"other": {"h": "no"}}),
        request_headers(),
    ),
    "the request body": (message(request_body={"body": b"{}", "end_of_stream": True}), RequestBody(b"{}")),
    "the request body, before trailers": (message(request_body={"body": b"{}"}), RequestBody(b"{}")),
    "an empty request body": (message(request_body={"end_of_stream": True}), RequestBody(b"")),
    "response headers": (
        message(
            response_headers=headers((":status", b"429"), ("retry-after", b"2")) | {"end_of_stream": True},
            metadata={"llmgw": {"a1": "mark"}},
        ),
        ResponseHeaders(429, {"retry-after": "2"}, {"a1": "mark"}, end=True),
    ),
    "no status": (message(response_headers={}), ResponseHeaders(0, {}, {}, end=False)),
    "a status that is none": (
        message(response_headers=headers((":status", b"-1"))),
        ResponseHeaders(0, {}, {}, end=False),
    ),
    "a piece of the body": (message(response_body={"body": b"data"}), ResponseBody(b"data", end=False)),
    "its last piece": (message(response_body={"end_of_stream": True}), ResponseBody(b"", end=True)),
    "trailers": (message(response_trailers={}), ResponseTrailers()),
}


@pytest.mark.parametrize("case", DECODED)
def test_what_envoy_says(case):
    payload, event = DECODED[case]
    assert wire.decode(payload) == event


@pytest.mark.parametrize("payload", [b"", message(request_trailers={}), message(metadata={"llmgw": {}})])
def test_what_was_not_asked_for(payload):
    with pytest.raises(wire.WireError):
        wire.decode(payload)


def test_what_is_no_message():
    with pytest.raises(DecodeError):
        wire.decode(b"\xff\xff\xff")


@pytest.mark.parametrize(
    ("event", "attempt"),
    [
        (request_headers(cluster="provider-x"), True),
        (request_headers(), False),
        (RequestBody(b""), False),
        (ResponseHeaders(200, {}, {}, end=False), False),
    ],
)
def test_which_phase_a_stream_serves(event, attempt):
    assert wire.is_attempt(event) is attempt


def encoded(reply) -> ProcessingResponse:
    return ProcessingResponse.FromString(wire.encode(reply))


EMPTY = {
    "request_headers": RequestHeadersReply(),
    "request_body": RequestBodyReply(),
    "response_headers": ResponseHeadersReply(),
    "response_body": ResponseBodyReply(b""),
    "response_trailers": ResponseTrailersReply(),
    "immediate_response": Respond(200, b"", ""),
}


@pytest.mark.parametrize("kind", EMPTY)
def test_every_reply_says_what_it_answers_even_when_it_changes_nothing(kind):
    """Without its oneof Envoy answers 500, "spurious response"."""
    assert encoded(EMPTY[kind]).WhichOneof("response") == kind


def test_nothing_is_changed_by_an_empty_reply():
    for kind in ("request_body", "response_headers"):
        response = getattr(encoded(EMPTY[kind]), kind).response
        assert response.status == CommonResponse.CONTINUE
        assert not response.header_mutation.set_headers
        assert not response.header_mutation.remove_headers
        assert not response.HasField("body_mutation")
        assert not response.clear_route_cache
        assert not encoded(EMPTY[kind]).HasField("dynamic_metadata")
        assert not encoded(EMPTY[kind]).typed_dynamic_metadata


def test_admission_asks_for_the_headers_of_the_response():
    """An override names all that is to be sent, so the request's body has to be named again."""
    override = encoded(RequestHeadersReply(see_response=True)).mode_override
    assert override.request_body_mode == ProcessingMode.BUFFERED
    assert override.response_header_mode == ProcessingMode.SEND
    assert override.response_body_mode == ProcessingMode.NONE
    assert not encoded(RequestHeadersReply()).HasField("mode_override")


def mutations(mutation) -> list[tuple[str, bytes, int]]:
    return [(o.header.key, o.header.raw_value, o.append_action) for o in mutation.set_headers]


def test_headers_are_overwritten_and_removed():
    reply = RequestBodyReply(set_headers=((":path", "/v1/ü"), ("x-empty", "")), remove_headers=("cookie", "x-a"))
    mutation = encoded(reply).request_body.response.header_mutation
    assert mutations(mutation) == [(":path", "/v1/ü".encode(), OVERWRITE), ("x-empty", b"", OVERWRITE)]
    assert list(mutation.remove_headers) == ["cookie", "x-a"]


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_a_request_body_is_replaced_even_by_an_empty_one(body):
    response = encoded(RequestBodyReply(body=body)).request_body.response
    assert response.body_mutation.WhichOneof("mutation") == "body"
    assert response.body_mutation.body == body


def test_the_chain_is_one_group_for_each_attempt():
    reply = RequestBodyReply(set_headers=(("x", "y"),), chain=("provider-a", "provider-b", "provider-a"))
    message = encoded(reply)
    assert message.request_body.response.clear_route_cache
    assert list(message.typed_dynamic_metadata) == ["llmgw.route"]
    packed = message.typed_dynamic_metadata["llmgw.route"]
    assert packed.type_url == (
        "type.googleapis.com/envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupsOverride"
    )
    groups = PriorityGroupsOverride()
    packed.Unpack(groups)
    assert [(g.name, [(c.cluster_name, c.weight.value) for c in g.clusters]) for g in groups.priority_groups] == [
        ("0", [("provider-a", 1)]),
        ("1", [("provider-b", 1)]),
        ("2", [("provider-a", 1)]),
    ]


METADATA = {"h": "hand-off", "a1": ""}


@pytest.mark.parametrize(
    "reply",
    [
        RequestBodyReply(metadata=METADATA),
        ResponseHeadersReply(metadata=METADATA),
        ResponseBodyReply(b"", metadata=METADATA),
        Respond(400, b"", "", metadata=METADATA),
    ],
)
def test_metadata_goes_into_the_gateways_namespace(reply):
    message = encoded(reply)
    assert message.dynamic_metadata == {"llmgw": METADATA}


def test_response_headers_may_change_their_status():
    reply = ResponseHeadersReply(status=599, set_headers=(("x-a", "1"),), remove_headers=("server",))
    response = encoded(reply).response_headers.response
    assert response.status == CommonResponse.CONTINUE
    assert mutations(response.header_mutation) == [(":status", b"599", OVERWRITE), ("x-a", b"1", OVERWRITE)]
    assert list(response.header_mutation.remove_headers) == ["server"]


@pytest.mark.parametrize("body", [b"", b"whole"])
def test_a_whole_body_may_go_with_the_headers(body):
    response = encoded(ResponseHeadersReply(body=body)).response_headers.response
    assert response.status == CommonResponse.CONTINUE_AND_REPLACE
    assert response.body_mutation.WhichOneof("mutation") == "body"
    assert response.body_mutation.body == body


@pytest.mark.parametrize(("data", "end"), [(b"", False), (b"", True), (b"data", False), (b"data", True)])
def test_a_piece_of_the_body_is_a_streamed_response(data, end):
    """The only form that FULL_DUPLEX_STREAMED allows; an empty piece must be one, too."""
    mutation = encoded(ResponseBodyReply(data, end=end)).response_body.response.body_mutation
    assert mutation.WhichOneof("mutation") == "streamed_response"
    assert (mutation.streamed_response.body, mutation.streamed_response.end_of_stream) == (data, end)


@pytest.mark.parametrize("status", [200, 400, 404, 429, 503, 529])
def test_an_answer_of_our_own(status):
    """Statuses that Envoy's enum does not name go through as numbers: proto3 enums are open."""
    reply = Respond(status, b"{}", "llmgw_code", (("content-type", "application/json"),))
    answer = encoded(reply).immediate_response
    assert (answer.status.code, answer.body, answer.details) == (status, b"{}", "llmgw_code")
    assert mutations(answer.headers) == [("content-type", b"application/json", OVERWRITE)]
