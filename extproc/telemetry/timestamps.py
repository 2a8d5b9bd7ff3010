"""Clock values as text, in one format for rows and process messages."""

from datetime import UTC, datetime
from functools import lru_cache


def rfc3339(time_ns: int) -> str:
    """Nanoseconds since 1970 as ``2026-01-31T12:00:00.123Z``: UTC, milliseconds, always of one width (RFC 3339)."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{_second(seconds)}.{rest // 1_000_000:03d}Z"


@lru_cache(maxsize=64)  # rows come in the order of time: nearly all share a second with the one before
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
