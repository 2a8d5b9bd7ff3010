"""``llmgw keys`` against an admin port that serves: what is printed, where, and that it was done."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import orjson
import pytest
from click.testing import CliRunner, Result
from directory_world import directory, service
from test_directory_api import CONFIGURED, FULL

from extproc.admin.app import AdminDeps, create_app
from extproc.admin.server import bind, serve_on
from extproc.cli import main
from extproc.config.snapshot import Secret, Store
from extproc.state.store import connect


async def no_workers():
    return []


@pytest.fixture
def url(redis_server) -> Iterator[str]:
    """An admin port in a thread with a loop of its own."""
    listener = bind("127.0.0.1", 0)
    loop, ready = asyncio.new_event_loop(), threading.Event()
    stop = asyncio.Event()

    async def life() -> None:
        store = connect(Store(url=Secret(redis_server.url)))
        keys = service(directory(store, snapshot=CONFIGURED), CONFIGURED)
        deps = AdminDeps("1", lambda: CONFIGURED, no_workers, lambda _: (b"", ""), directory=keys)
        serving = asyncio.create_task(serve_on(create_app(deps), listener))
        ready.set()
        await stop.wait()
        serving.cancel()
        await asyncio.wait([serving])
        await store.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(life()))
    port = listener.getsockname()[1]
    thread.start()
    ready.wait()
    yield f"http://127.0.0.1:{port}"
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


@pytest.fixture
def run(url) -> Callable[..., Result]:
    def invoke(*arguments: str, token: str = FULL, fails: bool = False) -> Result:
        environment = {"LLMGW_ADMIN_URL": url, "LLMGW_ADMIN_TOKEN": token, "LLMGW_ACTOR": "ann"}
        result = CliRunner().invoke(main, ["keys", *arguments], env=environment)
        assert (result.exit_code != 0) == fails, result.output
        return result

    return invoke


def test_the_life_of_a_key(run):
    plain = run(
        "create", "k", "--team", "search", "--model", "fast", "--tag", "environment=qa", "--budget", "50/month",
        "--budget", '{"usd": 5, "per": "day"}', "--limit", "requests=100/min", "--limit", "concurrent=3",
        "--expires-in", "30d", "--metadata", "ticket=7", "--quiet",
    ).stdout  # fmt: skip
    assert plain.startswith("sk-llmgw-")
    assert plain.count("\n") == 1

    shown = orjson.loads(run("show", "k", "--json").stdout)
    assert (shown["team"], shown["models"], shown["tags"]) == ("search", ["fast"], {"environment": "qa"})
    assert shown["budgets"] == [{"usd": "50", "per": "month"}, {"usd": 5, "per": "day"}]
    assert shown["limits"] == {"requests": "100/min", "concurrent": 3}
    assert [meter["limit"] for meter in shown["meters"]] == ["50.00", "5.00", 100, 3]
    assert (shown["metadata"], shown["created_by"]) == ({"ticket": "7"}, "ann")
    assert "usd:month" in run("show", "k").stdout

    lines = run("list").stdout.splitlines()
    assert lines[0].split()[:3] == ["NAME", "STATUS", "TEAM"]
    assert [line.split()[:2] for line in lines[1:]] == [["ci", "active"], ["k", "active"]]
    assert plain.strip() not in "\n".join(lines)

    changed = orjson.loads(run("update", "k", "--user", "eve", "--clear", "budgets", "--json").stdout)
    assert (changed["user"], changed["budgets"], changed["team"]) == ("eve", [], "search")

    rotated = run("rotate", "k", "--grace", "1h", "--quiet").stdout
    assert rotated != plain
    run("block", "k")
    assert [key["name"] for key in orjson.loads(run("list", "--status", "blocked", "--json").stdout)] == ["k"]
    run("unblock", "k")
    assert "expires never" in run("expire", "k", "--never").stdout
    run("expire", "k")
    assert [key["name"] for key in orjson.loads(run("list", "--status", "expired", "--json").stdout)] == ["k"]
    run("revoke", "k", fails=True)  # nobody says yes
    run("revoke", "k", "--yes")
    assert "There is no key 'k'" in run("show", "k", fails=True).output


def test_without_quiet_the_key_still_stands_alone_on_stdout(run):
    result = run("create", "k")
    assert result.stdout.startswith("sk-llmgw-")
    assert result.stdout.count("\n") == 1
    assert "shown this once" in result.stderr
    assert result.stdout.strip() not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "token", "said"),
    [
        (("create", "k", "--model", "fsat"), "full-token", "Did you mean 'fast'"),
        (("list",), "wrong-token", "does not know this admin token"),
        (("create", "k"), "read-token", "may only read"),
        (("rotate", "ci"), "full-token", "declared in the configuration file"),
    ],
)
def test_a_refusal_is_one_line(run, arguments, token, said):
    output = run(*arguments, token=token, fails=True).output
    assert said in output
    assert output.count("\n") == 1
    assert token not in output


@pytest.mark.parametrize(("token", "actor"), [("secret-token\n", "ann"), ("secret-token-\u043a", "ann")])
def test_a_token_that_no_header_can_carry_is_not_repeated(run, token, actor):
    result = run("list", "--actor", actor, token=token, fails=True)
    assert "no token has" in result.stderr
    assert "secret-token" not in result.output


def test_who_asks_is_told_as_far_as_a_header_can(run):
    run("create", "k", "--actor", "Zo\u00eb\r\nx: y")
    assert orjson.loads(run("show", "k", "--json").stdout)["created_by"] == "Zox: y"


@pytest.mark.parametrize("command", ["show", "block", "rotate"])
def test_an_empty_name_is_no_key(run, command):
    assert "empty" in run(command, "", fails=True).stderr


def test_rates_of_one_unit_hold_together(run):
    run("create", "k", "--limit", "requests=5/s", "--limit", "requests=100/min", "--limit", "concurrent=3")
    assert orjson.loads(run("show", "k", "--json").stdout)["limits"] == {
        "requests": ["5/s", "100/min"],
        "concurrent": 3,
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "--limit", "concurrent=3", "--limit", "concurrent=4"),
        ("create", "--tag", "a=b", "--tag", "a=c"),
        ("update", "k", "--clear", "budgets", "--budget", "5/day"),
    ],
)
def test_what_is_said_twice_is_not_dropped_in_silence(run, arguments):
    run("create", "k")
    assert run(*arguments, fails=True).exit_code == 2
