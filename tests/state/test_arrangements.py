"""Sentinels and their failover, a cluster and its moves, TLS: each on real servers."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from redis_server import RedisServer, eventually, free_port, make_cluster, stop_all, wait_for

from extproc.state.store import Call, StoreAway


def add(key: str = "{t}:n") -> Call:
    return Call("add", (key,), (1,))


async def ran(store, *calls: Call) -> list[object] | None:
    with contextlib.suppress(StoreAway):
        return await store.run(calls)
    return None


# -- Sentinel


@pytest.fixture
def watched(tmp_path):
    """A master, its replica, and a Sentinel that has seen both."""
    with contextlib.ExitStack() as running:

        def start(name: str, *options: str, sentinel: str | None = None) -> RedisServer:
            server = RedisServer(tmp_path / name, *options, sentinel=sentinel)
            running.callback(server.close)
            return server

        secret = ("--requirepass", "pw", "--masterauth", "pw")
        master = start("master", *secret)
        replica = start("replica", *secret, "--replicaof", "127.0.0.1", str(master.port))
        wait_for(lambda: replica.ask("INFO", "replication", password="pw")["master_link_status"] == "up", "the replica")
        # Only now, for a Sentinel looks every ten seconds.
        sentinel = start(
            "sentinel",
            sentinel=f"sentinel monitor llm 127.0.0.1 {master.port} 1\nsentinel auth-pass llm pw\n"
            "sentinel down-after-milliseconds llm 400\nsentinel failover-timeout llm 3000\n",
        )
        wait_for(lambda: sentinel.ask("SENTINEL", "REPLICAS", "llm"), "the Sentinel to see the replica", 30)
        yield master, replica, sentinel


async def test_sentinels_lead_to_the_master_and_after_a_failover_to_its_successor(watched, dial):
    master, replica, sentinel = watched
    # One Sentinel of two is not there.
    store = dial(f"redis+sentinel://:pw@127.0.0.1:{free_port()},127.0.0.1:{sentinel.port}/llm")
    assert await store.run([add(), add()]) == [1, 2]
    assert await store.client.get("{t}:n") == b"2"
    wait_for(lambda: replica.admin(password="pw").get("{t}:n") == b"2", "the copy")
    master.kill()
    with pytest.raises(StoreAway):
        await store.run([add()])

    async def served() -> bool:
        return await ran(store, add("{t}:other")) is not None

    await eventually(served, "the successor", 30)
    assert await store.run([add()]) == [3]
    assert replica.admin(password="pw").get("{t}:n") == b"3"


async def test_a_master_that_became_a_replica_is_left(watched, dial):
    master, replica, sentinel = watched
    store = dial(f"redis+sentinel://:pw@127.0.0.1:{sentinel.port}/llm")
    assert await store.run([add()]) == [1]
    wait_for(lambda: replica.admin(password="pw").get("{t}:n") == b"1", "the copy")
    wait_for(lambda: sentinel.ask("SENTINEL", "FAILOVER", "llm"), "the Sentinel to have looked")
    successor = [b"127.0.0.1", b"%d" % replica.port]
    wait_for(lambda: sentinel.ask("SENTINEL", "get-master-addr-by-name", "llm") == successor, "the failover", 30)
    master.ask("REPLICAOF", "127.0.0.1", replica.port, password="pw")  # the Sentinel would, in up to ten seconds

    async def served() -> bool:
        return await ran(store, add("{t}:other")) is not None

    await eventually(served, "the successor", 30)
    assert await store.run([add()]) == [2]
    assert replica.admin(password="pw").get("{t}:n") == b"2"


async def test_sentinels_that_do_not_know_the_service(watched, dial):
    with pytest.raises(StoreAway) as caught:
        await dial(f"redis+sentinel://127.0.0.1:{watched[2].port}/unknown").run([add()])
    assert not caught.value.sent


# -- cluster


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    servers = make_cluster(tmp_path_factory.mktemp("cluster"), 3)
    yield servers
    stop_all(servers)


@pytest.fixture
def cluster_url(nodes) -> str:
    for node in nodes:
        node.ask("FLUSHALL")
        node.ask("SCRIPT", "FLUSH")
    return "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in (free_port(), nodes[1].port))


async def test_a_cluster_serves_one_tag_and_many(cluster_url, dial):
    store = dial(cluster_url)
    assert await store.run([add(), add(), add()]) == [1, 2, 3]
    tags = [f"{{tag{n}}}:n" for n in range(30)]  # some on every node
    assert await store.run([add(tag) for tag in tags + tags]) == [1] * 30 + [2] * 30
    assert await store.client.get("{tag3}:n") == b"2"


async def test_a_slot_that_moves_is_followed(cluster_url, nodes, dial):
    store = dial(cluster_url)
    assert await store.run([add(), add()]) == [1, 2]
    slot = int(nodes[0].ask("CLUSTER", "KEYSLOT", "{t}:n"))
    source = next(node for node in nodes if _serves(node, slot))
    target = next(node for node in nodes if node is not source)
    source_id, target_id = (_text(node.ask("CLUSTER", "MYID")) for node in (source, target))
    target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
    source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
    assert await store.run([add(), add("{t}:new")]) == [3, 1]  # the second key is not there any more: ASK
    source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 1000, "KEYS", "{t}:n")
    assert await store.run([add(), add()]) == [4, 5]  # ASK
    for node in (target, source):
        node.ask("CLUSTER", "SETSLOT", slot, "NODE", target_id)
    assert await store.run([add(), add()]) == [6, 7]  # MOVED
    assert await store.run([add(), add("{t}:new")]) == [8, 2]
    with target.admin() as client:
        assert client.get("{t}:n") == b"8"


async def test_a_plain_url_to_a_cluster_is_an_error_that_says_the_mend(nodes, dial):
    stores = [dial(node.url) for node in nodes]
    replies = [(await store.run([add("{elsewhere}")]))[0] for store in stores]
    assert sum(reply == 1 for reply in replies) == 1
    assert all("redis+cluster://" in str(reply) for reply in replies if reply != 1)


async def test_a_cluster_without_a_node_serves_the_other_slots_and_is_whole_again_later(tmp_path, dial):
    nodes = make_cluster(tmp_path / "own", 3)
    try:
        for node in nodes:
            node.ask("CONFIG", "SET", "cluster-require-full-coverage", "no")
        store = dial(f"redis+cluster://127.0.0.1:{nodes[0].port}")
        keys = {node.port: next(k for k in _keys() if _serves(node, _slot(node, k))) for node in nodes}
        assert await store.run([add(key) for key in keys.values()]) == [1, 1, 1]
        gone, *rest = reversed(nodes)
        gone.kill()
        with pytest.raises(StoreAway):
            await store.run([add(keys[gone.port])])
        for node in rest:
            await eventually(lambda key=keys[node.port]: ran(store, add(key)), "the others")
        gone.start()
        await eventually(lambda: ran(store, add(keys[gone.port])), "the node")
    finally:
        stop_all(nodes)


def _keys():
    return (f"{{k{n}}}" for n in range(1000))


def _slot(node: RedisServer, key: str) -> int:
    return int(node.ask("CLUSTER", "KEYSLOT", key))


def _serves(node: RedisServer, slot: int) -> bool:
    return any(first <= slot <= last and owner[1] == node.port for first, last, owner, *_ in node.ask("CLUSTER SLOTS"))


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


# -- TLS: the server is not built with it, so a proxy speaks it


class Authority:
    """Certificates for ``localhost`` (the name, not the address), and for its authority."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.ca_file, self.chain = folder / "ca.pem", folder / "server.pem"
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca = self._certificate("Test CA", ca_key, None, None)
        self.ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._certificate("localhost", key, ca, ca_key)
        self.chain.write_bytes(
            leaf.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    @staticmethod
    def _certificate(name, key, issuer, issuer_key) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        )
        if issuer is not None:
            names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("192.0.2.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(issuer_key or key, hashes.SHA256())


class TlsProxy:
    """TLS in front of a server. ``names``: what clients asked for by SNI."""

    def __init__(self, authority: Authority, server: RedisServer) -> None:
        self.names: list[str | None] = []
        self.port = 0
        self._server = server
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(authority.chain)
        self._context.sni_callback = lambda _socket, name, _context: self.names.append(name)

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()

    async def _serve(self, reader, writer) -> None:
        ours = await asyncio.open_unix_connection(self._server.socket)
        await asyncio.gather(self._copy(reader, ours[1]), self._copy(ours[0], writer))

    @staticmethod
    async def _copy(reader, writer) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()


@pytest.fixture
async def proxy(tmp_path, redis_server) -> AsyncIterator[tuple[Authority, TlsProxy]]:
    authority = Authority(tmp_path / "tls")
    async with TlsProxy(authority, redis_server) as running:
        yield authority, running


async def test_tls_with_an_authority_of_ones_own(proxy, dial):
    authority, server = proxy
    store = dial(f"rediss://localhost:{server.port}", ca_file=str(authority.ca_file))
    assert await store.run([add(), add()]) == [1, 2]
    assert await store.client.get("{t}:n") == b"2"
    assert set(server.names) == {"localhost"}
    await store.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"], ids=["unknown authority", "another name"])
async def test_tls_to_somebody_else_is_refused(proxy, dial, tmp_path, host):
    authority, server = proxy
    known = Authority(tmp_path / "other") if host == "localhost" else authority
    with pytest.raises(StoreAway, match="certificate verify failed"):
        await dial(f"rediss://{host}:{server.port}", ca_file=str(known.ca_file)).run([add()])
    with pytest.raises(StoreAway):
        await dial(f"rediss://{host}:{server.port}").run([add()])
