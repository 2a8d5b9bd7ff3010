"""Key sets from real files and a real HTTP server: what is loaded stays, what is gone goes, and nobody waits long."""

import asyncio
import socket
import time

import jwt
import orjson
import pytest
from key_server import NEW, OLD, KeyServer, document, self_signed

from extproc.config.snapshot import JwtIssuer
from extproc.domain.errors import IdentityUnavailable, Unauthenticated
from extproc.domain.keysets import source_problem
from extproc.policy.tokens import TokenVerifier
from extproc.state.jwks import JwksCache, KeysFailed, KeysLoaded, Pace

NOW = 1_800_000_000
SECOND = 1_000_000_000
FAST = Pace(timeout=2.0, early=0.0, first_retry=0.01, wait=2.0)


def issuer(source, **options):
    return JwtIssuer(issuer="https://id.example", jwks=source, algorithms=("EdDSA",), **options)


def token(key, kid):
    return jwt.encode({"iss": "https://id.example", "sub": "ann", "exp": NOW + 600}, key, "EdDSA", {"kid": kid})


@pytest.fixture
def server():
    running = KeyServer()
    yield running
    running.close()


class Watched:
    """A started cache with what its observer was told."""

    def __init__(self, *issuers, pace=FAST):
        self.told = asyncio.Queue()
        self.cache = JwksCache(issuers, self.told.put_nowait, pace)

    async def __aenter__(self):
        await self.cache.start()
        return self

    async def __aexit__(self, *_):
        await self.cache.close()

    async def next(self):
        return await asyncio.wait_for(self.told.get(), 30)

    async def refresh(self, source):
        self.cache.wanted(source)
        return await self.cache.refreshed(source)


async def test_the_first_set_is_there_when_start_returns(server):
    async with Watched(issuer(server.url)) as keys:
        assert keys.cache.loaded(server.url)
        assert [key.kid for key in keys.cache.find(server.url, "old")] == ["old"]
        assert keys.cache.find(server.url, "new") == ()
        assert await keys.next() == KeysLoaded(server.url, ("old",), ())


async def test_a_source_that_nobody_configured_has_nothing(server):
    async with Watched() as keys:
        keys.cache.wanted(server.url)
        assert not await keys.cache.refreshed(server.url)
        assert (keys.cache.find(server.url, None), keys.cache.loaded(server.url)) == ((), False)
    assert server.paths == []


async def test_rotation_a_token_of_a_new_key_is_let_in_by_its_first_request(server):
    async with Watched(issuer(server.url)) as keys:
        check = TokenVerifier([issuer(server.url)], keys.cache)
        assert await check.identify(token(OLD, "old"), NOW * SECOND)
        server.body = document(old=OLD, new=NEW)
        assert (await check.identify(token(NEW, "new"), NOW * SECOND)).name == "jwt:ann"
        assert len(server.paths) == 2
        server.body = document(new=NEW)
        assert await keys.refresh(server.url)
        with pytest.raises(Unauthenticated):
            check.verify(token(OLD, "old"), NOW * SECOND)
        assert check.verify(token(NEW, "new"), NOW * SECOND)


async def test_the_set_is_refreshed_without_being_asked(server):
    async with Watched(issuer(server.url, refresh_seconds=0.02)) as keys:
        await keys.next()
        server.body = document(new=NEW)
        assert await keys.next() == KeysLoaded(server.url, ("new",), ())
        assert keys.cache.find(server.url, "old") == ()


async def test_an_unchanged_set_is_no_new_version(server):
    async with Watched(issuer(server.url)) as keys:
        assert not await keys.refresh(server.url)
        assert len(server.paths) == 2
        assert keys.cache.version(server.url) == 1


async def test_made_up_kids_ask_the_provider_only_now_and_then(server):
    async with Watched(issuer(server.url), pace=Pace(early=600.0)) as keys:
        check = TokenVerifier([issuer(server.url)], keys.cache)
        for number in range(50):
            with pytest.raises(Unauthenticated):
                await check.identify(token(NEW, f"made-up-{number}"), NOW * SECOND)
        assert len(server.paths) == 2


async def test_many_requests_with_a_new_key_share_one_refresh(server):
    async with Watched(issuer(server.url)) as keys:
        check = TokenVerifier([issuer(server.url)], keys.cache)
        server.body = document(new=NEW)
        await asyncio.gather(*(check.identify(token(NEW, "new"), NOW * SECOND) for _ in range(20)))
        assert len(server.paths) == 2


