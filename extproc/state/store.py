"""The connection to Redis: batches of script calls, one round trip each.

``address`` reads the URL, ``dial`` makes the client's objects from it, ``servers`` knows which server has which key,
``lanes`` carries the batches; ``ledger`` says what is called.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from hashlib import sha1
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import cast

import hiredis
from redis.exceptions import NoScriptError, ResponseError

from extproc.config import snapshot
from extproc.config.address import Address, AddressError, parse_address
from extproc.domain.valueclass import valueclass
from extproc.state.dial import Client, dial
from extproc.state.lanes import Lanes, StoreAway, away, redirected
from extproc.state.servers import Servers

__all__ = ["AddressError", "Call", "Client", "Store", "StoreAway", "connect"]


_pack = cast(
    "Callable[[tuple[str | bytes | int, ...]], bytes]",
    hiredis.pack_command,  # pyright: ignore[reportUnknownMemberType]  its stub knows tuples of one only
)

_NEEDS = re.compile(rb"^-- needs (\w+\.lua)$", re.MULTILINE)


@valueclass
class Call:
    """One run of ``extproc/state/scripts/<script>.lua``. All keys of a call have the same hash tag."""

    script: str
    keys: tuple[str, ...]
    args: tuple[str | bytes | int, ...]


@valueclass
class _Script:
    text: bytes
    sha: str


class Store:
    """One Redis, for one event loop.

    ``client``: for everything but script calls. Its replies are bytes (RESP 2), it gives up after 5 s, repeats nothing
    and has few connections of its own. ``prefix``: of every key, see ``snapshot.Store``. ``address``: shows no password.
    """

    def __init__(self, client: Client, servers: Servers, prefix: str, address: Address, scripts: Traversable) -> None:
        self.client = client
        self.prefix = prefix
        self.address = address
        self._servers = servers
        self._script: Callable[[str], _Script] = cache(partial(_read, scripts))

    async def run(self, calls: Sequence[Call]) -> list[object]:
        """Run the calls in one round trip, in order; replies in order, a ``ResponseError`` where a call failed.

        A failed call would fail again. Raises ``StoreAway`` where trying later may help; its ``sent`` says whether any
        of the calls may have been run. Calls of scripts that the server does not have yet are run after the others.
        """
        if not calls:
            return []
        replies = await self._send(calls, load=False)
        missing = [index for index, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if missing:
            try:
                again = await self._send([calls[index] for index in missing], load=True)
            except StoreAway as error:
                raise StoreAway(str(error), sent=error.sent or len(missing) < len(calls)) from error
            for index, reply in zip(missing, again, strict=True):
                replies[index] = reply
        return replies

    async def _send(self, calls: Sequence[Call], *, load: bool) -> list[object]:
        routes = await self._servers.route([call.keys[0] for call in calls])
        replies: list[object] = [None] * len(calls)
        sent = False
        for lanes, indexes in routes.items():
            try:
                part = await self._exchange(lanes, [calls[index] for index in indexes], load=load)
            except StoreAway as error:
                self._servers.failed(lanes)
                raise StoreAway(str(error), sent=sent or error.sent) from error
            sent = True
            for index, reply in zip(indexes, part, strict=True):
                replies[index] = reply
        return replies

    async def _exchange(self, lanes: Lanes, calls: Sequence[Call], *, load: bool) -> list[object]:
        scripts = sorted({call.script for call in calls}) if load else []
        commands = [_pack(("SCRIPT", "LOAD", self._script(name).text)) for name in scripts]
        commands += [_pack(self._evalsha(call)) for call in calls]
        answers = await lanes.exchange(b"".join(commands), len(commands))
        refused = [answer for answer in answers if away(answer)]
        if refused:
            raise StoreAway(f"the store cannot serve: {refused[0]}", sent=len(refused) < len(answers))
        loaded, replies = dict(zip(scripts, answers, strict=False)), answers[len(scripts) :]
        for index, reply in enumerate(replies):
            if isinstance(reply, NoScriptError) and isinstance(fault := loaded.get(calls[index].script), ResponseError):
                replies[index] = fault  # why the script could not be loaded
            elif redirected(reply):
                replies[index] = await self._servers.redirect(self._eval(calls[index]))
        return replies

    def _evalsha(self, call: Call) -> tuple[str | bytes | int, ...]:
        return ("EVALSHA", self._script(call.script).sha, len(call.keys), *call.keys, *call.args)

    def _eval(self, call: Call) -> tuple[str | bytes | int, ...]:
        return ("EVAL", self._script(call.script).text, len(call.keys), *call.keys, *call.args)

    async def close(self) -> None:
        """Close all connections; a batch under way ends as it ends."""
        await self._servers.close()
        await self.client.aclose()


def connect(config: snapshot.Store, url: str | None = None, *, scripts: Traversable | None = None) -> Store:
    """The store that the configuration names; ``url`` instead of its own where that is ``embedded``.

    Nothing is sent yet, so it may be called with Redis away. Raises ``AddressError``.
    """
    address = parse_address(url or config.url.reveal())
    client, servers = dial(address, config.ca_file)
    return Store(client, servers, config.prefix, address, scripts or files("extproc.state") / "scripts")


def _read(scripts: Traversable, name: str) -> _Script:
    text = (scripts / f"{name}.lua").read_bytes()
    # Scripts cannot load each other: what several share is put in front of each that says "-- needs <file>.lua".
    shared = [(scripts / other.decode()).read_bytes() for other in _NEEDS.findall(text)]
    text = b"".join([*shared, text])
    return _Script(text, sha1(text, usedforsecurity=False).hexdigest())
