"""What Envoy itself refuses, said in the client's dialect, with the codes of the one error tree.

Envoy answers on its own when the service has not (a body beyond the limit, a malformed request, no worker) and when the
last attempt has failed below HTTP (refused, reset, timed out). The service's own immediate responses take the same way
through Envoy; they are told apart by their details (``DETAILS_PREFIX``) and left alone.
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/local_reply
"""

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from extproc.domain.errors import (
    GatewayError,
    InternalError,
    InvalidRequest,
    ProviderTimeout,
    ProviderTruncated,
    ProviderUnreachable,
    RequestTooLarge,
    UnknownRoute,
)
from extproc.domain.names import DETAILS_PREFIX
from extproc.domain.reading import JsonObject
from extproc.envoyconf.access_log import CLIENT_NAMESPACE, CLIENT_PATH
from extproc.envoyconf.placement import ErrorShape, RenderError
from extproc.envoyconf.resources import extension


@dataclass(frozen=True, slots=True)
class _Reply:
    """An error, and the CEL condition (over Envoy's attributes) under which it is what happened."""

    when: str
    error: GatewayError
    status: int


_DETAILS = "response.code_details"


def _details(*starts: str) -> str:
    return "(" + " || ".join(f'{_DETAILS}.startsWith("{start}")' for start in starts) + ")"


def _replies(max_request_bytes: int) -> tuple[_Reply, ...]:
    """In order: the first that holds is sent. The last ones hold for whatever else Envoy may say."""
    return (
        _reply(
            "response.code == 413",
            RequestTooLarge(f"The request body is larger than the {max_request_bytes} bytes this gateway accepts."),
        ),
        # 431 and 408 keep their status: SDKs send the latter again by themselves.
        _reply(
            "response.code == 431", InvalidRequest("The request headers are larger than this gateway accepts."), 431
        ),
        _reply("response.code == 408", InvalidRequest("The request did not arrive in time."), 408),
        _reply(_details("ext_proc"), InternalError("The gateway could not process the request.")),
        _reply("response.code == 504", ProviderTimeout("The provider did not answer in time.")),
        _reply(
            _details("upstream_reset_before_response_started{protocol_error", "upstream_reset_after_response_started"),
            ProviderTruncated("The provider's connection broke before its answer was complete."),
        ),
        _reply(
            _details("upstream_reset", "no_healthy_upstream", "cluster_not_found"),
            ProviderUnreachable("The provider could not be reached."),
        ),
        _reply("response.code == 404", UnknownRoute("This gateway has no such path.")),
        _reply("response.code < 500", InvalidRequest("The request is not one that this gateway can read.")),
        _reply("true", InternalError("The gateway could not process the request.")),
    )


def _reply(when: str, error: GatewayError, status: int | None = None) -> _Reply:
    return _Reply(when, error, error.status if status is None else status)


_SENT = f'metadata.filter_metadata["{CLIENT_NAMESPACE}"]'
_PATH = f'("{CLIENT_NAMESPACE}" in metadata.filter_metadata ? {_SENT}["{CLIENT_PATH}"] : request.path)'
_ANTHROPIC = f'({_PATH}.startsWith("/v1/messages") || {_PATH}.startsWith("/anthropic"))'
_GEMINI = f'({_PATH}.startsWith("/v1beta/") || {_PATH}.startsWith("/gemini/"))'
"""As in ``extproc.phases.endpoints``, but by the path alone: an attempt may have set or removed vendors' headers."""


def local_reply_config(max_request_bytes: int, render_error: RenderError) -> JsonObject:
    """The mappers, each error in each dialect, behind one that lets the service's own replies pass as they are."""
    return {"mappers": [_mapper(_details(DETAILS_PREFIX)), *_mappers(max_request_bytes, render_error)]}


def _mappers(max_request_bytes: int, render_error: RenderError) -> Iterator[JsonObject]:
    # The last takes all that the first ones leave, also what has no path yet.
    dialects: tuple[tuple[ErrorShape, str], ...] = (
        ("anthropic", f"{_ANTHROPIC} && "),
        ("gemini", f"{_GEMINI} && "),
        ("openai", ""),
    )
    for reply in _replies(max_request_bytes):
        for shape, speaks in dialects:
            # The body is a format string, in which a percent sign stands doubled.
            text = orjson.dumps(render_error(shape, reply.error)).decode().replace("%", "%%")
            yield {
                **_mapper(speaks + reply.when),
                "status_code": reply.status,
                "body_format_override": {
                    "text_format_source": {"inline_string": text},
                    "content_type": "application/json",
                },
            }


def _mapper(condition: str) -> JsonObject:
    return {
        "filter": {
            "extension_filter": extension(
                "envoy.access_loggers.extension_filters.cel",
                "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                {"expression": condition},
            )
        }
    }
