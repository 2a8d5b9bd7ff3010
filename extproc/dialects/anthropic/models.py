"""Which model refuses which request field: ``extproc.dialects.claude``, for these models are at other clouds, too."""

from extproc.dialects.claude import Traits, traits_of

__all__ = ["Traits", "traits_of"]
