"""Somebody who is told of alerts: a real HTTP server that records what it gets and answers as told."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Got:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Answer:
    """What is answered; ``hold``: not before this is set."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # of the library's 5 the sixth caller waits for seconds


class Receiver:
    """Listens on loopback until closed. ``answer`` is asked for each request, with how many came before it."""

    def __init__(self, answer: Callable[[int], Answer] = lambda _: Answer(), tls: ssl.SSLContext | None = None) -> None:
        self.got: list[Got] = []
        self._answer = answer
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def url(self, path: str = "/hook", login: str = "") -> str:
        """Of this server."""
        return f"{self._scheme}://{login}127.0.0.1:{self._server.server_address[1]}{path}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                with receiver._lock:
                    answer = receiver._answer(len(receiver.got))
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    receiver.got.append(Got(self.path, headers, body))
                if answer.hold is not None:
                    answer.hold.wait(30)
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(b"ok")
                except OSError:
                    return  # the caller has left

            def do_GET(self) -> None:
                receiver.got.append(Got(self.path, {}, b""))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
                return

        return Handler

    def close(self) -> None:
        """Stop listening; requests under way are left to end."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def receivers() -> Iterator[Callable[..., Receiver]]:
    """Makes receivers and closes them in the end: the body of a fixture."""
    made: list[Receiver] = []

    def make(answer: Callable[[int], Answer] = lambda _: Answer(), tls: ssl.SSLContext | None = None) -> Receiver:
        made.append(Receiver(answer, tls))
        return made[-1]

    yield make
    for one in made:
        one.close()
