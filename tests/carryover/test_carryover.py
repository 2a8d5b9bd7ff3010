"""The table of what is carried over says what the code does, and nothing vanishes without a word."""

from itertools import product

import orjson
import pytest

from extproc.domain.errors import InvalidRequest
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS, PROVIDER_DIALECTS
from tests.carryover.answers import ANSWERS, PLAIN, shown, stream_of, whole_of
from tests.carryover.counts import USAGE
from tests.carryover.fields import PUBLISHED, asked_fields, asked_shapes, golden_shapes
from tests.carryover.run import Lost, outcome, request_of, send
from tests.carryover.shape import BASE, Feature, found
from tests.carryover.shape import USAGE as USAGE_SHOWN
from tests.carryover.table import DOCUMENT, FEATURES, document
from tests.judges.registry import CHECK_REQUEST

OTHERS = [pair for pair in product(CLIENT_DIALECTS, PROVIDER_DIALECTS) if not PAIRS[pair].same]


def test_the_document_says_what_the_code_does():
    """``python -m tests.carryover`` writes it anew."""
    assert DOCUMENT.read_text() == document()


@pytest.mark.parametrize("client", CLIENT_DIALECTS)
def test_every_published_field_is_asked_for(client: str):
    asked = set().union(*(asked_fields(feature, client) for feature in FEATURES))
    assert PUBLISHED[client] - {"model"} <= asked


@pytest.mark.parametrize("client", CLIENT_DIALECTS)
def test_every_field_of_the_table_is_in_a_golden_request(client: str):
    there = golden_shapes(client)
    missing = {
        feature.name: lacking
        for feature in FEATURES
        if client in feature.asks and (lacking := asked_shapes(feature, client) - there)
    }
    assert not missing


@pytest.mark.parametrize("provider", PROVIDER_DIALECTS)
def test_evidence_is_not_there_unless_it_is_asked_for(provider: str):
    client = next(name for name, other in OTHERS if other == provider and name != "openai-completions")
    plain = orjson.loads(send(client, provider, BASE[client]).body)
    for feature in FEATURES:
        listed = feature.shows.get(provider, ())
        evidence = [each for each in ([listed] if isinstance(listed, str) else listed) if each[0] not in "!@"]
        assert not evidence or not all(found(plain, each) for each in evidence), feature.name


def test_all_evidence_is_seen():
    """Each line of evidence is of some pair that carries the feature: else it is wrong, or stale."""
    unseen = [
        (feature.name, provider)
        for feature in FEATURES
        for provider in feature.shows
        if not any(
            not PAIRS[client, provider].same and outcome(feature, client, provider).word == "mapped"
            for client in feature.asks
        )
    ]
    assert not unseen


def test_all_reasons_are_needed():
    """A reason why a feature may vanish stands for one that does."""
    idle = [
        (feature.name, provider)
        for feature in FEATURES
        for provider in feature.hints
        if not any(
            outcome(feature, client, each).word == "hint"
            for client in feature.asks
            for each in (PROVIDER_DIALECTS if provider == "*" else (provider,))
        )
    ]
    assert not idle


@pytest.mark.parametrize(("client", "provider"), OTHERS)
def test_the_vendors_types_take_what_is_rendered(client: str, provider: str):
    for feature in FEATURES:
        if client not in feature.asks:
            continue
        asked = request_of(feature, client)
        try:
            sent = send(client, provider, asked, drop=True)
        except InvalidRequest:
            continue  # what is left would be no request
        CHECK_REQUEST[provider](orjson.loads(sent.body), stream=bool(asked.get("stream")))


def test_a_feature_that_vanishes_is_found():
    """The judge of this table works: evidence that is not there, and no reason, is a loss."""
    lost = Feature("x", {"openai-chat": {"temperature": 0.7}}, {"anthropic": "temperature = 0.6"})
    with pytest.raises(Lost):
        outcome(lost, "openai-chat", "anthropic")
    assert outcome(lost, "gemini", "anthropic").word == "-"


@pytest.mark.parametrize("said", [*ANSWERS, *USAGE], ids=lambda said: said.name)
def test_answers_show_what_they_say(said):
    for client in CLIENT_DIALECTS:
        assert shown(said, client) == (client in said.shows), client


def test_evidence_of_answers_is_not_there_unless_it_is_said():
    for said in (*ANSWERS, *USAGE):
        for client, evidence in said.shows.items():
            both = found(whole_of(PLAIN, client), evidence) or found(stream_of(PLAIN, client), evidence)
            assert not both, (said.name, client)


@pytest.mark.parametrize(
    ("evidence", "is_there"),
    [
        ("a.0.b = 1", True),
        ("a.*.b = 1", True),
        ("**.b = 1", True),
        ("a.1.b = 1", False),
        ("a.0.b = true", False),
        ('a.0 = {"b":1}', True),
        ("c ~ ext", True),
        ("c ~ 1", False),
        ("c", True),
        ("d", False),
        ("e.f", False),
        ("!e", True),
        ("!c", False),
    ],
)
def test_evidence_is_read(evidence: str, is_there: bool):  # noqa: FBT001 -- a table's column
    assert found({"a": [{"b": 1}], "c": "text", "d": None}, evidence) == is_there


def test_usage_in_the_stream_is_seen_where_it_is_asked_for_only():
    (feature,) = (each for each in FEATURES if each.shows.get("anthropic") == USAGE_SHOWN)
    without = {**request_of(feature, "openai-chat"), "stream_options": {}}
    assert send("openai-chat", "anthropic", request_of(feature, "openai-chat")).include_usage
    assert not send("openai-chat", "anthropic", without).include_usage