async def test_a_provider_that_hangs_holds_a_request_no_longer_than_the_wait(server):
    async with Watched(issuer(server.url), pace=Pace(early=0.0, wait=0.05)) as keys:
        check = TokenVerifier([issuer(server.url)], keys.cache)
        server.gate.clear()
        with pytest.raises(Unauthenticated):
            await asyncio.wait_for(check.identify(token(NEW, "new"), NOW * SECOND), 30.0)
        assert await asyncio.wait_for(check.identify(token(OLD, "old"), NOW * SECOND), 30.0)
        server.gate.set()


async def test_a_provider_that_hangs_does_not_hold_up_the_start(server):
    server.gate.clear()
    async with asyncio.timeout(30.0):
        watched = Watched(issuer(server.url), pace=Pace(wait=0.05))
        await watched.cache.start()
    assert not watched.cache.loaded(server.url)
    server.gate.set()
    assert isinstance(await watched.next(), KeysLoaded)
    await watched.cache.close()


async def test_the_last_good_set_stays_while_the_provider_is_down(server):
    async with Watched(issuer(server.url)) as keys:
        await keys.next()
        check = TokenVerifier([issuer(server.url)], keys.cache)
        server.status, server.body = 500, b"oops"
        assert not await keys.refresh(server.url)
        failed = await keys.next()
        assert failed == KeysFailed(server.url, "it answers 500", 1, stale=True)
        assert await check.identify(token(OLD, "old"), NOW * SECOND)
        server.status, server.body = 200, document(new=NEW)
        while isinstance(event := await keys.next(), KeysFailed):
            pass
        assert event == KeysLoaded(server.url, ("new",), ())


async def test_never_loaded_is_a_503_and_mends_itself():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/keys"
    async with Watched(issuer(url)) as keys:
        with pytest.raises(IdentityUnavailable):
            await TokenVerifier([issuer(url)], keys.cache).identify(token(OLD, "old"), NOW * SECOND)
        first, second = await keys.next(), await keys.next()
        assert (first.failures, second.failures, first.stale) == (1, 2, False)
        assert "cannot be reached" in first.problem
        assert not await keys.cache.refreshed(url)


async def test_a_failing_source_keeps_to_its_back_off_whoever_asks(server):
    server.status = 503
    async with Watched(issuer(server.url), pace=Pace(early=0.0, first_retry=600.0)) as keys:
        await keys.next()
        for _ in range(10):
            assert not await keys.refresh(server.url)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(keys.told.get(), 0.1)
    assert len(server.paths) == 1


async def test_nobody_waits_for_a_source_whose_last_try_failed(server):
    server.status = 503
    async with Watched(issuer(server.url), pace=Pace(first_retry=0.01, wait=3600.0)) as keys:
        await keys.next()
        server.gate.clear()
        for _ in range(2):
            assert await asyncio.to_thread(server.arrived.acquire, timeout=30.0)
        async with asyncio.timeout(30.0):
            assert not await keys.cache.refreshed(server.url)
        server.gate.set()


async def test_tries_of_a_failing_source_become_rarer(server):
    server.status = 503
    began = time.monotonic()
    async with Watched(issuer(server.url), pace=Pace(first_retry=0.02)) as keys:
        for _ in range(5):
            await keys.next()
    assert time.monotonic() - began >= 0.02 + 0.04 + 0.08 + 0.16
    assert len(server.paths) in {5, 6}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"<html>Sign in</html>", "not JSON"),
        (b"[]", "not a key set"),
        (b"{}", "not a key set"),
        (b'{"keys": {"a": 1}}', "not a key set"),
        (b"[" * 100_000, "not JSON"),
        (b'{"keys": [' + b"{}," * 200 + b"{}]}", "201 keys"),
        (b" " * (256 * 1024 + 1), "larger than"),
        (document(old=OLD)[:-5], "not JSON"),
    ],
)
async def test_garbage_is_no_key_set_and_changes_nothing(server, body, says):
    async with Watched(issuer(server.url)) as keys:
        await keys.next()
        server.body = body
        await keys.refresh(server.url)
        assert says in (await keys.next()).problem
        assert keys.cache.find(server.url, "old")


async def test_unusable_keys_are_skipped_and_said(server):
    good = orjson.loads(document(old=OLD))["keys"]
    server.body = orjson.dumps({"keys": ["text", {"kty": "oct", "k": "AAAA"}, {"kty": "EC", "crv": "P-256"}, *good]})
    async with Watched(issuer(server.url)) as keys:
        event = await keys.next()
    assert event.kids == ("old",)
    assert [reason.partition(" ")[0] for reason in event.skipped] == ["keys[0]", "keys[1]", "keys[2]"]
    assert "AAAA" not in repr(event)


