"""The W3C ``traceparent`` header, in which the trace comes from the client and goes from admission to the attempts.

https://www.w3.org/TR/trace-context/#traceparent-header
"""

import re

from opentelemetry.trace import SpanContext, TraceFlags

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
"""Version, trace id, parent id, flags; later versions may append more."""


def parse(header: str | None) -> SpanContext | None:
    """The caller's span, or None where the header is absent or malformed, which the standard says to ignore."""
    match = _FORM.fullmatch(header.strip()) if header else None
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more):
        return None
    context = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return context if context.is_valid else None


def render(context: SpanContext) -> str:
    """The header that names ``context`` as the parent."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
