"""What administrators are shown: lists, the audit trail, meters; and what nobody is shown."""

import time

import pytest
from directory_world import ANN, service

from extproc.admin.bodies import KeyCreate, KeyPatch, KeyRotate
from extproc.admin.entries import KeyFilter, Paging, PartyFilter
from extproc.admin.errors import Conflict, InvalidField
from extproc.admin.meter_reader import MeterStates
from extproc.config.digest import hash_key
from extproc.domain.ledger import HoldLine, HoldOrder
from extproc.policy.windows import Windows
from extproc.state.reports import Reports
from extproc.state.steps import Steps


async def test_lists_are_filtered_and_paged(keys):
    for n in range(5):
        await keys.create_key(KeyCreate(name=f"k{n}", team="even" if n % 2 == 0 else "odd"), ANN)
    await keys.block_key("k4", ANN)
    whole = await keys.list_keys()
    assert [entry.key.name for entry in whole.items] == ["ci", "k0", "k1", "k2", "k3", "k4"]
    even = await keys.list_keys(KeyFilter(team="even", status="active"))
    assert [entry.key.name for entry in even.items] == ["k0", "k2"]
    first = await keys.list_keys(KeyFilter(declared=False), Paging(2))
    assert ([entry.key.name for entry in first.items], first.total) == (["k0", "k1"], 5)
    await keys.revoke_key("k1", ANN)  # the last of that page: the next one begins behind where it was
    second = await keys.list_keys(KeyFilter(declared=False), Paging(2, first.next))
    assert [entry.key.name for entry in second.items] == ["k2", "k3"]
    last = await keys.list_keys(KeyFilter(declared=False), Paging(2, second.next))
    assert ([entry.key.name for entry in last.items], last.next) == (["k4"], None)
    with pytest.raises(InvalidField):
        await keys.list_keys(paging=Paging(2, "nonsense"))
    parties = await keys.list_parties(PartyFilter("team"))
    assert parties.items == []


async def test_the_audit_trail_says_who_changed_what(keys):
    await keys.create_key(KeyCreate(name="k", budgets=[{"usd": 5, "per": "day"}]), ANN)
    await keys.update_key("k", KeyPatch(budgets=[{"usd": 9, "per": "day"}]), ANN)
    await keys.rotate_key("k", KeyRotate(grace="1h"), ANN)
    await keys.block_key("ci", ANN)
    await keys.revoke_key("k", ANN)
    trail = await keys.audit()
    assert [(entry.action, entry.kind, entry.name, entry.actor) for entry in trail] == [
        ("revoke", "key", "k", "ann"),
        ("block", "block", "ci", "ann"),
        ("rotate", "key", "k", "ann"),
        ("update", "key", "k", "ann"),
        ("create", "key", "k", "ann"),
    ]
    assert trail[3].changes == {"budgets": [[{"usd": 5, "per": "day"}], [{"usd": 9, "per": "day"}]]}
    older = await keys.audit(before=trail[2].version, limit=1)
    assert [entry.action for entry in older] == ["update"]


async def test_no_plain_key_and_no_digest_is_said_where_it_should_not_be(store, redis_server, keys, caplog, capsys):
    plain = [
        (await keys.create_key(KeyCreate(name="made"), ANN)).plain.reveal(),
        (await keys.create_key(KeyCreate(name="brought", key="sk-CANARY-brought-along"), ANN)).plain.reveal(),
        (await keys.rotate_key("made", KeyRotate(grace="1h"), ANN)).plain.reveal(),
        (await keys.rotate_key("brought", KeyRotate(key="sk-CANARY-another-one"), ANN)).plain.reveal(),
    ]
    with pytest.raises(Conflict) as conflict:
        await keys.create_key(KeyCreate(key=plain[0]), ANN)
    await keys.revoke_key("brought", ANN)
    with redis_server.admin() as client:
        dump = b"".join(name + client.dump(name) for name in client.keys("*"))
        everything = repr([_whole(client, name) for name in client.keys("*")])
    said = "\n".join([everything, caplog.text, *capsys.readouterr(), conflict.value.message, repr(plain and keys)])
    assert "made" in everything
    for text in plain:
        assert text not in said
        assert text.removeprefix("sk-llmgw-") not in said
        assert text.encode() not in dump
    trail = repr(await keys.audit())
    assert not any(hash_key(text) in trail for text in plain)


def _whole(client, name):
    match client.type(name):
        case b"hash":
            return name, client.hgetall(name)
        case b"stream":
            return name, client.xrange(name)
        case b"set":
            return name, client.smembers(name)
        case b"zset":
            return name, client.zrange(name, 0, -1)
        case b"list":
            return name, client.lrange(name, 0, -1)
        case _:
            return name, client.get(name)


async def test_meters_are_read_from_the_ledger(store, here):
    keys = service(here, meters=MeterStates(Reports(store)))
    entry = (await keys.create_key(KeyCreate(budgets=[{"usd": 1, "per": "day"}], limits={"concurrent": 3}), ANN)).entry
    budget, concurrent = entry.key.meters
    start, end = Windows().around(budget.window, time.time_ns())
    call = Steps(store.prefix).hold(
        HoldOrder("h", (HoldLine(budget, start, end, fixed=7), HoldLine(concurrent, 0, 0, fixed=1)), output=0, floor=0)
    )
    await store.run([call])
    states = await keys.meter_states(entry.key.meters)
    assert [(state.settled, state.held) for state in states] == [(0, 7), (0, 1)]
    assert 0 < states[0].reset_seconds <= 86_400
    assert states[1].reset_seconds == 0
    assert list(await keys.meter_states(())) == []
    assert await service(here).meter_states(entry.key.meters) is None
