"""Batches reach a real Redis in all its arrangements, and every reply comes to the call it belongs to."""

import asyncio
import random
import signal

import pytest
from redis.exceptions import ResponseError
from redis_server import RedisServer, eventually

from extproc.state.store import Call, Store, StoreAway


def echo(*args: str | bytes | int, key: str = "{t}:k") -> Call:
    return Call("echo", (key,), args)


def add(amount: int = 1, key: str = "{t}:n") -> Call:
    return Call("add", (key,), (amount,))


async def serves(store: Store) -> bool:
    try:
        return await store.run([echo("hello")]) == [[b"hello"]]
    except StoreAway:
        return False


@pytest.fixture
def own_server(tmp_path):
    """One that a test may kill."""
    server = RedisServer(tmp_path / "redis", "--appendonly", "yes")
    yield server
    server.close()


# -- replies


async def test_replies_come_in_order(redis_server, dial):
    calls = [echo(index, f"é{index}", bytes([index % 256]) * 3) for index in range(500)]
    replies = await dial(redis_server.url).run(calls)
    assert replies == [[b"%d" % index, f"é{index}".encode(), bytes([index % 256]) * 3] for index in range(500)]


async def test_no_calls_no_round_trip(dial):
    assert await dial("redis://127.0.0.1:1").run([]) == []


async def test_an_error_stands_in_place_of_the_failed_calls_reply(redis_server, dial):
    replies = await dial(redis_server.url).run(
        [echo("a"), Call("fail", ("{t}:k",), ()), Call("broken", ("{t}:k",), ()), echo("b")]
    )
    assert replies[0] == [b"a"]
    assert isinstance(replies[1], ResponseError)
    assert "LEDGER no such hold" in str(replies[1])
    assert isinstance(replies[2], ResponseError)
    assert "compiling" in str(replies[2])
    assert replies[3] == [b"b"]


async def test_a_script_that_the_server_has_forgotten_runs_once(redis_server, dial):
    store = dial(redis_server.url)
    assert await store.run([add(), add()]) == [1, 2]
    redis_server.ask("SCRIPT", "FLUSH")
    assert await store.run([add(), add()]) == [3, 4]
    # One of two is known: only the other is repeated.
    redis_server.ask("SCRIPT", "FLUSH")
    await store.run([add()])
    assert await store.run([add(), echo("x"), add()]) == [6, [b"x"], 7]


async def test_more_batches_at_once_than_connections(redis_server, dial):
    store = dial(redis_server.url)
    results = await asyncio.gather(*(store.run([echo(n), add(), echo(-n)]) for n in range(40)))
    assert [(r[0], r[2]) for r in results] == [([b"%d" % n], [b"%d" % -n]) for n in range(40)]
    assert sorted(r[1] for r in results) == list(range(1, 41))
    assert int(redis_server.ask("INFO", "clients")["connected_clients"]) <= 9  # eight, and the one that asks


async def test_closing_lets_a_batch_end_and_leaves_no_connection(redis_server, dial):
    store = dial(redis_server.url)
    await store.run([echo("warm")])
    pending = asyncio.create_task(store.run([echo(n) for n in range(2000)]))
    await asyncio.sleep(0)
    await store.close()
    assert len(await pending) == 2000
    assert int(redis_server.ask("INFO", "clients")["connected_clients"]) == 1


# -- away


async def test_nobody_there(dial):
    with pytest.raises(StoreAway) as caught:
        await dial("redis://127.0.0.1:1").run([echo("a")])
    assert not caught.value.sent


async def test_a_connection_that_was_closed_meanwhile_is_replaced_unnoticed(redis_server, dial):
    store = dial(redis_server.url)
    await store.run([echo("a")])
    redis_server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await asyncio.sleep(0.05)  # the goodbye is on its way
    assert await store.run([echo("b")]) == [[b"b"]]


async def test_killed_and_started_again(own_server, dial):
    store = dial(own_server.url)
    assert await store.run([add(5)]) == [5]
    own_server.kill()
    with pytest.raises(StoreAway):
        await store.run([add()])
    own_server.start()
    assert await store.run([add()]) == [6]


