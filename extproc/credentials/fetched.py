"""What a source has brought."""

from dataclasses import dataclass

from extproc.providers.credential import Credential


@dataclass(frozen=True, slots=True)
class Fetched:
    """A credential and its end in Unix seconds; None: it says none."""

    credential: Credential
    expires_at: float | None
