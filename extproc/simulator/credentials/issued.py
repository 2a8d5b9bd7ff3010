"""What the simulator's credentials look like. Which of them are good is decided here and nowhere else.

==================== ===================================== ==============================================
AWS, long-term       ``AKIASIM`` and anything              secret: ``sim-secret-`` and the id
AWS, documentation's ``AKIDEXAMPLE``                       secret: that of AWS's own signing examples
AWS, temporary       ``ASIASIM`` and anything              the same secret, session token ``sim-session-`` and the id
Bedrock API key      any bearer token
Google               ``ya29.sim-`` and anything
Entra                ``sim-entra-`` and anything
==================== ===================================== ==============================================

An expiry, in milliseconds of Unix time, is a part of those that were issued: ``ASIASIMEXP<ms>X...``,
``ya29.sim-exp<ms>-...``, ``sim-entra-exp<ms>-...``.
"""

import re
import time

AWS_EXAMPLE_ID = "AKIDEXAMPLE"
AWS_EXAMPLE_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"  # noqa: S105 - published as an example, opens nothing
LIFETIME = 3600.0

_LONG_TERM, _TEMPORARY = "AKIASIM", "ASIASIM"
_GOOGLE, _ENTRA = "ya29.sim-", "sim-entra-"
_EXPIRY = re.compile(r"(?:EXP|exp)(\d{10,16})(?:X|-)")


def now() -> float:
    """Unix seconds."""
    return time.time_ns() / 1e9


def expired(credential: str) -> bool:
    """Whether an issued credential is past its time; one without an expiry never is."""
    found = _EXPIRY.search(credential)
    return found is not None and int(found[1]) < now() * 1000


def aws_secret(access_key: str) -> str | None:
    """The secret of an access key id; None: there is no such key."""
    if access_key == AWS_EXAMPLE_ID:
        return AWS_EXAMPLE_SECRET
    return f"sim-secret-{access_key}" if access_key.startswith((_LONG_TERM, _TEMPORARY)) else None


def aws_session(access_key: str) -> str | None:
    """The session token that must come with an access key id; None: it must come with none."""
    return f"sim-session-{access_key}" if access_key.startswith(_TEMPORARY) else None


def is_google(token: str) -> bool:
    """Whether Google would take this access token, now."""
    return token.startswith(_GOOGLE) and not expired(token)


def is_entra(token: str) -> bool:
    """Whether Azure would take this access token, now."""
    return token.startswith(_ENTRA) and not expired(token)


def new_aws(unique: str, lifetime: float) -> str:
    """A temporary access key id; ``unique`` is hexadecimal, ``lifetime`` in seconds."""
    return f"{_TEMPORARY}EXP{_until(lifetime)}X{unique.upper()}"


def new_google(unique: str, lifetime: float) -> str:
    """An access token of Google's."""
    return f"{_GOOGLE}exp{_until(lifetime)}-{unique}"


def new_entra(unique: str, lifetime: float) -> str:
    """An access token of Entra's."""
    return f"{_ENTRA}exp{_until(lifetime)}-{unique}"


def _until(lifetime: float) -> int:
    return int((now() + lifetime) * 1000)