async def test_an_emptied_set_withdraws_all_keys(server):
    async with Watched(issuer(server.url)) as keys:
        server.body = b'{"keys": []}'
        assert await keys.refresh(server.url)
        assert keys.cache.loaded(server.url)
        assert keys.cache.find(server.url, None) == ()


async def test_a_redirect_is_followed_at_the_same_host_only(server):
    server.status, server.headers = 302, {"Location": "http://localhost:1/keys"}
    async with Watched(issuer(server.url)) as keys:
        assert (await keys.next()).problem == "it redirects to another host"
    server.headers = {"Location": f"{server.url}?moved"}
    async with Watched(issuer(server.url)) as keys:
        assert "302" in (await keys.next()).problem
    assert f"{server.url}?moved".endswith(server.paths[-1])


async def test_a_document_that_drips_is_given_up(server):
    server.drips = b" "
    async with Watched(issuer(server.url), pace=Pace(timeout=0.2, wait=0.01)) as keys:
        assert (await keys.next()).problem == "it takes too long to send"


async def test_a_document_without_end_is_cut_at_its_limit(server):
    server.drips = b" " * 65536
    async with Watched(issuer(server.url), pace=Pace(timeout=30.0, wait=0.01)) as keys:
        assert "larger than" in (await keys.next()).problem


async def test_an_answer_that_is_not_http_is_a_failure(server):
    server.raw = b"SSH-2.0-OpenSSH\r\n"
    async with Watched(issuer(server.url)) as keys:
        assert (await keys.next()).problem == "it cannot be read: BadStatusLine"


async def test_the_certificate_of_the_provider_is_checked(server, tmp_path, monkeypatch):
    context, path = self_signed(tmp_path)
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    url = server.url.replace("http://127.0.0.1", "https://localhost")
    async with Watched(issuer(url)) as keys:
        assert "certificate verify failed" in (await keys.next()).problem
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    async with Watched(issuer(url)) as keys:
        assert await keys.next() == KeysLoaded(url, ("old",), ())
    other_name = url.replace("localhost", "127.0.0.1")
    async with Watched(issuer(other_name)) as keys:
        assert "IP address mismatch" in (await keys.next()).problem


async def test_a_file_is_read_again(tmp_path):
    path = tmp_path / "keys.json"
    source = f"file:{path}"
    path.write_bytes(document(old=OLD))
    async with Watched(issuer(source)) as keys:
        assert keys.cache.find(source, "old")
        path.write_bytes(document(new=NEW))
        assert await keys.refresh(source)
        assert keys.cache.find(source, "new")
        assert not keys.cache.find(source, "old")
        path.unlink()
        await keys.next()
        await keys.next()
        assert not await keys.refresh(source)
        assert (await keys.next()).problem == "it cannot be read: No such file or directory"
        assert keys.cache.find(source, "new")


async def test_issuers_with_one_source_share_it(server):
    async with Watched(issuer(server.url), issuer(server.url, refresh_seconds=600.0)) as keys:
        assert keys.cache.loaded(server.url)
    assert len(server.paths) == 1


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("https://id.example/keys", None),
        ("https://id.example:8443/keys?x=1", None),
        ("http://localhost:8080/keys", None),
        ("http://[::1]/keys", None),
        ("file:keys.json", None),
        ("file:", "names no file"),
        ("http://id.example/keys", "must be https"),
        ("http://127.0.0.1.evil.example/keys", "must be https"),
        ("ftp://id.example/keys", "file:path"),
        ("keys.json", "file:path"),
        ("", "file:path"),
        ("https://", "file:path"),
        ("https://ann:secret@id.example/keys", "password"),
        ("https://id.example:port/keys", "not a URL"),
        ("https://[::1/keys", "not a URL"),
    ],
)
def test_which_sources_can_be(source, says):
    problem = source_problem(source)
    assert problem is None if says is None else says in problem


async def test_an_impossible_source_is_a_failure_and_is_not_contacted():
    async with Watched(issuer("http://id.example/keys")) as keys:
        assert "must be https" in (await keys.next()).problem


async def test_a_crash_of_the_refresh_is_told_and_holds_nobody_up(server, monkeypatch):
    def crash(document):
        raise RuntimeError(document)

    monkeypatch.setattr("extproc.state.jwks.parse_key_set", crash)
    async with Watched(issuer(server.url)) as keys:
        event = await keys.next()
        assert "crashed (RuntimeError)" in event.problem
        assert not event.stale
        assert not await keys.cache.refreshed(server.url)
