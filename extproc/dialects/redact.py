"""What a vendor says may quote a key, whole or masked, and not in a 401 only: the words go to clients, the key does not."""

import re

_KEY_LIKE = re.compile(
    r"\b(?:sk|gsk|xai)[-_][\w*.-]{6,}|\bBearer [\w*.-]{6,}"
    r"|\bAIza[\w*-]{6,}|\bya29\.[\w*.-]{6,}"  # Google's API keys and access tokens
)


def without_keys(text: str) -> str:
    """The text with ``[redacted]`` in place of what looks like a credential."""
    return _KEY_LIKE.sub("[redacted]", text)
