"""The keeper: when it fetches, what it serves meanwhile, and what it tells."""

import asyncio
import threading

import orjson
import pytest

from extproc.config.load import load_text
from extproc.config.snapshot import Secret
from extproc.credentials.fakes import FakeSource
from extproc.credentials.fetched import Fetched
from extproc.credentials.keeper import CredentialFailed, CredentialFetched, CredentialKeeper, Pace
from extproc.credentials.optional import CredentialError, load
from extproc.credentials.sources import Account, open_source
from extproc.providers.credential import ApiKey, Bearer
from extproc.providers.request import address, sign
from extproc.providers.sigv4 import AwsKeys
from extproc.providers.wire import Ask, wire_for

FIRST, SECOND = Bearer(Secret("first")), Bearer(Secret("second"))
DOWN = CredentialError("the cloud is away")
QUICK = Pace(timeout=5, start=5, least=0.001, longest=0.002, early=10)


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self):
        self.seconds = 1_000_000
        self.passed = 0.0

    def now_ns(self):
        return self.seconds * 1_000_000_000

    def monotonic(self):
        return self.passed


def snapshot(**providers):
    lines = "".join(f"  {name.replace('_', '-')}: {text}\n" for name, text in providers.items())
    target = next(iter(providers)).replace("_", "-")
    text = f"providers:\n{lines}models:\n  m: {{targets: [{{provider: {target}}}]}}\n"
    return load_text(text, source="gateway.yaml", env={})


VERTEX = "{dialect: vertex-gemini, project: p, location: global, auth: gcp}"
BEDROCK = "{dialect: bedrock, region: us-east-1, auth: aws}"


class World:
    """A keeper with one provider of each given text, and the fake sources behind them."""

    def __init__(self, answers, pace=QUICK, **providers):
        self.clock = Clock()
        self.told = []
        self.news = asyncio.Event()
        self.opened = {}
        self._answers = answers
        self.keeper = CredentialKeeper(
            snapshot(**(providers or {"p": VERTEX})), self._tell, self.clock, opened=self._open, pace=pace
        )

    def _open(self, account):
        assert account not in self.opened
        self.opened[account] = FakeSource(self._answers)
        return self.opened[account]

    def _tell(self, event):
        self.told.append(event)
        self.news.set()

    async def until(self, count):
        async with asyncio.timeout(30):
            while len(self.told) < count:
                self.news.clear()
                await self.news.wait()

    async def asked(self, count):
        async with asyncio.timeout(30):
            while self.source.asked < count:  # noqa: ASYNC110 - it is counted in a thread, which sets no event
                await asyncio.sleep(0)

    def account(self, name):
        provider = snapshot(a=VERTEX, b=BEDROCK).providers[name]
        return Account(provider.login, provider.region)

    @property
    def source(self):
        (only,) = self.opened.values()
        return only


@pytest.fixture
async def world():
    made = []

    def make(answers, pace=QUICK, **providers):
        made.append(World(answers, pace, **providers))
        return made[-1]

    yield make
    for one in made:
        await one.keeper.close()


def ends(clock, seconds):
    return clock.seconds + seconds


async def test_what_stands_in_the_configuration_is_served_without_a_start(world):
    here = world(
        [DOWN],
        key="{api_key: sk-1}",
        nothing="{base_url: http://vllm:8000/v1}",
        token="{dialect: vertex-gemini, project: p, location: global, auth: {gcp: {access_token: t}}}",
        keys="{dialect: bedrock, region: r, auth: {aws: {access_key_id: i, secret_access_key: s}}}",
    )
    assert here.opened == {}
    await here.keeper.start()
    assert here.keeper.current("key") == ApiKey(Secret("sk-1"))
    assert here.keeper.current("token") == Bearer(Secret("t"))
    assert here.keeper.current("keys") == AwsKeys("i", Secret("s"))
    assert here.keeper.current("nothing") is None
    assert here.keeper.current("unknown") is None


async def test_what_is_to_be_fetched_is_there_when_the_start_returns(world):
    here = world([Fetched(FIRST, 1_003_600)])
    assert here.keeper.current("p") is None
    await here.keeper.start()
    assert here.keeper.current("p") == FIRST
    assert here.told == [CredentialFetched(("p",), 1_003_600)]


async def test_a_credential_is_served_to_its_end_and_not_beyond(world):
    here = world([Fetched(FIRST, 1_003_600)])
    await here.keeper.start()
    here.clock.seconds = 1_003_599
    assert here.keeper.current("p") == FIRST
    here.clock.seconds = 1_003_600
    assert here.keeper.current("p") is None


