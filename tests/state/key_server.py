"""A real HTTP server of an identity provider's key set, which does what a test tells it."""

import contextlib
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import OKPAlgorithm

OLD, NEW = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()


def document(**keys):
    return orjson.dumps(
        {"keys": [{**OKPAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid} for kid, key in keys.items()]}
    )


class KeyServer:
    """Answers with what ``status``, ``headers`` and ``body`` say at the moment; ``gate`` holds answers back.

    ``raw`` is sent instead of an HTTP answer; ``drips`` are sent again and again, without end.
    """

    def __init__(self):
        self.status, self.headers, self.body = 200, {}, document(old=OLD)
        self.raw, self.drips = b"", b""
        self.paths = []
        self.arrived = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self.closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.paths.append(self.path)
                outer.arrived.release()
                outer.gate.wait(60)
                with contextlib.suppress(ConnectionError):
                    if outer.raw:
                        self.wfile.write(outer.raw)
                        return
                    self.send_response(outer.status)
                    for name, value in outer.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    while outer.drips and not outer.closing.wait(0.01):
                        self.wfile.write(outer.drips)
                    self.wfile.write(outer.body)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"

    def close(self):
        self.gate.set()
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def self_signed(tmp_path):
    """A server-side TLS context for localhost whose certificate nobody vouches for, and the certificate's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    start = datetime.now(UTC) - timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        certificate.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context, path
