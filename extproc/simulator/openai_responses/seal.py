"""The encrypted content of a reasoning item: nobody else can read it, make it, or change it unnoticed.

It belongs to one item of one organization; the label of a path ``/p/<label>/...`` stands for the organization.
"""

import base64
import binascii
import hashlib
from typing import NamedTuple

import orjson

from extproc.domain.reading import Json

_PREFIX = "gAAAAA"
_SALT = b"simulated reasoning "
_MAC = 16


class Sealed(NamedTuple):
    """What is inside."""

    item: str
    organization: str
    thinking: str


def seal(sealed: Sealed) -> str:
    """Opaque text, equal for equal content."""
    plain = orjson.dumps([*sealed])
    mac = _mac(plain)
    return _PREFIX + base64.urlsafe_b64encode(mac + _cipher(mac, plain)).decode()


def unseal(text: str) -> Sealed | None:
    """What was sealed; None where this text did not come from ``seal``."""
    try:
        data = base64.b64decode(text.removeprefix(_PREFIX), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    mac = data[:_MAC]
    plain = _cipher(mac, data[_MAC:])
    if not text.startswith(_PREFIX) or _mac(plain) != mac:
        return None
    fields: Json = orjson.loads(plain)
    assert isinstance(fields, list)
    item, organization, thinking = (str(field) for field in fields)
    return Sealed(item, organization, thinking)


def _mac(plain: bytes) -> bytes:
    return hashlib.sha256(_SALT + plain).digest()[:_MAC]


def _cipher(mac: bytes, data: bytes) -> bytes:
    key = hashlib.shake_256(_SALT + mac).digest(len(data))
    return bytes(left ^ right for left, right in zip(data, key, strict=True))