async def test_a_credential_is_refreshed_ahead_of_its_end(world):
    """A tenth of a second's life, by a clock that stands still: it is fetched anew while it is still good."""
    here = world([Fetched(FIRST, 1_000_000.1), Fetched(SECOND, 1_003_600)])
    await here.keeper.start()
    await here.until(2)
    assert here.keeper.current("p") == SECOND
    assert here.clock.seconds == 1_000_000


async def test_one_without_an_end_is_looked_up_again(world):
    here = world([Fetched(FIRST, None), Fetched(SECOND, None)], Pace(unending=0.01, least=0.001))
    await here.keeper.start()
    await here.until(2)
    assert here.keeper.current("p") == SECOND


async def test_the_same_one_again_is_no_news(world):
    here = world([Fetched(FIRST, None)], Pace(unending=0.001, least=0.001))
    await here.keeper.start()
    await here.asked(5)
    assert len(here.told) == 1


async def test_a_failure_is_told_and_tried_again_and_the_start_does_not_wait_for_it(world):
    here = world([DOWN, DOWN, Fetched(FIRST, 1_003_600)])
    await here.keeper.start()
    assert here.keeper.current("p") is None
    await here.until(3)
    assert here.told == [
        CredentialFailed(("p",), "the cloud is away", 1, stale=False),
        CredentialFailed(("p",), "the cloud is away", 2, stale=False),
        CredentialFetched(("p",), 1_003_600),
    ]
    assert here.keeper.current("p") == FIRST


async def test_a_credential_is_served_while_its_source_fails(world):
    here = world([Fetched(FIRST, 1_003_600), DOWN])
    await here.keeper.start()
    here.keeper.refused("p")
    await here.until(3)
    assert [event.stale for event in here.told[1:]][:2] == [True, True]
    assert here.keeper.current("p") == FIRST
    here.clock.seconds = 1_003_600
    known = len(here.told)
    await here.until(known + 2)
    assert here.told[-1].stale is False
    assert here.keeper.current("p") is None


async def test_whatever_a_library_raises_does_not_end_the_refreshing_and_is_not_quoted(world):
    here = world([KeyError("sk-secret"), Fetched(FIRST, None)])
    await here.keeper.start()
    await here.until(2)
    assert here.told[0] == CredentialFailed(("p",), "unexpected KeyError", 1, stale=False)
    assert here.keeper.current("p") == FIRST


async def test_what_has_expired_on_arrival_is_no_credential(world):
    here = world([Fetched(FIRST, 1_000_000)])
    await here.keeper.start()
    assert here.keeper.current("p") is None
    assert "expired already" in here.told[0].problem


async def test_a_refusal_of_the_provider_fetches_anew_but_not_again_and_again(world):
    here = world([Fetched(FIRST, 1_003_600), Fetched(SECOND, 1_003_601)])
    await here.keeper.start()
    here.keeper.refused("p")
    await here.until(2)
    assert here.keeper.current("p") == SECOND
    for _ in range(100):
        here.keeper.refused("p")
        await asyncio.sleep(0)
    assert here.source.asked == 2
    here.clock.seconds -= 3600  # set back, which is no time that has passed
    here.clock.passed += 10
    here.keeper.refused("p")
    await here.asked(3)


async def test_a_machine_that_slept_fetches_anew_with_the_first_request(world):
    """Its timers have not run meanwhile."""
    here = world([Fetched(FIRST, 1_003_600), Fetched(SECOND, 1_010_000)])
    await here.keeper.start()
    here.clock.seconds += 7200
    assert here.keeper.current("p") is None
    await here.until(2)
    assert here.keeper.current("p") == SECOND


async def test_a_refusal_of_what_is_static_or_unknown_does_nothing(world):
    here = world([DOWN], key="{api_key: sk-1}")
    await here.keeper.start()
    here.keeper.refused("key")
    here.keeper.refused("unknown")
    assert here.told == []


async def test_providers_of_one_account_share_its_credential(world):
    here = world([Fetched(FIRST, 1_003_600)], one=VERTEX, two=VERTEX, other=BEDROCK)
    await here.keeper.start()
    assert len(here.opened) == 2
    assert here.keeper.current("one") is here.keeper.current("two")
    assert CredentialFetched(("one", "two"), 1_003_600) in here.told


async def test_a_source_that_does_not_answer_holds_up_the_start_for_a_while_only(world):
    here = world([DOWN], Pace(timeout=0.02, start=5, least=60))
    gate = threading.Event()
    here.source.fetch = gate.wait
    await here.keeper.start()
    assert here.told == [CredentialFailed(("p",), "it takes longer than 0.02 seconds", 1, stale=False)]
    gate.set()


