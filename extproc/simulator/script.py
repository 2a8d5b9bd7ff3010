"""Where a behaviour comes from.

Each source changes only what it names, and a later one wins::

    default  <  programme  <  model suffix  <  request headers

A *programme* is set at run time for a key and lists behaviours: one is used up by each call, the last one repeats. Keys,
the first that matches: ``label:model``, ``model``, ``label:*``, ``*`` (the label is that of a path ``/p/<label>/v1/...``).
A *suffix* is part of the model's name: ``gpt-4o@status=429,retry_after=2``. A *header* is ``x-sim-<name>: <value>``.
"""

from collections.abc import Iterable, Mapping, Sequence

from extproc.domain.reading import Json
from extproc.simulator.behaviour import BadSetting, Behaviour, assignments, overlay
from extproc.simulator.wire import Request

HEADER_PREFIX = b"x-sim-"

Steps = Json | Behaviour | Sequence[Behaviour]
"""A programme as it is set: a behaviour or a list of them, as objects, or as JSON objects or suffix text."""


class Script:
    """The behaviours in force. Programmes change at run time, and a programme of several steps is used up by calls."""

    def __init__(self, default: Behaviour | None = None) -> None:
        self.default = default or Behaviour()
        self._programmes: dict[str, tuple[Behaviour, ...]] = {}
        self._used: dict[str, int] = {}

    def set(self, key: str, steps: Steps) -> None:
        """Replace the programme of one key. Raises ``BadSetting``."""
        self._programmes[key] = self._steps(steps)
        self._used[key] = 0

    def replace(self, programmes: Mapping[str, Steps]) -> None:
        """Replace all programmes, or none of them where one is wrong. Raises ``BadSetting``."""
        fresh = {key: self._steps(steps) for key, steps in programmes.items()}
        self._programmes = fresh
        self._used = dict.fromkeys(fresh, 0)

    def clear(self) -> None:
        """Forget all programmes."""
        self.replace({})

    def keys(self) -> list[str]:
        """The keys that have a programme."""
        return list(self._programmes)

    def resolve(self, label: str, model: str, suffix: str, request: Request) -> Behaviour:
        """The behaviour of this call; uses up a step of its programme. Raises ``BadSetting``."""
        behaviour = self._step(label, model)
        if suffix:
            behaviour = overlay(behaviour, assignments(suffix))
        settings = request.settings(HEADER_PREFIX)
        return overlay(behaviour, settings) if settings else behaviour

    def _step(self, label: str, model: str) -> Behaviour:
        if self._programmes:
            for key in (f"{label}:{model}", model, f"{label}:*", "*"):
                steps = self._programmes.get(key)
                if steps:
                    used = self._used[key]
                    self._used[key] = used + 1
                    return steps[min(used, len(steps) - 1)]
        return self.default

    def _steps(self, steps: Steps) -> tuple[Behaviour, ...]:
        if isinstance(steps, Sequence) and not isinstance(steps, str):
            found = tuple(self._behaviours(steps))
        else:
            found = tuple(self._behaviours((steps,)))
        if not found:
            raise BadSetting("a programme needs at least one behaviour")
        return found

    def _behaviours(self, steps: Iterable[Json | Behaviour]) -> Iterable[Behaviour]:
        for step in steps:
            if isinstance(step, Behaviour):
                yield step
            elif isinstance(step, str):
                yield overlay(self.default, assignments(step))
            elif isinstance(step, Mapping):
                yield overlay(self.default, step)
            else:
                raise BadSetting(f"a behaviour is an object or text like status=429, not {step!r}")


def split_model(name: str) -> tuple[str, str]:
    """A model's name and its behaviour suffix (empty: none).

    Vendors use ``@`` themselves, before a date: only text with an ``=`` behind the last one is a suffix.
    """
    model, at, suffix = name.rpartition("@")
    return (model, suffix) if at and "=" in suffix else (name, "")
