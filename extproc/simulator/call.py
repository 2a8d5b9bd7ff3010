"""A request on its way through the simulator, what outlives it, and the shape of a route."""

import itertools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from extproc.domain.reading import JsonObject
from extproc.simulator.behaviour import Behaviour
from extproc.simulator.dialect import Manners
from extproc.simulator.form import File
from extproc.simulator.kept import Shelf
from extproc.simulator.promptcache import PromptCache
from extproc.simulator.record import RecordedRequest, Recorder
from extproc.simulator.script import Script
from extproc.simulator.wire import Reply, Request


@dataclass(slots=True)
class World:
    """What outlives a request."""

    script: Script = field(default_factory=Script)
    recorder: Recorder = field(default_factory=Recorder)
    cache: PromptCache = field(default_factory=PromptCache)
    shelf: Shelf = field(default_factory=Shelf)
    _base: str = field(default_factory=lambda: os.urandom(6).hex())
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def token(self) -> str:
        """24 hexadecimal digits, new each time; ids are made of them."""
        return f"{self._base}{next(self._numbers):012x}"


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way through the app."""

    world: World
    manners: Manners
    request: Request
    record: RecordedRequest
    body: JsonObject
    """Decoded; empty where the route reads the raw body itself."""
    params: dict[str, str]
    """Named groups of the route's path."""
    credential: str
    token: str
    behaviour: Behaviour
    files: tuple[File, ...] = ()
    """Those of a form."""

    @property
    def account(self) -> str:
        """Whose things are kept together."""
        return f"{self.record.label} {self.credential}"


Handler: TypeAlias = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers which path. ``path`` must match as a whole; its named groups become ``Call.params``.

    The group ``model``, where there is one, is the model's name, else the body's ``model`` is. ``raw``: the body is no
    JSON, the handler reads ``request.body`` by itself. ``form``: it is a multipart form, whose text becomes the body.
    """

    method: str
    path: re.Pattern[str]
    manners: Manners
    handler: Handler
    raw: bool = False
    form: bool = False
