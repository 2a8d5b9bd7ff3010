"""The signature of a thinking block: it depends on the text, so that a changed or invented block is noticed."""

import base64
import hashlib

_SALT = b"simulated thinking "


def signature(thinking: str) -> str:
    """Opaque text of 88 characters."""
    return base64.b64encode(hashlib.sha512(_SALT + thinking.encode()).digest()).decode()
