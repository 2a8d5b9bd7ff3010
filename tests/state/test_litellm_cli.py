"""``llmgw spend`` and ``llmgw budgets`` against an admin port that serves: what is printed."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import orjson
import pytest
from click.testing import CliRunner, Result
from litellm_world import MASTER, Office, open_office

from extproc.admin.server import bind, serve_on
from extproc.cli import main
from extproc.config.snapshot import Secret, Store
from extproc.state.store import connect

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def served(redis_server) -> Iterator[tuple[str, Callable]]:
    """An admin port in a thread with a loop of its own, and a way to have things done there."""
    listener = bind("127.0.0.1", 0)
    loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    offices: list[Office] = []

    async def life() -> None:
        store = connect(Store(url=Secret(redis_server.url)))
        offices.append(await open_office(store))
        serving = asyncio.create_task(serve_on(offices[0].app, listener))
        ready.set()
        await stop.wait()
        serving.cancel()
        await asyncio.wait([serving])
        await store.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(life()))
    port = listener.getsockname()[1]
    thread.start()
    assert ready.wait(30)
    yield (
        f"http://127.0.0.1:{port}",
        lambda *a, **k: asyncio.run_coroutine_threadsafe(offices[0].spend(*a, **k), loop).result(30),
    )
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


@pytest.fixture
def run(served) -> Callable[..., Result]:
    def invoke(*arguments: str, fails: bool = False) -> Result:
        environment = {"LLMGW_ADMIN_URL": served[0], "LLMGW_ADMIN_TOKEN": MASTER}
        result = CliRunner().invoke(main, list(arguments), env=environment)
        assert (result.exit_code != 0) == fails, result.output
        return result

    return invoke


@pytest.fixture
def used(served):
    served[1](1_500_000_001, team="red", tokens=(10, 20), at=MAY)
    served[1](2, team="blue", at=MAY)


SPAN = ("--from", "2026-05-01", "--to", "2026-05-01")


def test_spend_is_a_table_with_a_total(run, used):
    lines = run("spend", *SPAN).stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["TEAM", "USD", "INPUT_TOKENS", "OUTPUT_TOKENS", "REQUESTS", "FAILED"],
        ["blue", "0.000000002", "0", "0", "1", "0"],
        ["red", "1.500000001", "10", "20", "1", "0"],
        ["total", "1.500000003", "10", "20", "2", "0"],
    ]


def test_spend_as_csv_and_json_and_filtered(run, used):
    lines = run("spend", "--by", "day,model", "--team", "red", "--csv", *SPAN).stdout.splitlines()
    assert lines == [
        "day,model,usd,input_tokens,output_tokens,requests,failed",
        "2026-05-01T00:00:00Z,fast,1.500000001,10,20,1,0",
    ]
    lines = run("spend", "--by", "key,day", "--team", "red", "--csv", *SPAN).stdout.splitlines()
    assert [line.split(",")[:4] for line in lines] == [
        ["day", "key", "key_name", "usd"],
        ["2026-05-01T00:00:00Z", "ci", "ci", "1.500000001"],
    ]
    answer = orjson.loads(run("spend", "--by", "user", "--json", *SPAN).stdout)
    assert [item["usd"] for item in answer["items"]] == ["1.500000003"]
    assert "nothing was used" in run("spend", "--from", "2026-06-01", "--to", "2026-06-01").stdout
    assert "by must be some of" in run("spend", "--by", "colour", fails=True).stderr


def test_no_name_is_a_formula_in_a_spreadsheet(run, served):
    served[1](3, team="=1+2", at=MAY)
    assert "'=1+2,0.000000003,0,0,1,0" in run("spend", "--csv", *SPAN).stdout.splitlines()


def test_budgets_are_told_the_fullest_first(run):
    run("keys", "create", "job", "--budget", "50/month", "--limit", "requests=5/min")
    run("keys", "create", "other", "--budget", "0/day")
    lines = [line.split() for line in run("budgets").stdout.splitlines()]
    assert lines == [
        ["HOLDER", "NAME", "UNIT", "WINDOW", "LIMIT", "SETTLED", "HELD", "USED"],
        ["key", "other", "usd", "day", "0.00", "0.00", "0.00", "100.0%"],
        ["key", "job", "usd", "month", "50.00", "0.00", "0.00", "0.0%"],
    ]
    lines = [line.split() for line in run("budgets", "--all", "--name", "job").stdout.splitlines()]
    assert lines[-1] == ["key", "job", "usd", "month", "50.00", "0.00", "0.00", "0.0%"]
    assert lines[-2] == ["key", "job", "requests", "60s", "5", "0", "0", "0.0%"]
    assert orjson.loads(run("budgets", "--over", "0.8", "--json").stdout)["total"] == 1
