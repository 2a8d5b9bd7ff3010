"""Which server a batch goes to: the only one, or in a cluster the one that has the slot of its keys.

The cluster client's own pipeline is not used: it may send a batch twice, and it costs as much as the plain one. Its map
of slots is, and it runs the calls that a node sent elsewhere (MOVED, ASK).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import RedisClusterException, RedisError, ResponseError

from extproc.state.deadline import Deadline
from extproc.state.lanes import CONNECT_SECONDS, REPLY_SECONDS, Connection, Lanes, StoreAway


class Servers(Protocol):
    """Where batches go."""

    async def route(self, keys: Sequence[str]) -> Mapping[Lanes, Sequence[int]]:
        """For each lane to use the indexes of ``keys`` that go there, in order. Raises ``StoreAway``."""
        ...

    async def redirect(self, command: Sequence[str | bytes | int]) -> object:
        """Run a command that a node sent elsewhere; its reply, or the ``ResponseError`` it was answered with."""
        ...

    def failed(self, lanes: Lanes) -> None:
        """A server was away: look anew for who serves, before the next batch."""
        ...

    async def close(self) -> None:
        """Close the connections: those in use when their batches have ended."""
        ...


class OneServer:
    """All keys are at one server. The connection finds it: by host, by socket, by asking ``guides`` (Sentinels)."""

    def __init__(self, make: Callable[[], Connection], guides: Sequence[Redis] = ()) -> None:
        self._lanes = Lanes(make, REPLY_SECONDS, CONNECT_SECONDS)
        self._guides = guides

    async def route(self, keys: Sequence[str]) -> Mapping[Lanes, Sequence[int]]:
        """See ``Servers``."""
        return {self._lanes: range(len(keys))}

    async def redirect(self, command: Sequence[str | bytes | int]) -> object:  # noqa: ARG002  the port's signature
        """It is a cluster, and the URL does not say so."""
        return ResponseError("this Redis is a node of a cluster: write redis+cluster:// in store.url")

    def failed(self, lanes: Lanes) -> None:
        """See ``Servers``: connecting finds out."""

    async def close(self) -> None:
        """See ``Servers``."""
        await self._lanes.close()
        for guide in self._guides:
            await guide.aclose()


class Cluster:
    """Each key is at the node that has its slot."""

    def __init__(self, client: RedisCluster, make: Callable[[str, int], Connection]) -> None:
        self._client = client
        self._make = make
        self._lanes: dict[tuple[str, int], Lanes] = {}
        self._known = self._looked = False
        self._last_failed: str | None = None

    async def route(self, keys: Sequence[str]) -> Mapping[Lanes, Sequence[int]]:
        """See ``Servers``."""
        if not self._known:
            await self._look()
        routes: dict[Lanes, list[int]] = {}
        for index, key in enumerate(keys):
            routes.setdefault(self._lanes_for(key), []).append(index)
        return routes

    def _lanes_for(self, key: str) -> Lanes:
        try:
            manager = self._client.nodes_manager
            node = manager.get_node_from_slot(self._client.keyslot(key))  # pyright: ignore[reportUnknownMemberType]  an untyped default
        except RedisClusterException as error:
            self._known = False
            raise StoreAway(str(error), sent=False) from error
        host, port = str(node.host), int(node.port)
        lanes = self._lanes.get((host, port))
        if lanes is None:
            lanes = Lanes(lambda: self._make(host, port), REPLY_SECONDS, CONNECT_SECONDS)
            self._lanes[host, port] = lanes
        return lanes

    async def _look(self) -> None:
        """Read the map of slots: the first time all of it, then from the nodes known by now."""
        try:
            async with Deadline(CONNECT_SECONDS):
                await self._client.initialize(last_failed_node_name=self._last_failed)
                if self._looked:  # the client has a map, and it is that one which is wrong
                    await self._client.nodes_manager.initialize(last_failed_node_name=self._last_failed)
        except (TimeoutError, RedisError, RedisClusterException, OSError) as error:
            raise StoreAway(f"no node of the cluster tells who serves: {error}", sent=False) from error
        self._known = self._looked = True

    async def redirect(self, command: Sequence[str | bytes | int]) -> object:
        """See ``Servers``: the client follows, and corrects its map, by which the next batch goes to the right node."""
        try:
            async with Deadline(REPLY_SECONDS):
                return await self._client.execute_command(*command)
        except ResponseError as error:
            return error
        except (TimeoutError, RedisError, RedisClusterException, OSError) as error:
            self._known = False
            raise StoreAway(f"the store did not follow a redirection: {error}", sent=True) from error

    def failed(self, lanes: Lanes) -> None:
        """See ``Servers``."""
        self._known = False
        for (host, port), one in self._lanes.items():
            if one is lanes:
                self._last_failed = f"{host}:{port}"

    async def close(self) -> None:
        """See ``Servers``."""
        for lanes in self._lanes.values():
            await lanes.close()
