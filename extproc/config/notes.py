"""What a file says that may be meant, but is a slip more often: it is told, and the file is used all the same."""

from collections.abc import Iterator
from pathlib import Path

from extproc.config.document import Document
from extproc.config.names import undeclared
from extproc.config.paths import note_paths
from extproc.config.problems import Problem


def notes(document: Document, base_dir: Path | None) -> Iterator[Problem]:
    """Every such place of a file without mistakes."""
    yield from undeclared(document)
    yield from _unheard(document)
    yield from note_paths(document, base_dir)


def _unheard(document: Document) -> Iterator[Problem]:
    if document.at(("alerts",)):
        return
    found = [
        path
        for holder in ("keys.*", "teams.*", "users.*", "orgs.*", "models.*", "providers.*", "meters.*")
        for budget in ("budget", "budget.*")
        for path, shares in document.find(f"{holder}.{budget}.alert_at")
        if shares
    ]
    if found:
        first = min(found, key=lambda path: document.place(path).line)
        yield document.problem(
            first,
            "nobody is told: the file has no alerts",
            "Write alerts: [{url: ...}]; without it they only stand in the admin API, at /api/v1/alerts",
        )
