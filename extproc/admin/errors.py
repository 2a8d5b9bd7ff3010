"""What the admin API refuses, by whose fault; ``replies`` writes them as JSON.

::

    AdminError
    ├── InvalidField     400 invalid_request_error   a field of the request is wrong; ``param`` names it
    ├── ReadOnly         403 permission_error        the read-only token cannot change anything
    ├── NotFound         404 not_found_error         no such key, team, user or organisation
    ├── Conflict         409 conflict_error          taken, declared in the file, or changed by somebody else meanwhile
    └── Unavailable      503 service_unavailable     the store cannot be reached
"""

from typing import ClassVar


class AdminError(Exception):
    """``message`` names what is wrong and the mend; it never holds a secret. ``code`` is stable."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal_error"
    default_code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.param = param


class InvalidField(AdminError):
    """A field of the request is wrong."""

    status = 400
    type = "invalid_request_error"
    default_code = "invalid_request"


class ReadOnly(AdminError):
    """The read-only token cannot change anything."""

    status = 403
    type = "permission_error"
    default_code = "read_only_token"


class NotFound(AdminError):
    """No such key, team, user or organisation."""

    status = 404
    type = "not_found_error"
    default_code = "not_found"


class Conflict(AdminError):
    """What is asked cannot be done to what is there now.

    Codes: ``name_taken``, ``key_taken``, ``declared``, ``changed_meanwhile``, ``in_use``, ``too_many_previous``.
    """

    status = 409
    type = "conflict_error"
    default_code = "conflict"


class Unavailable(AdminError):
    """The store cannot be reached: nothing was changed, or (code ``outcome_unknown``) it is not known whether it was."""

    status = 503
    type = "service_unavailable"
    default_code = "store_unavailable"
