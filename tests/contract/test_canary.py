"""Secrets, prompts and answers are in no row, no log, no metric, no page of the admin port, no file and no command line.

Every kind of request that the gateway knows is made with words found nowhere else; then all it has written is searched.
"""

import asyncio
import signal

import httpx
import orjson
import yaml
from catalogue import chain, provider_key, providers
from harness import Gateway, eventually, llmgw, sha256
from transfers import DIALECTS, OPENAI, Transfer, transfer

VIRTUAL_KEY = "sk-llmgw-CANARY-virtual-0d9f"
UNKNOWN_KEY = "sk-llmgw-CANARY-unknown-77aa"
PROMPT = "CANARYPROMPT the patient's name is"
ANSWER = "CANARYANSWER Zacharias"
IMAGE = "CANARYIMAGEAAAA"
COOKIE = "CANARYCOOKIE"
ORGANIZATION = "org-CANARY-7"
PROVIDER_KEYS = [provider_key(name) for name in ("o1", "o2", "a1", "a2", "d1")]

SECRETS = [VIRTUAL_KEY, UNKNOWN_KEY, "CANARY", *PROVIDER_KEYS, "sk-provider", "admin-contract-token"]


def configuration(simulator_url: str, dead_port: int) -> dict:
    known = providers(simulator_url, dead_port)
    known["o2"]["headers"] = {"OpenAI-Organization": ORGANIZATION}
    policy = {"first_token_timeout": "700ms", "stall_timeout": "700ms", "timeout": "1s"}
    return {
        "listen": {"max_body": 100_000},
        "providers": known,
        "models": {name: chain(name, **policy) for name in ("o1", "a1", "o1-o2", "a1-a2", "o2-a1", "d1", "d1-o1")},
        "keys": [{"name": "canary", "sha256": sha256(VIRTUAL_KEY)}],
    }


def bodies(dialect, model: str, *, stream: bool) -> list[object]:
    """A good request, and some that are refused here or there."""
    good = dialect.body(model, f"echo: {ANSWER} {PROMPT}", stream=stream)
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}}
    tool = {"role": "tool", "tool_call_id": "CANARYCALL", "content": PROMPT}
    return [
        good,
        good | {"messages": [{"role": "user", "content": [{"type": "text", "text": PROMPT}, picture]}]},
        good | {"messages": [{"role": "user", "content": PROMPT}, tool]},
        good | {"messages": PROMPT},
        good | {"temperature": PROMPT},
        good | {"CANARYFIELD": PROMPT, "n": 3},
        orjson.dumps(good)[:-30],
        f'{{"messages": "{PROMPT}", "CANARY'.encode(),
        good | {"messages": [{"role": "user", "content": PROMPT * 5000}]},
        good | {"model": "no-such-model"},
    ]


async def everything(gateway: Gateway, simulator, http: httpx.AsyncClient) -> list[Transfer]:
    """Every request in every state that the providers can be in; the answers."""
    quoting = orjson.dumps(
        {"error": {"message": f"Incorrect API key: {PROVIDER_KEYS[0]}. {PROMPT}", "type": "x"}}
    ).decode()
    quoting_a = orjson.dumps(
        {"type": "error", "error": {"type": "invalid_request_error", "message": f"bad key {PROVIDER_KEYS[2]}"}}
    ).decode()
    states = [
        {},
        {"o1": "status=500", "a1": "status=529"},
        {"o1": {"status": 401, "error_body": quoting}, "a1": {"status": 401, "error_body": quoting_a}},
        {"o1": {"status": 400, "error_body": quoting}, "a1": {"status": 400, "error_body": quoting_a}},
        {"o1": "fault=malformed,fault_at=6", "a1": "fault=malformed,fault_at=6"},
        {"o1": "fault=cut,fault_at=6", "a1": "fault=cut,fault_at=6"},
        {"o1": "fault=stall,fault_at=6", "a1": "fault=error_event,fault_at=6"},
        {"o1": "hang=1", "a1": "fault=html"},
    ]
    answers = []
    headers = {"cookie": COOKIE, "x-canary": "CANARYHEADER", "user-agent": "CANARYAGENT", "traceparent": "CANARYTRACE"}
    for number, state in enumerate(states):
        simulator.script(**state)
        asked = [
            transfer(http, f"{dialect.path}?q=CANARYQUERY", body, headers)
            for dialect in DIALECTS
            for model in ("o1", "a1", "o1-o2", "a1-a2", "o2-a1", "d1", "d1-o1")
            for body in bodies(dialect, model, stream=bool(number % 2))[: 10 if number < 2 else 2]
        ]
        answers += await asyncio.gather(*asked)
    return answers


