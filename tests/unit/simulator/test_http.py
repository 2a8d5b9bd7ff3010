"""HTTP as clients and proxies really speak it, and the entry points."""

import asyncio
import base64
import contextlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys

import orjson
import pytest

from extproc.simulator import connection
from extproc.simulator.server import Server, serve

PATH = "/v1/chat/completions"
HI = [{"role": "user", "content": "echo: a b c"}]
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\n"


def body(model: str = "m", **fields) -> dict:
    return {"model": model, "messages": HI, **fields}


async def test_connections_are_kept(raw, message, read, simulator: Server):
    reader, writer = await raw()
    for stream in (False, True, False, True):
        writer.write(message(PATH, body(stream=stream)))
        assert (await read(reader)).end == "complete"
    assert simulator.recorder.open_connections == 1
    writer.close()


async def test_requests_sent_ahead_are_answered_in_order(raw, message, read):
    reader, writer = await raw()
    writer.write(message(PATH, body("m@latency=0.05", stream=True)))
    await asyncio.sleep(0)
    writer.write(message("/v1/models", b"", method="GET"))
    first = await read(reader)
    assert first.data[-1] == "[DONE]"
    assert (await read(reader)).json["object"] == "list"
    writer.close()


async def test_chunked_requests(raw, read, simulator: Server):
    content = b'{"model":"m","messages":[{"role":"user","content":"echo: x"}]}'
    reader, writer = await raw()
    writer.write(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    for start in range(0, len(content), 7):
        part = content[start : start + 7]
        writer.write(b"%x\r\n%b\r\n" % (len(part), part))
        await asyncio.sleep(0)
    writer.write(b"0\r\n\r\n")
    assert (await read(reader)).json["choices"][0]["message"]["content"] == "x"
    assert simulator.recorder.requests[-1].body == content
    writer.close()


async def test_expect_continue(raw, read):
    content = b'{"model":"m","messages":[{"role":"user","content":"echo: x"}]}'
    reader, writer = await raw()
    writer.write(HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(content))
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(content)
    assert (await read(reader)).status == 200
    writer.close()


async def test_bodies_of_many_megabytes(post, simulator: Server):
    content = orjson.dumps(body()) + b" " * (65 * 1024 * 1024)
    assert (await post(PATH, content)).status == 200
    assert simulator.recorder.requests[-1].body_length == len(content)


async def test_large_images(post, simulator: Server):
    url = "data:image/png;base64," + base64.b64encode(bytes(6 * 1024 * 1024)).decode()
    parts = [{"type": "image_url", "image_url": {"url": url}}]
    wire = await post(PATH, {"model": "m", "messages": [{"role": "user", "content": parts}]})
    assert wire.status == 200
    assert simulator.recorder.requests[-1].body_length > 8 * 1024 * 1024


async def test_a_slow_reader_holds_the_stream_back(raw, message, simulator: Server):
    """Memory is bounded: what is not read is not produced."""
    reader, writer = await raw()
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    writer.transport.pause_reading()
    writer.write(message(PATH, body("m@tokens=200000", messages=[{"role": "user", "content": "go"}], stream=True)))
    seen = -1
    async with asyncio.timeout(30):
        while not simulator.recorder.requests or seen != simulator.recorder.requests[-1].events_sent:
            seen = simulator.recorder.requests[-1].events_sent if simulator.recorder.requests else -1
            await asyncio.sleep(0.1)
    assert 0 < seen < 100_000
    writer.transport.resume_reading()
    del reader
    writer.close()


async def test_http_1_0_ends_with_the_connection(raw, read):
    content = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"echo: x"}]}'
    reader, writer = await raw()
    writer.write(HEAD.replace(b"1.1", b"1.0") + b"content-length: %d\r\n\r\n" % len(content) + content)
    everything = await asyncio.wait_for(reader.read(), 30)
    assert b"transfer-encoding" not in everything
    assert everything.endswith(b"data: [DONE]\n\n")
    writer.close()


async def test_close_is_honoured(raw, message):
    reader, writer = await raw()
    writer.write(message(PATH, body(), connection="close"))
    assert b"200 OK" in await asyncio.wait_for(reader.read(), 30)
    writer.close()


