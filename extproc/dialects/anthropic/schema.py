"""JSON Schema → the subset that structured outputs take: ``extproc.dialects.closed_schema``, shared with Bedrock."""

from extproc.dialects.closed_schema import closed_schema

__all__ = ["closed_schema"]
