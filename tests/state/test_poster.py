"""Posts over real HTTP and TLS, to receivers that redirect, hang, flood or are not who they say."""

import asyncio
import contextlib

import pytest
from key_server import self_signed
from receiver import Answer, receivers

from extproc.config.snapshot import Secret
from extproc.state.webhooks import Message, Poster


@pytest.fixture
def receiver():
    yield from receivers()


# -- over HTTP


def to(server, path="/hook", login="") -> Message:
    return Message("test", Secret(server.url(path, login)), {"content-type": "application/json"}, b"{}")


async def test_no_redirect_is_followed(receiver):
    other = receiver()
    for status in (301, 302, 303, 307, 308):
        server = receiver(lambda _, status=status: Answer(status, {"Location": other.url()}))
        assert (await Poster()(to(server))).status == status
    assert other.got == []


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path, receiver, monkeypatch):
    context, path = self_signed(tmp_path)
    server = receiver(tls=context)
    url = Secret(server.url().replace("127.0.0.1", "localhost"))
    with pytest.raises(OSError, match=r"CERTIFICATE_VERIFY_FAILED") as raised:
        await Poster()(Message("test", url, {}, b"{}"))
    assert type(raised.value).__name__ == "SSLCertVerificationError"
    assert server.got == []
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    assert (await Poster()(Message("test", url, {}, b"{}"))).status == 200


async def test_a_login_in_the_url_is_sent_as_one(receiver):
    server = receiver()
    await Poster()(to(server, login="ann:p%40ss@"))
    assert server.got[0].headers["authorization"] == "Basic YW5uOnBAc3M="


async def test_the_url_may_be_nothing_but_http(tmp_path):
    file = tmp_path / "file"
    file.write_text("secret")
    with pytest.raises(ValueError, match="not an HTTP URL"):
        await Poster()(Message("test", Secret(f"file://{file}"), {}, b"{}"))


@contextlib.asynccontextmanager
async def answering(head: bytes, endless: bytes, pause: float):
    """A port that sends ``head`` and then the same again and again, until the caller leaves."""
    ended = asyncio.Event()

    async def serve(_, writer):
        with contextlib.suppress(ConnectionError):
            writer.write(head)
            while not ended.is_set():
                writer.write(endless)
                await writer.drain()
                await asyncio.sleep(pause)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1")
    try:
        yield Message("test", Secret(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"), {}, b"{}")
    finally:
        ended.set()
        server.close()
        await asyncio.sleep(0.1)  # for what is served to end


async def test_who_answers_byte_by_byte_is_not_waited_for():
    async with answering(b"HTTP/1.1 200 ", b"x", 0.02) as message:
        with pytest.raises(TimeoutError):
            await Poster(socket_seconds=2.0, whole_seconds=0.2)(message)


async def test_an_endless_body_is_not_read():
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, 0) as message:
        assert (await Poster()(message)).status == 200