async def test_garbage_is_refused(raw):
    reader, writer = await raw()
    writer.write(b"hello?\r\n\r\n")
    assert (await asyncio.wait_for(reader.read(), 30)).startswith(b"HTTP/1.1 400")
    writer.close()


async def test_each_event_is_a_write_of_its_own(simulator: Server, message, until):
    """On a quiet loop a reader sees events one by one, not all at once."""
    reads: list[bytes] = []

    class Reader(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            reads.append(data)

    transport, _ = await asyncio.get_running_loop().create_connection(Reader, "127.0.0.1", simulator.port)
    transport.write(message(PATH, body("m@tokens=20", messages=[{"role": "user", "content": "go"}], stream=True)))
    await until(lambda: b"[DONE]" in b"".join(reads))
    transport.close()
    assert len(reads) >= 10, "client and server share the loop here, so that two events may meet"


async def test_close_drops_connections(message, until):
    server = await serve()
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(message(PATH, body("m@hang=true")))
    await until(lambda: server.recorder.requests)
    await asyncio.wait_for(server.close(), 30)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


@pytest.fixture
def certificate(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command for a certificate")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, *names, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


async def test_tls(certificate, message, read):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = await serve(tls=context)
    trust = ssl.create_default_context(cafile=certificate[0])
    for model, end in (("m", "complete"), ("m@fault=cut,fault_at=2", "reset")):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=trust, server_hostname="localhost")
        writer.write(message(PATH, body(model, stream=True)))
        wire = await read(reader)
        assert (wire.status, wire.end) == (200, end)
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
    await server.close()


async def events_seen_by_a_leaver(port: int, message, read) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(message(PATH, body("slow@fault=stall,fault_at=2", stream=True)))
    await read(reader, 0.05)
    writer.close()
    await asyncio.sleep(0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(message("/sim/stats", b"", method="GET"))
    aborted = (await read(reader)).json["aborted"]
    writer.close()
    assert [one["model"] for one in aborted] == ["slow"]
    return aborted[0]["events_sent"]


@pytest.mark.parametrize("processes", [1, 2])
async def test_run_serves_until_it_is_told_to_stop(message, read, processes):
    program = (
        "from extproc.simulator.server import run\n"
        "if __name__ == '__main__':\n"
        f"    run(processes={processes}, ready=lambda port: print(port, flush=True))\n"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    port = int(await asyncio.wait_for(child.stdout.readline(), 30))
    # Resets, splits and clients that leave: uvloop has a transport of its own.
    for model, end in (("m", "complete"), ("m@fault=cut,fault_at=3", "reset"), ("m@split=5", "complete")):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(message(PATH, body(model, stream=True)))
        wire = await read(reader)
        assert (wire.status, wire.end) == (200, end)
        writer.close()
    if processes == 1:
        assert await events_seen_by_a_leaver(port, message, read) == 2
    child.send_signal(signal.SIGTERM)
    _, errors = await asyncio.wait_for(child.communicate(), 30)
    assert (child.returncode, errors) == (0, b"")


def test_a_taken_port_is_an_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        async def attempt() -> None:
            await serve(port=taken.getsockname()[1])

        with pytest.raises(OSError, match="in use"):
            asyncio.run(attempt())


async def test_bodies_have_a_limit(raw, read, monkeypatch):
    monkeypatch.setattr(connection, "MAX_BODY", 1000)
    reader, writer = await raw()
    writer.write(HEAD + b"content-length: 2000\r\n\r\n" + bytes(2000))
    wire = await read(reader)
    assert (wire.status, wire.headers["connection"]) == (413, "close")
    writer.close()


async def test_requests_sent_ahead_have_a_limit(raw, message, read):
    reader, writer = await raw()
    writer.write(message(PATH, body("m@hang=true")))
    writer.write(message(PATH, body()) * (connection.MAX_WAITING + 1))
    assert (await read(reader)).end in {"reset", "closed"}
    writer.close()


async def test_upgrades_are_refused(raw, read):
    reader, writer = await raw()
    writer.write(b"GET /v1/models HTTP/1.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")
    assert (await read(reader)).status == 501
    writer.close()
