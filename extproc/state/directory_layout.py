"""Where the directory lies in Redis: every key name of it, built here alone. ``layout`` has those of the ledger.

All have the hash tag ``{<prefix>}``, so that a change of any of them is one step on a cluster too.

=================== ======= =============================================================================
key                 type    holds
=================== ======= =============================================================================
``{p}:dir``         hash    ``key/<id>``, ``org/<name>``, ``team/<name>``, ``user/<name>``, ``block/<id>``,
                            ``budget/<id>`` -> ``<revision> <JSON>`` (``records``)
``{p}:dir:names``   hash    name of a key -> its id
``{p}:dir:digests`` hash    SHA-256 of a key, also of one before a rotation -> id
``{p}:dir:version`` hash    ``n`` changes so far, ``c`` random id of the last one
``{p}:dir:audit``   stream  one entry per change, its id ``<version>-0``: log for people, news for workers
=================== ======= =============================================================================

The channel ``{p}:dir:changed`` says the new version after each change. It is a hint: who misses it polls.
"""

from typing import Literal

Kind = Literal["key", "org", "team", "user", "block", "budget"]
KINDS: tuple[Kind, ...] = ("key", "org", "team", "user", "block", "budget")


def records(prefix: str) -> str:
    """The hash of all records."""
    return f"{{{prefix}}}:dir"


def names(prefix: str) -> str:
    """The hash of keys' names."""
    return f"{{{prefix}}}:dir:names"


def digests(prefix: str) -> str:
    """The hash of keys' digests."""
    return f"{{{prefix}}}:dir:digests"


def version(prefix: str) -> str:
    """The hash of the version counter."""
    return f"{{{prefix}}}:dir:version"


def audit(prefix: str) -> str:
    """The stream of changes."""
    return f"{{{prefix}}}:dir:audit"


def changed(prefix: str) -> str:
    """The channel."""
    return f"{{{prefix}}}:dir:changed"


def field(kind: Kind, ident: str) -> str:
    """A record's field in ``records``: kinds hold no slash, names may."""
    return f"{kind}/{ident}"
