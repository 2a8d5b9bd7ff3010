"""OAuth's errors, which Google's token endpoint and Entra's share. Source: RFC 6749, section 5.2."""

import orjson

from extproc.simulator.wire import Refused


def refuse(status: int, name: str, message: str) -> Refused:
    """The error of this name, or one that fits the status."""
    return Refused(message, status=status, kind=name or ("invalid_request" if status < 500 else "internal_failure"))


def error(refused: Refused, unique: str) -> bytes:
    """The body of a refusal."""
    del unique
    return orjson.dumps({"error": refused.kind, "error_description": refused.message})
