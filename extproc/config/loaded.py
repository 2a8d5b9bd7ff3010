"""A configuration that was loaded once and is handed to other processes: counterpart of ``load``, which reads it.

All processes of a gateway must agree on it, whenever they start. So what is packed holds the values that references
led to, and the options of the command line: who unpacks it reads no file and no variable again.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson

from extproc.config.build import build
from extproc.config.document import Document
from extproc.config.problems import Problem
from extproc.config.schema import GatewaySpec
from extproc.config.snapshot import Snapshot
from extproc.domain.reading import Json


@dataclass(frozen=True, slots=True)
class Loaded:
    """A snapshot and what it was built from: ``data`` is the checked document, references filled in.

    ``base_dir`` is where its relative paths start; ``changes`` are fields of the snapshot that the command line set;
    ``notes`` are what is probably a slip (see ``notes``), and are not packed.
    """

    snapshot: Snapshot
    data: Json = field(repr=False)
    base_dir: Path | None
    changes: Mapping[str, int] = field(default_factory=dict[str, int])
    notes: tuple[Problem, ...] = field(default=(), compare=False)

    def changed(self, **changes: int | None) -> "Loaded":
        """The same with other values in fields of the snapshot; None: as it is."""
        given = {name: value for name, value in changes.items() if value is not None}
        return replace(self, snapshot=replace(self.snapshot, **given), changes={**self.changes, **given})

    def pack(self) -> bytes:
        """All of it, secrets in the open: for a process of ours, and no place that others can read."""
        # A path may hold bytes that are no text.
        base_dir = None if self.base_dir is None else os.fsencode(self.base_dir).hex()
        return orjson.dumps({"data": self.data, "base_dir": base_dir, "changes": self.changes})


def unpack(packed: bytes) -> Snapshot:
    """The snapshot that ``pack`` was called on, to the last field."""
    content = orjson.loads(packed)
    data, base_dir = content["data"], content["base_dir"]
    snapshot = build(
        GatewaySpec.model_validate(data),
        Document(source="", data=data, keys={}, values={}),
        None if base_dir is None else Path(os.fsdecode(bytes.fromhex(base_dir))),
    )
    return replace(snapshot, **content["changes"])
