"""Checks that the files which are read later than this one are there: key sets, certificates, service accounts.

Unlike a ``file:`` reference, whose text ``references`` fills in, these stay paths in the snapshot.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from extproc.config.document import Document
from extproc.config.problems import Problem

_OURS = ("store.ca_file", "providers.*.auth.gcp.service_account_file", "jwt.*.jwks")
_ENVOYS = ("providers.*.ca_file",)
_FILE = "file:"
_MEND = "Create it; a relative path starts at the folder of this configuration"


def check_paths(document: Document, base_dir: Path | None) -> Iterator[Problem]:
    """Every file that a worker will read and cannot."""
    return _unreadable(document, base_dir, _OURS, _MEND)


def note_paths(document: Document, base_dir: Path | None) -> Iterator[Problem]:
    """Every file that Envoy will read and that is not here; an Envoy elsewhere may have it."""
    return _unreadable(document, base_dir, _ENVOYS, f"{_MEND}. It is Envoy that reads it")


def _unreadable(document: Document, base_dir: Path | None, patterns: tuple[str, ...], mend: str) -> Iterator[Problem]:
    if base_dir is None:
        return
    for pattern in patterns:
        for path, text in document.texts(pattern):
            if pattern.endswith(".jwks") and not text.startswith(_FILE):
                continue
            if reason := _fault(base_dir / text.removeprefix(_FILE)):
                yield document.problem(path, f"cannot read {document.shown(path)}: {reason}", mend)


def _fault(file: Path) -> str | None:
    """Nothing is opened: who opens a pipe waits for its writer."""
    try:
        if not file.exists():
            return "no such file"
        if file.is_dir():
            return "it is a folder"
        return None if os.access(file, os.R_OK) else "no permission"
    except OSError as error:  # a loop of links, a name that is too long
        return error.strerror or "not a usable path"
