"""Makes of an address the client library's objects: a client for everything, and connections for batches.

The client's retries are switched off: what was sent may have been done, and only the caller knows whether it may be done
twice. RESP 2: nothing arrives unasked on a connection, and every server since Redis 2 speaks it.
"""

import ssl
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from extproc.config.address import Address, AddressError
from extproc.state.lanes import CONNECT_SECONDS, as_connection
from extproc.state.servers import Cluster, OneServer, Servers

Client = Redis | RedisCluster

_CLIENT_NAME = "llmgw"
"""In the server's CLIENT LIST."""
_SLOW_SECONDS = 5.0
"""For a reply to the client: reports read much, and nobody's request waits for them. Commands that block (``XREAD BLOCK``)
must ask for less; subscriptions have no limit."""
_MOST_CONNECTIONS = 32
"""Of the client: subscriptions hold one each, the rest come and go."""
_SENTINEL_SECONDS = 0.3
"""For one Sentinel's answer: two may be dead, and a third is asked within ``CONNECT_SECONDS``."""


def dial(address: Address, ca_file: str | None) -> tuple[Client, Servers]:
    """A client and where its batches go. Nothing is connected yet. Raises ``AddressError``."""
    match address.arrangement:
        case "sentinel":
            return _dial_sentinel(address, ca_file)
        case "cluster":
            return _dial_cluster(address, ca_file)
        case _:
            return _dial_one(address, ca_file)


def _dial_one(address: Address, ca_file: str | None) -> tuple[Client, Servers]:
    where: dict[str, Any]
    if address.arrangement == "unix":
        kind, where = UnixDomainSocketConnection, {"path": address.path}
    else:
        host, port = address.hosts[0]
        kind, where = SSLConnection if address.tls else Connection, {"host": host, "port": port}
    where |= _login(address) | _tls(address, ca_file) | {"db": address.db}
    pool = BlockingConnectionPool(
        connection_class=kind,
        max_connections=_MOST_CONNECTIONS,
        timeout=CONNECT_SECONDS,
        **where,
        **_patience(_SLOW_SECONDS),
    )
    return Redis.from_pool(pool), OneServer(lambda: as_connection(kind(**where, **_patience(None))))


def _dial_sentinel(address: Address, ca_file: str | None) -> tuple[Client, Servers]:
    tls = {"ssl": True, **_tls(address, ca_file)} if address.tls else {}
    own = {"username": address.sentinel_username, "password": address.sentinel_password}
    sentinels = Sentinel(
        address.hosts,
        sentinel_kwargs={**own, **tls, **_patience(_SENTINEL_SECONDS), "socket_connect_timeout": _SENTINEL_SECONDS},
    )
    server = {**_login(address), **tls, "db": address.db}
    patient = {**server, **_patience(_SLOW_SECONDS), "max_connections": _MOST_CONNECTIONS}
    client = Redis.from_pool(SentinelConnectionPool(address.service, sentinels, **patient))
    lanes = SentinelConnectionPool(address.service, sentinels, **server, **_patience(None))
    return client, OneServer(lambda: as_connection(lanes.make_connection()), sentinels.sentinels)


def _dial_cluster(address: Address, ca_file: str | None) -> tuple[Client, Servers]:
    login, tls = _login(address), _tls(address, ca_file)
    client = RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in address.hosts],
        require_full_coverage=False,  # we need one slot, whatever becomes of the others
        max_connections=_MOST_CONNECTIONS,
        ssl=address.tls,
        **login,
        **tls,
        **_patience(_SLOW_SECONDS),
    )
    kind = SSLConnection if address.tls else Connection

    def make(host: str, port: int) -> Any:
        return as_connection(kind(host=host, port=port, **login, **tls, **_patience(None)))

    return client, Cluster(client, make)


def _login(address: Address) -> dict[str, Any]:
    return {"username": address.username, "password": address.password}


def _patience(seconds: float | None) -> dict[str, Any]:
    """``seconds`` None: no timer for every reply, for the batch as a whole has one."""
    return {
        "socket_timeout": seconds,
        "socket_connect_timeout": CONNECT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "client_name": _CLIENT_NAME,
        "driver_info": None,
    }


def _tls(address: Address, ca_file: str | None) -> dict[str, Any]:
    """The server is always verified, also its name, which is sent as SNI. ``ca_file`` None: the system's authorities."""
    if not address.tls:
        return {}
    authorities = ca_file or ssl.get_default_verify_paths().cafile or ""  # None where there is no such file
    if not authorities:
        raise AddressError("the system has no file of certificate authorities: set store.ca_file")
    return {"ssl_ca_certs": authorities, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
