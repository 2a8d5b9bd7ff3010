"""``GatewayError`` → error body; a vendor's status and body → ``ProviderError``: as in all of OpenAI's APIs."""

from extproc.dialects.openai_errors import (
    MAX_MESSAGE_CHARS,
    VendorError,
    parse_error,
    render_error,
    render_error_event,
    stream_error,
    vendor_error,
)

__all__ = [
    "MAX_MESSAGE_CHARS",
    "VendorError",
    "parse_error",
    "render_error",
    "render_error_event",
    "stream_error",
    "vendor_error",
]
