"""The libraries of the clouds are optional: what is missing is said with the mend, where a login needs it.

What they answer is typed by small protocols beside each use: they are loaded by name, so no checker sees their types.
"""

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType

from extproc.dialects.redact import without_keys

_LONGEST = 400
"""Characters of a library's message; the first lines say what is wrong, the rest is advice."""


class CredentialError(Exception):
    """A credential cannot be had now; the message holds no part of one."""


def load(module: str, extra: str) -> ModuleType:
    """A module of an optional library. Raises ``CredentialError`` where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise CredentialError(f'{module} is not installed: pip install "envoy-llm-gateway[{extra}]"') from error


@contextmanager
def explained(*errors: type[Exception]) -> Generator[None]:
    """Turns the errors of a library into ``CredentialError`` with its words, shortened."""
    try:
        yield
    except errors as error:
        words = " ".join(str(error).split())
        raise CredentialError(f"{type(error).__name__}: {without_keys(words)[:_LONGEST]}") from error