def written(gateway: Gateway) -> dict[str, str]:
    """All that it has said so far, by where."""
    found = {file.name: file.read_text("latin-1") for file in (gateway.log, gateway.rows_file, gateway.access_file)}
    for path in ("/", "/healthz", "/readyz", "/metrics", "/config"):
        found[f"admin {path}"] = gateway.admin.get(path).text
    found["run dir"] = "".join(
        file.read_text("latin-1")
        for file in gateway.run_dir().rglob("*")
        if file.is_file() and file.name != "gateway.yaml"  # the configuration itself
    )
    processes = [gateway.envoy(), *(worker.process for worker in gateway.workers())]
    found["command lines"] = "\n".join(" ".join(process.cmdline()) for process in processes)
    return found


def check_errors(answers: list[Transfer]) -> None:
    """No client is told a credential, not even where a vendor quotes one."""
    refused = [got for got in answers if got.status != 200 or got.errors]
    assert len(refused) > 50
    for got in refused:
        shown = got.body.decode("latin-1") + str(got.headers)
        assert [key for key in (*PROVIDER_KEYS, VIRTUAL_KEY, ORGANIZATION, COOKIE) if key in shown] == []


async def test_what_is_secret_stays_secret(start_gateway, providers, simulator, dead_port, tmp_path):
    gateway = start_gateway(configuration(providers.url, dead_port))
    async with gateway.http(VIRTUAL_KEY) as http, gateway.http(UNKNOWN_KEY) as stranger:
        answers = await everything(gateway, simulator, http)
        answers += [
            await transfer(stranger, dialect.path, dialect.body("o1", PROMPT, stream=False)) for dialect in DIALECTS
        ]
        # A worker that dies in the middle, and the supervisor's and Envoy's words about it.
        simulator.script(o1={"tokens": 50, "tokens_per_second": 20})
        asking = asyncio.create_task(transfer(http, OPENAI.path, OPENAI.body("o1", PROMPT, stream=True)))
        await eventually(lambda: simulator.latest(1)[0].events_sent > 3, "a stream under way")
        gateway.workers()[0].process.send_signal(signal.SIGKILL)
        await asyncio.gather(asking, return_exceptions=True)
        denied = gateway.admin.get("/config", headers={"authorization": "Bearer CANARYADMIN"})
        assert denied.status_code == 401
    # The test has teeth only where these were really sent, and came back.
    assert sum(got.status == 200 and ANSWER.encode() in got.body for got in answers) > 10
    assert len({got.status for got in answers}) > 5
    await eventually(lambda: len(gateway.access_lines()) > len(answers), "the access log")
    places = written(gateway)
    await asyncio.to_thread(gateway.close)
    places["log"] = gateway.log.read_text("latin-1")
    places["rows"] = gateway.rows_file.read_text("latin-1")
    assert len(places["rows"].splitlines()) > 200
    assert len(places["access"].splitlines()) > 200
    leaks = [(place, secret) for place, text in places.items() for secret in SECRETS if secret in text]
    assert leaks == []
    check_errors(answers)


def test_neither_does_the_command_line(tmp_path, providers, dead_port):
    """``check`` and ``envoy-config`` of a configuration with secrets in it, and of one that is wrong beside a secret."""
    good = configuration(providers.url, dead_port)
    wrong = good | {"providers": {"o1": {"api_key": "CANARYKEY", "dialect": 3}}}
    started = []
    for name, document in {"good": good, "wrong": wrong}.items():
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump(document))
        for command in ("check", "envoy-config"):
            log = tmp_path / f"{name}-{command}.log"
            started.append((log, llmgw(command, "-c", str(file), log=log)))
    for log, process in started:
        process.wait(30)
        assert log.read_text()
        assert [secret for secret in SECRETS if secret in log.read_text()] == []