async def test_killed_between_sending_and_reply(own_server, dial):
    store = dial(own_server.url)
    await store.run([add(5)])
    own_server.signal(signal.SIGSTOP)
    pending = asyncio.create_task(store.run([add()]))
    await asyncio.sleep(0.1)
    own_server.kill()
    with pytest.raises(StoreAway) as caught:
        await pending
    assert caught.value.sent


async def test_a_hung_server_is_away_within_the_timeout_and_its_late_replies_are_nobodys(own_server, dial):
    store = dial(own_server.url)
    await store.run([echo("warm")])
    own_server.signal(signal.SIGSTOP)
    async with asyncio.timeout(30):  # without a limit of its own it would wait for ever
        results = await asyncio.gather(*(store.run([echo(n)]) for n in range(4)), return_exceptions=True)
    assert all(isinstance(result, StoreAway) for result in results)
    own_server.signal(signal.SIGCONT)
    for n in range(100, 200):
        assert await store.run([echo(n)]) == [[b"%d" % n]]


async def test_after_cancellations_no_reply_is_taken_for_anothers(redis_server, dial):
    store, dice = dial(redis_server.url), random.Random(7)
    cancelled = 0

    async def one(n: int) -> None:
        calls = [echo(f"{n}.{part}" + "x" * dice.choice([0, 20_000])) for part in range(dice.randint(1, 8))]
        replies = await store.run(calls)
        assert replies == [[str(call.args[0]).encode()] for call in calls]

    for round_ in range(60):
        tasks = [asyncio.create_task(one(round_ * 10 + k)) for k in range(10)]
        for _ in range(dice.randint(0, 12)):
            await asyncio.sleep(0)
        for task in dice.sample(tasks, 4):
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        cancelled += sum(isinstance(result, asyncio.CancelledError) for result in results)
        assert all(result is None or isinstance(result, asyncio.CancelledError) for result in results), results
    assert cancelled > 50


@pytest.mark.parametrize(
    ("command", "undo"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
        (("CONFIG", "SET", "min-replicas-to-write", "1"), ("CONFIG", "SET", "min-replicas-to-write", "0")),
        (("ACL", "SETUSER", "default", "-evalsha"), ("ACL", "SETUSER", "default", "+@all")),
    ],
    ids=["full", "replica", "too few replicas", "rights cut"],
)
async def test_a_server_that_cannot_serve_is_away_until_it_can(own_server, dial, command, undo):
    store = dial(own_server.url)
    assert await store.run([add()]) == [1]
    own_server.ask(*command)
    with pytest.raises(StoreAway) as caught:
        await store.run([add(), add()])
    assert not caught.value.sent
    own_server.ask(*undo)
    assert await store.run([add()]) == [2]


# -- who we are


async def test_user_and_password_from_the_url(own_server, dial):
    own_server.ask("ACL", "SETUSER", "llm", "on", ">p@ss/w:rd,?", "~*", "+@all")
    own_server.ask("ACL", "SETUSER", "default", "off")
    store = dial(f"redis://llm:p%40ss%2Fw%3Ard%2C%3F@127.0.0.1:{own_server.port}/3")
    assert await store.run([add()]) == [1]
    assert await store.client.get("{t}:n") == b"1"
    for credentials in ("", "llm:s3cret@", ":s3cret@"):
        with pytest.raises(StoreAway) as caught:
            await dial(f"redis://{credentials}127.0.0.1:{own_server.port}").run([add()])
        assert "s3cret" not in repr(caught.value)
        assert not caught.value.sent


async def test_a_unix_socket(redis_server, dial):
    store = dial(f"unix://{redis_server.socket}?db=2")
    assert await store.run([add()]) == [1]
    assert await store.client.get("{t}:n") == b"1"


async def test_away_is_told_of_a_socket_that_is_not_there(tmp_path, dial):
    assert not await serves(dial(f"unix://{tmp_path}/nobody.sock"))


async def test_the_client_gets_the_same_server(redis_server, dial):
    store = dial(redis_server.url, prefix="mine")
    await store.run([add()])
    assert store.prefix == "mine"
    assert await store.client.get("{t}:n") == b"1"
    await eventually(store.client.ping, "the client")
