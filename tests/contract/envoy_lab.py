"""A real Envoy with our configuration, between small providers and the scripted service of ``envoy_service``."""

import contextlib
import http.server
import socket
import subprocess
import sysconfig
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import orjson
import yaml
from envoy_service import MODEL, Service

from extproc.config.snapshot import Provider, Snapshot, Telemetry
from extproc.envoyconf.bootstrap import bootstrap
from extproc.envoyconf.placement import Placement

ENVOY = Path(sysconfig.get_path("purelib")) / "envoy" / "_bin" / "envoy"
AUTHORITY = Path(__file__).parent / "envoyconf" / "authority.pem"
"""Trusted in place of the public roots: nobody has its key."""

LIMIT = 8 * 1024 * 1024


class Upstream(http.server.ThreadingHTTPServer):
    """A provider. ``received`` lists (path, headers, body length); ``behaviour`` is answer, silent or stream."""

    daemon_threads = True
    behaviour = "answer"

    def __init__(self, name, tls=None):
        self.name = name
        self.received = []
        self.release = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def reset(self):
        self.received.clear()
        self.behaviour = "answer"
        self.release.set()
        self.release = threading.Event()

    def handle_error(self, request, client_address):
        """Envoy hangs up on silent providers: nothing to print."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = len(self.rfile.read(int(self.headers["content-length"])))
        self.server.received.append((self.path, dict(self.headers), length))
        release = self.server.release
        if self.server.behaviour == "silent":
            release.wait(60)
        self.send_response(200)
        if self.server.behaviour == "stream":
            self.send_header("content-length", "10")
            self.end_headers()
            self.wfile.write(b"begin")
            self.wfile.flush()
            release.wait(60)
            self.wfile.write(b" end.")
        else:
            body = f"{self.server.name} {length}".encode()
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing."""


@dataclass
class Lab:
    """Everything that runs, and how to send a request through it."""

    folder: Path
    services: list
    upstreams: dict
    port: int
    admin_port: int
    more: list = field(default_factory=list)
    """Providers that are always there, beside the upstreams."""
    limit: int = LIMIT

    def bootstrap(self):
        return bootstrap(self.snapshot(), self.placement, render)

    @property
    def placement(self):
        sockets = tuple(service.path for service in self.services)
        log = str(self.folder / "access.log")
        return Placement(
            sockets, self.admin_port, access_log=log, trusted_ca=str(AUTHORITY), xds_dir=str(self.folder / "xds")
        )

    def snapshot(self, names_of_providers=("one", "two", "three")):
        ours = [Provider(name, "openai", self.upstreams[name].url) for name in names_of_providers]
        return Snapshot(
            version="1",
            listen_host="127.0.0.1",
            listen_port=self.port,
            admin_host="127.0.0.1",
            admin_port=9,
            admin_token=None,
            workers=len(self.services),
            max_request_bytes=LIMIT,
            providers={provider.name: provider for provider in (*ours, *self.more)},
            models={"m": MODEL},
            names={"m": "m"},
            keys={},
            telemetry=Telemetry(),
        )

    def post(self, path="/v1/chat/completions", *, content=b"{}", headers=None, **script):
        sent = {"x-script": orjson.dumps(script), **(headers or {})}
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30) as client:
            return client.post(path, content=content, headers=sent)

    @contextlib.contextmanager
    def envoy(self, config):
        path = self.folder / "envoy.yaml"
        path.write_text(yaml.safe_dump(config))
        command = [ENVOY, "-c", path, "--disable-hot-restart", "--concurrency", "1", "--log-level", "error"]
        process = subprocess.Popen([*command, "--file-flush-interval-msec", "20"])
        try:
            wait_until(lambda: self.connects() or process.poll() is not None)
            assert process.poll() is None, "Envoy did not start"
            yield process
        finally:
            process.kill()
            process.wait()

    def connects(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def last_log(self, path):
        """The last line of the access log that is about a path."""
        file = self.folder / "access.log"

        def rows():
            return [row for row in map(orjson.loads, file.read_text().splitlines()) if row["path"] == path]

        wait_until(rows)
        return rows()[-1]


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextlib.contextmanager
def running_lab():
    # A unix socket's path may hold 107 bytes: not below pytest's own long folders.
    with tempfile.TemporaryDirectory(prefix="lab") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "xds").mkdir()
        services = [Service(str(folder / f"w{index}.sock")) for index in range(2)]
        upstreams = {provider: Upstream(provider) for provider in ("one", "two", "three")}
        for service in services:
            stack.callback(service.stop)
        for upstream in upstreams.values():
            stack.callback(upstream.server_close)
            stack.callback(upstream.shutdown)
        # Bound and not listening: it refuses connections, and nobody else can take it meanwhile.
        refusing = stack.enter_context(socket.socket())
        refusing.bind(("127.0.0.1", 0))
        more = [Provider("refuses", "openai", f"http://127.0.0.1:{refusing.getsockname()[1]}")]
        yield Lab(folder, services, upstreams, free_port(), free_port(), more)


def render(shape, error):
    return {"shape": shape, "code": error.code, "message": error.message}
