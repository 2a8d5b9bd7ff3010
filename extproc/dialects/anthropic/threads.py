"""``thread``: earlier turns that Anthropic keeps, and that the id of the last answer names.

The gateway lets none pass, to Anthropic neither: a provider's account is shared by all keys, and whoever knew an id would
go on with another one's conversation. SDKs know the refusal (``errors``) and send the whole conversation then.
https://platform.claude.com/docs/en/api/beta/messages/create
"""

from extproc.domain.errors import UnsupportedFeature


def no_threads() -> UnsupportedFeature:
    """What to raise for a request with one."""
    return UnsupportedFeature(
        "thread rests on turns that a provider keeps, which this gateway does not use. Send the whole conversation"
        " without it.",
        param="thread",
    )
