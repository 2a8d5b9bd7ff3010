"""Several worker processes: any of them serves either phase, one that dies takes only its own requests, an end is gentle."""

import asyncio
import signal

import orjson
import pytest
from catalogue import config
from harness import Gateway, Worker, eventually, new_id
from prometheus_client.mmap_dict import MmapedDict
from transfers import DIALECTS, OPENAI, transfer

PACED = {"tokens": 40, "tokens_per_second": 20}
"""A stream of two seconds."""


@pytest.fixture
def other(start_gateway, providers, dead_port, simulator) -> Gateway:
    """A gateway that the test may break."""
    return start_gateway(config(providers.url, dead_port))


def open_streams(gateway: Gateway, pid: int) -> dict[str, int]:
    """How many streams of each phase a worker has open now, as it tells /metrics itself."""
    counts: dict[str, int] = {}
    for file in (gateway.run_dir() / "metrics").glob(f"gauge_*_{pid}.db"):
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):
            _, name, labels, _ = orjson.loads(key)
            if name == "llmgw_open_streams":
                counts[labels["phase"]] = int(value)
    return counts


async def test_the_phases_of_one_request_are_served_by_different_processes(gateway, http, simulator):
    """One request at a time is under way, so the one open stream of each phase is that request's."""
    simulator.script(o1={"first_token_delay": 0.4})
    pids = [worker.pid for worker in gateway.workers()]
    assert len(pids) == 2

    def serving() -> tuple[list[int], list[int]]:
        opened = {pid: open_streams(gateway, pid) for pid in pids}
        return [pid for pid in pids if opened[pid].get("admission")], [
            pid for pid in pids if opened[pid].get("attempt")
        ]

    await eventually(lambda: serving() == ([], []), "the requests of earlier tests to be over")
    pairs = set()
    for _ in range(20):
        request_id = new_id()
        asking = asyncio.create_task(
            transfer(http, OPENAI.path, OPENAI.body("gpt", stream=True), {"x-request-id": request_id})
        )
        await eventually(lambda: simulator.requests(request_id), "the request to reach its provider")  # noqa: B023 used at once
        admission, attempt = await eventually(
            lambda: found if all(found := serving()) else None, "both phases to be seen"
        )
        assert (await asking).finished
        assert (len(admission), len(attempt)) == (1, 1)
        pairs.add((admission[0], attempt[0]))
        await eventually(lambda: serving() == ([], []), "the request to be over")
        if any(first != second for first, second in pairs):
            return
    pytest.fail(f"20 requests, and each had both phases in one process: {pairs}")


async def test_a_worker_killed_under_load_fails_only_the_requests_in_it_and_comes_back(other, simulator):
    """Sixteen clients, one request after the other each; a request has a stream of either phase in some worker."""
    simulator.script(o1=PACED, a1=PACED)
    results: dict[str, bool] = {}
    running: set[str] = set()
    stop = asyncio.Event()
    async with other.http() as http:

        async def client(number: int) -> None:
            dialect, model = DIALECTS[number % 2], ("gpt", "claude")[number // 2 % 2]
            while not stop.is_set():
                request_id = new_id()
                running.add(request_id)
                got = await transfer(http, dialect.path, dialect.body(model, stream=True), {"x-request-id": request_id})
                running.remove(request_id)
                results[request_id] = got.status == 200 and got.complete and got.finished and not got.errors

        clients = [asyncio.create_task(client(number)) for number in range(16)]
        victim, survivor = other.workers()

        def streams(worker: Worker) -> int:
            return sum(open_streams(other, worker.pid).values())

        await eventually(lambda: len(results) >= 16, "a first round of answers")
        counted = other.metric("llmgw_requests_total")
        await eventually(lambda: streams(victim) + streams(survivor) == 32, "all sixteen in the middle of an answer")
        inside, at_kill = streams(victim), set(running)
        victim.process.send_signal(signal.SIGKILL)

        def back() -> bool:
            pids = [worker.pid for worker in other.workers()]
            return len(pids) == 2 and victim.pid not in pids and other.ready()

        await eventually(back, "a new worker")
        done = len(results)
        await eventually(lambda: len(results) >= done + 32, "two more rounds of answers")
        stop.set()
        await asyncio.gather(*clients)

    failed = {request_id for request_id, good in results.items() if not good}
    assert failed <= at_kill
    # A request has one or two streams in a worker; how many of the victim's were needed to the end differs by the moment.
    assert 0 < len(failed) <= inside, f"{len(failed)} failed, {inside} of 32 streams were in the killed worker"
    fresh = next(worker for worker in other.workers() if worker.index == victim.index)
    assert fresh.pid != victim.pid
    assert survivor.pid in {worker.pid for worker in other.workers()}
    # The new one works, and nothing that the old one counted is lost.
    async with other.http() as http:
        for _ in range(20):
            assert (await transfer(http, OPENAI.path, OPENAI.body("o2-a1-o1", stream=False))).status == 200
    await eventually(lambda: other.metric("llmgw_requests_total") >= counted + 32 + 20, "the counts")
    assert other.metric("llmgw_worker_restarts_total", reason="killed") == 1


async def test_sigterm_lets_a_stream_end(other, simulator):
    simulator.script(o1=PACED, a1=PACED)
    async with other.http() as http:
        asking = [
            asyncio.create_task(transfer(http, dialect.path, dialect.body(model, stream=True)))
            for dialect in DIALECTS
            for model in ("gpt", "claude")
        ]
        await eventually(lambda: simulator.in_progress() == 4, "four streams under way")
        other.process.send_signal(signal.SIGTERM)
        answers = await asyncio.gather(*asking)
    for got in answers:
        assert (got.status, got.complete, got.finished, got.errors) == (200, True, True, [])
        assert len(got.text.split()) == PACED["tokens"]
    assert await asyncio.to_thread(other.close) == 0


async def test_a_worker_told_to_end_lets_its_streams_end(other, simulator):
    simulator.script(o1=PACED)
    async with other.http() as http:
        asking = [asyncio.create_task(transfer(http, OPENAI.path, OPENAI.body("gpt", stream=True))) for _ in range(8)]
        await eventually(lambda: simulator.in_progress() == 8, "eight streams under way")
        first = other.workers()[0]
        first.process.send_signal(signal.SIGTERM)
        answers = await asyncio.gather(*asking)
        assert all(got.complete and got.finished for got in answers)
        await eventually(lambda: first.pid not in {worker.pid for worker in other.workers()}, "the worker to end")
        await eventually(lambda: len(other.workers()) == 2 and other.ready(), "its successor")
        assert (await transfer(http, OPENAI.path, OPENAI.body("o1-o2", stream=True))).finished
