"""Protobuf ↔ the phases' vocabulary: ``decode`` an Envoy message, ``encode`` a reply.

Counterpart: ``extproc.phases.events``. Messages as in Envoy's ``external_processor.proto`` (see ``protos/``).
"""

from collections.abc import Mapping
from functools import cache, lru_cache

from google.protobuf.any_pb2 import Any as AnyMessage

from extproc.domain.names import ATTRIBUTE_ATTEMPT, ATTRIBUTE_CLUSTER, METADATA_NAMESPACE, ROUTE_NAMESPACE
from extproc.phases.events import (
    Event,
    MessageReply,
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
from extproc.transport.pb.core_pb2 import HeaderMap, HeaderValueOption
from extproc.transport.pb.external_processor_pb2 import (
    CommonResponse,
    HeaderMutation,
    ProcessingRequest,
    ProcessingResponse,
)
from extproc.transport.pb.priority_group_pb2 import PriorityGroupsOverride
from extproc.transport.pb.processing_mode_pb2 import ProcessingMode

_OVERWRITE = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
_KNOWN_HEADERS = 1024
_KNOWN_CHAINS = 256
"""How many different ones are kept as bytes: nearly all headers to set, and all chains, are the configuration's."""
_NOTHING: Mapping[str, str] = {}


class WireError(ValueError):
    """Envoy sent something this service did not ask for: its configuration and ours do not match."""


def decode(payload: bytes) -> Event:
    """An Envoy message as an event. Raises ``WireError``; protobuf's ``DecodeError`` where it is none at all."""
    message = ProcessingRequest.FromString(payload)
    match message.WhichOneof("request"):
        case "response_body":
            return ResponseBody(message.response_body.body, message.response_body.end_of_stream)
        case "request_headers":
            return _request_headers(message)
        case "request_body":
            # BUFFERED, so it is whole; trailers behind it leave end_of_stream unset.
            return RequestBody(message.request_body.body)
        case "response_headers":
            headers = _headers(message.response_headers.headers)
            status = headers.pop(":status", "0")
            return ResponseHeaders(
                int(status) if status.isdecimal() else 0,
                headers,
                _metadata(message),
                message.response_headers.end_of_stream,
            )
        case "response_trailers":
            return ResponseTrailers()
        case other:
            raise WireError(f"unexpected message {other}")


def is_attempt(event: Event) -> bool:
    """Whether a stream that begins with this event serves the attempt phase: only that filter sends attributes."""
    return isinstance(event, RequestHeaders) and event.cluster is not None


def _request_headers(message: ProcessingRequest) -> RequestHeaders:
    cluster: str | None = None
    attempt = 0
    attributes = message.attributes
    for filter_name in attributes:  # by name, here and below: protobuf's maps have slow items() and values()
        fields = attributes[filter_name].fields
        if ATTRIBUTE_CLUSTER in fields:
            cluster = fields[ATTRIBUTE_CLUSTER].string_value
            attempt = int(fields[ATTRIBUTE_ATTEMPT].number_value)
    return RequestHeaders(
        _headers(message.request_headers.headers),
        _metadata(message),
        cluster,
        attempt,
        message.request_headers.end_of_stream,
    )


def _headers(headers: HeaderMap) -> dict[str, str]:
    found: dict[str, str] = {}
    for header in headers.headers:
        name, raw = header.key, header.raw_value  # read once: each reading makes a new object
        value = raw.decode("utf-8", "replace") if raw else header.value
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _metadata(message: ProcessingRequest) -> Mapping[str, str]:
    namespaces = message.metadata_context.filter_metadata
    if METADATA_NAMESPACE not in namespaces:
        return _NOTHING
    fields = namespaces[METADATA_NAMESPACE].fields
    return {key: fields[key].string_value for key in fields}


def encode(reply: MessageReply) -> bytes:
    """A reply as an Envoy message."""
    if isinstance(reply, RequestHeadersReply) and not reply.set_headers:
        return _go_on(see_response=reply.see_response)
    message = ProcessingResponse()
    match reply:
        case ResponseBodyReply():
            piece = message.response_body.response.body_mutation.streamed_response
            piece.body = reply.data
            piece.end_of_stream = reply.end
            _add_metadata(message, reply.metadata)
        case RequestHeadersReply():
            message.MergeFromString(_go_on(see_response=reply.see_response))
            _redirect(message, message.request_headers.response, reply)
        case RequestBodyReply():
            _encode_request_body(message, reply)
        case ResponseHeadersReply():
            _encode_response_headers(message, reply)
        case ResponseTrailersReply():
            message.response_trailers.SetInParent()
        case Respond():
            answer = message.immediate_response
            answer.status.code = reply.status  # pyright: ignore[reportAttributeAccessIssue]  proto3 enums are open
            answer.body = reply.body
            answer.details = reply.details
            _mutate(answer.headers, reply.set_headers, ())
            _add_metadata(message, reply.metadata)
    return message.SerializeToString()


@cache
def _go_on(*, see_response: bool) -> bytes:
    """The headers stay as they are. ``see_response``: ask for the answer's headers later."""
    message = ProcessingResponse()
    message.request_headers.SetInParent()
    if see_response:
        # An override names all that is to be sent; what it leaves out is not.
        message.mode_override.request_body_mode = ProcessingMode.BUFFERED
        message.mode_override.response_header_mode = ProcessingMode.SEND
    return message.SerializeToString()


def _encode_request_body(message: ProcessingResponse, reply: RequestBodyReply) -> None:
    response = message.request_body.response
    response.SetInParent()
    if reply.body is not None:
        response.body_mutation.body = reply.body
    _redirect(message, response, reply)


def _redirect(
    message: ProcessingResponse, response: CommonResponse, reply: RequestHeadersReply | RequestBodyReply
) -> None:
    """Headers, the chain, and metadata: what changes about a request besides its body."""
    _mutate(response.header_mutation, reply.set_headers, reply.remove_headers)
    if reply.chain:
        response.clear_route_cache = True  # ignored by Envoy without a header mutation; admission always sets one
        message.typed_dynamic_metadata[ROUTE_NAMESPACE].CopyFrom(_route(reply.chain))
    _add_metadata(message, reply.metadata)


def _encode_response_headers(message: ProcessingResponse, reply: ResponseHeadersReply) -> None:
    response = message.response_headers.response
    response.SetInParent()
    status = () if reply.status is None else ((":status", str(reply.status)),)
    _mutate(response.header_mutation, (*status, *reply.set_headers), reply.remove_headers)
    if reply.body is not None:
        response.status = CommonResponse.CONTINUE_AND_REPLACE
        response.body_mutation.body = reply.body
    _add_metadata(message, reply.metadata)


@lru_cache(maxsize=_KNOWN_CHAINS)
def _route(chain: tuple[str, ...]) -> AnyMessage:
    groups = PriorityGroupsOverride()
    for index, cluster in enumerate(chain):
        group = groups.priority_groups.add(name=str(index))
        group.clusters.add(cluster_name=cluster).weight.value = 1
    route = AnyMessage()
    route.Pack(groups)
    return route


def _mutate(mutation: HeaderMutation, headers: tuple[tuple[str, str], ...], remove: tuple[str, ...]) -> None:
    if headers:
        # Messages of one type, one behind the other, are their sum: read in one go, where each header set by itself
        # would be four calls.
        mutation.MergeFromString(b"".join([_setting(name, value) for name, value in headers]))
    if remove:
        mutation.remove_headers.extend(remove)


@lru_cache(maxsize=_KNOWN_HEADERS)
def _setting(name: str, value: str) -> bytes:
    """A ``HeaderMutation`` that sets one header."""
    mutation = HeaderMutation()
    option = mutation.set_headers.add(append_action=_OVERWRITE)
    option.header.key = name
    option.header.raw_value = value.encode()
    return mutation.SerializeToString()


def _add_metadata(message: ProcessingResponse, metadata: Mapping[str, str] | None) -> None:
    if metadata:
        fields = message.dynamic_metadata.fields[METADATA_NAMESPACE].struct_value.fields
        for key, value in metadata.items():
            fields[key].string_value = value
