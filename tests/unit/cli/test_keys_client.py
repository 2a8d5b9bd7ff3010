"""What goes wrong between ``llmgw keys`` and the admin port is one line, without a traceback and without the token."""

import http.server
import threading

import pytest
from click.testing import CliRunner

from extproc.cli import main


@pytest.fixture
def no_gateway(tmp_path, monkeypatch):
    """A folder without configuration, an environment without the gateway's variables."""
    monkeypatch.chdir(tmp_path)
    for name in ("LLMGW_ADMIN_TOKEN", "LLMGW_ADMIN_URL", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: str):
    return CliRunner().invoke(main, ["keys", *arguments])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "--url", "http://127.0.0.1:1", "--token", "CANARY"), "no gateway runs at http://127.0.0.1:1"),
        (("list", "--url", "127.0.0.1:9090", "--token", "CANARY"), "no URL of an admin port"),
        (("list", "--url", "http://[", "--token", "CANARY"), "no URL of an admin port"),
        (("list", "--url", "http://127.0.0.1:1", "--token", "CANARY\n"), "no token has"),
        (("list",), "no admin token"),
        (("list", "-c", "nowhere.yaml"), "nowhere.yaml"),
        (("create", "k", "--tag", "x"), "name=value"),
        (("create", "k", "--budget", "50"), "50/month"),
        (("create", "k", "--budget", "{"), "not JSON"),
        (("update", "k", "--url", "http://127.0.0.1:1", "--token", "t"), "nothing to change"),
        (("expire", "k", "--at", "2027-01-01", "--never", "--url", "http://h", "--token", "t"), "give one of"),
    ],
)
def test_a_failure_is_one_clear_line(no_gateway, arguments, said):
    result = run(*arguments)
    assert result.exit_code in {1, 2}
    assert said in result.output
    assert "CANARY" not in result.output
    assert "Traceback" not in result.output
    assert result.output.splitlines()[-1].startswith("Error: ")


def test_something_else_on_the_port_is_told(no_gateway):
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    try:
        result = run("list", "--url", f"http://127.0.0.1:{server.server_port}", "--token", "t")
    finally:
        thread.join()
        server.server_close()
    assert result.exit_code == 1
    assert "no admin port" in result.output
