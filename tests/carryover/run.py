"""What becomes of a probe, for a client dialect and a provider's format."""

from dataclasses import dataclass

import orjson

from extproc.dialects.base import RenderOptions
from extproc.domain.errors import InvalidRequest, UnsupportedFeature
from extproc.translate.pairs import PAIRS
from extproc.translate.request import RequestJob, TranslatedRequest, translate_request
from tests.carryover.shape import BASE, USAGE, Feature, found
from tests.judges.registry import MODELS


@dataclass(frozen=True)
class Outcome:
    """``word`` as the table has it. ``named``: the fields that a refusal or the warning header names."""

    word: str
    named: tuple[str, ...] = ()


class Lost(AssertionError):
    """A feature vanishes and nobody is told: a bug."""


def request_of(feature: Feature, client: str) -> dict:
    return {**BASE[client], **feature.asks[client]}


def outcome(feature: Feature, client: str, provider: str) -> Outcome:
    """What becomes of it. Raises ``Lost``."""
    if client not in feature.asks:
        return Outcome("-")
    body = request_of(feature, client)
    try:
        sent = send(client, provider, body)
    except InvalidRequest as error:
        return _refused(client, provider, body, error)
    if PAIRS[client, provider].same:
        return _passed_on(feature, body, sent, provider)
    shown = _shows(feature, provider, sent)
    if sent.dropped:
        return Outcome("told" if not shown else "mapped", sent.dropped)
    if shown:
        return Outcome("mapped")
    if provider not in feature.hints and "*" not in feature.hints:
        raise Lost(f"{feature.name}: {client} > {provider}: {sent.body.decode()}")
    return Outcome("hint")


def hint_of(feature: Feature, provider: str) -> str:
    """Why nothing is lost."""
    return feature.hints.get(provider) or feature.hints["*"]


def send(client: str, provider: str, body: dict, *, drop: bool = False) -> TranslatedRequest:
    pair = PAIRS[client, provider]
    job = RequestJob(
        model=MODELS[provider],
        stream=bool(body.get("stream")),
        same_dialect=pair.same,
        options=RenderOptions(drop_unsupported=drop),
    )
    return translate_request(pair.client, pair.provider, orjson.dumps(body), body, job)


def _passed_on(feature: Feature, body: dict, sent: TranslatedRequest, provider: str) -> Outcome:
    after = orjson.loads(sent.body)
    if all(_keeps(value, after.get(name)) for name, value in body.items() if name != "model"):
        return Outcome("exact")
    if provider not in feature.hints and "*" not in feature.hints:
        raise Lost(f"{feature.name}: {provider}: {sent.body.decode()}")
    return Outcome("hint")


def _keeps(before, after) -> bool:
    """Whether all that was there is there; a provider may need something more (usage in a stream, a sign on a call)."""
    if isinstance(before, dict) and isinstance(after, dict):
        return all(_keeps(value, after.get(name)) for name, value in before.items())
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_keeps, before, after))
    return before == after


def _refused(client: str, provider: str, body: dict, error: InvalidRequest) -> Outcome:
    assert isinstance(error, UnsupportedFeature), (client, provider, error.message)
    assert error.param is not None
    try:
        dropped = send(client, provider, body, drop=True).dropped
    except UnsupportedFeature:
        return Outcome("refused!", (error.param,))
    assert error.param in dropped
    return Outcome("refused", dropped)


def _shows(feature: Feature, provider: str, sent: TranslatedRequest) -> bool:
    evidence = feature.shows.get(provider)
    if evidence is None:
        return False
    listed = (evidence,) if isinstance(evidence, str) else evidence
    body = orjson.loads(sent.body)
    return all(sent.include_usage if each == USAGE else found(body, each) for each in listed)
