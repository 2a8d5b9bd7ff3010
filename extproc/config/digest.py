"""The digest under which a virtual key is known; the plain text of a key is stored nowhere."""

import hashlib


def hash_key(plain: str) -> str:
    """The lower-case hex SHA-256 of a key's UTF-8 text, as ``printf %s "$KEY" | sha256sum`` prints it.

    A fast digest is right here: keys are random and long, so there is nothing to guess, and each request pays for it.
    """
    return hashlib.sha256(plain.encode()).hexdigest()