class Hanging:
    """A source that answers when the gate opens."""

    def __init__(self, answer):
        self.answer = answer
        self.gate = threading.Event()
        self.asked = 0

    def fetch(self):
        self.asked += 1
        self.gate.wait(60)
        return self.answer


async def test_a_source_that_hangs_is_not_asked_again_and_starves_no_other(world):
    """However often the one is tried: it has its thread, and the others theirs."""
    here = world([Fetched(FIRST, None)], Pace(timeout=0.01, start=5, least=0.001, longest=0.002), a=VERTEX, b=BEDROCK)
    hanging = Hanging(Fetched(SECOND, 1_003_600))
    here.opened[here.account("a")].fetch = hanging.fetch
    await here.keeper.start()
    await here.until(12)
    assert hanging.asked == 1
    assert {event.providers for event in here.told if isinstance(event, CredentialFailed)} == {("a",)}
    assert here.keeper.current("b") == FIRST
    other = here.opened[here.account("b")]
    before = other.asked
    here.clock.seconds += 60
    here.keeper.refused("b")
    async with asyncio.timeout(30):
        while other.asked == before:  # noqa: ASYNC110 - it is counted in a thread, which sets no event
            await asyncio.sleep(0)
    hanging.gate.set()


async def test_what_comes_late_is_taken_when_it_comes(world):
    here = world([DOWN], Pace(timeout=0.01, start=5, least=3600, longest=3600))
    hanging = Hanging(Fetched(FIRST, 1_003_600))
    here.source.fetch = hanging.fetch
    await here.keeper.start()
    assert here.keeper.current("p") is None
    hanging.gate.set()
    await here.until(2)
    assert here.keeper.current("p") == FIRST
    assert hanging.asked == 1


async def test_a_fetch_under_way_does_not_hold_up_the_close():
    here = World([DOWN], Pace(timeout=60, start=0.01))
    hanging = Hanging(Fetched(FIRST, None))
    here.source.fetch = hanging.fetch
    await here.keeper.start()
    await here.keeper.close()
    hanging.gate.set()
    assert here.told == []


async def test_the_start_ends_in_time_even_where_a_fetch_may_take_longer(world):
    here = world([DOWN], Pace(timeout=60, start=0.02))
    gate = threading.Event()
    here.source.fetch = gate.wait
    await here.keeper.start()
    assert here.told == []
    gate.set()


async def test_after_the_close_nothing_is_fetched_any_more():
    here = World([Fetched(FIRST, None)], Pace(unending=0.001, least=0.001))
    await here.keeper.start()
    await here.keeper.close()
    asked = here.source.asked
    await asyncio.sleep(0.01)
    assert here.source.asked <= asked + 1


async def test_from_the_configuration_to_a_signed_request_with_real_parts(monkeypatch, cloud):
    """A pod's credentials, as EKS Pod Identity serves them, on a request to Bedrock."""
    keys = {"AccessKeyId": "ASIAPOD", "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}
    cloud.routes["/v1/credentials"] = (200, {}, orjson.dumps(keys))
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{cloud.url}/v1/credentials")
    told = []
    config = snapshot(p=BEDROCK)
    keeper = CredentialKeeper(config, told.append, Clock())
    await keeper.start()
    await keeper.close()
    credential, provider = keeper.current("p"), config.providers["p"]
    assert isinstance(credential, AwsKeys)
    assert [event.expires_at for event in told] == [4_070_908_800]
    wire = wire_for(provider, None, "openai-chat")
    addressed = address(provider, wire, Ask("chat", "m"), client_headers={}, present={}, credential=credential)
    headers = dict(sign(provider, addressed, b"{}", credential, 1_700_000_000).set_headers)
    assert "Credential=ASIAPOD/20231114/us-east-1/bedrock/aws4_request" in headers["authorization"]
    assert headers["x-amz-security-token"] == "t"


def test_no_event_and_nothing_fetched_shows_a_secret():
    shown = repr([CredentialFetched(("p",), 1.0), Fetched(FIRST, 1.0)])
    assert "first" not in shown


def test_a_missing_library_is_named_with_the_mend():
    with pytest.raises(CredentialError, match=r'pip install "envoy-llm-gateway\[aws\]"'):
        load("botocore_that_is_not_there", "aws")


@pytest.mark.parametrize(
    "text", [VERTEX, BEDROCK, "{dialect: azure-openai, base_url: https://a.openai.azure.com, auth: azure}"]
)
def test_every_login_has_a_source(text):
    provider = snapshot(p=text).providers["p"]
    assert open_source(Account(provider.login, provider.region)).fetch
