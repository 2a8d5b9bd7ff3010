"""Requests, case by case: what lies in ``tests/goldens/requests`` is what providers get, and the vendors' types take it.

``<client dialect>/<case>.json`` is what a client sends. Beside it, for each provider dialect: ``<case>.<provider>.json``,
the body; or ``.error.json``, what the client is told, with ``.dropped.json``: the body and the fields left out where the
route says ``drop_unsupported``. ``make goldens`` (``LLMGW_REWRITE_GOLDENS=1``) writes them anew.
"""

import os
from pathlib import Path

import orjson
import pytest

from extproc.dialects.base import RenderOptions
from extproc.domain.errors import InvalidRequest
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS, PROVIDER_DIALECTS, Pair
from extproc.translate.request import RequestJob, translate_request
from tests.judges.registry import CHECK_REQUEST, MODELS

FOLDER = Path(__file__).parents[2] / "goldens" / "requests"
REWRITE = os.environ.get("LLMGW_REWRITE_GOLDENS") == "1"

INPUTS = sorted(path for path in FOLDER.glob("*/*.json") if "." not in path.stem)
CASES = [
    pytest.param(path, provider, id=f"{path.parent.name}/{path.stem}>{provider}")
    for path in INPUTS
    for provider in PROVIDER_DIALECTS
]


def pair_of(path: Path, provider: str) -> Pair:
    return PAIRS[path.parent.name, provider]


def translate(path: Path, provider: str, *, drop: bool = False):
    pair = pair_of(path, provider)
    body = path.read_bytes()
    parsed = orjson.loads(body)
    job = RequestJob(
        model=MODELS[provider],
        stream=bool(parsed.get("stream")),
        same_dialect=pair.same,
        options=RenderOptions(drop_unsupported=drop),
    )
    return translate_request(pair.client, pair.provider, body, parsed, job)


def pretty(value) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def outputs(path: Path, provider: str) -> dict[str, bytes]:
    """File suffix → content."""
    try:
        translated = translate(path, provider)
    except InvalidRequest as error:
        told = pretty(pair_of(path, provider).client.render_error(error))
        try:
            dropped = translate(path, provider, drop=True)
        except InvalidRequest:  # what is left would be no request
            return {"error.json": told}
        left = {"dropped": dropped.dropped, "body": orjson.loads(dropped.body)}
        return {"error.json": told, "dropped.json": pretty(left)}
    if pair_of(path, provider).same:
        return {"json": translated.body}
    if translated.dropped:
        return {"json": pretty(orjson.loads(translated.body)), "told.json": pretty(translated.dropped)}
    return {"json": pretty(orjson.loads(translated.body))}


@pytest.mark.parametrize(("path", "provider"), CASES)
def test_golden(path: Path, provider: str):
    there = {
        file.name.removeprefix(f"{path.stem}.{provider}."): file
        for file in path.parent.glob(f"{path.stem}.{provider}.*")
    }
    made = outputs(path, provider)
    if REWRITE:
        for file in there.values():
            file.unlink()
        for suffix, content in made.items():
            (path.parent / f"{path.stem}.{provider}.{suffix}").write_bytes(content)
        return
    assert {suffix: file.read_bytes() for suffix, file in there.items()} == made


@pytest.mark.parametrize(("path", "provider"), CASES)
def test_the_vendors_types_take_it_and_know_every_field(path: Path, provider: str):
    """Only for what we write ourselves: a body in the client's own dialect is the client's affair."""
    if pair_of(path, provider).same:
        return
    asked = orjson.loads(path.read_bytes())
    try:
        translated = translate(path, provider, drop=True)
    except InvalidRequest:
        return  # nothing of it could be left out
    CHECK_REQUEST[provider](orjson.loads(translated.body), stream=bool(asked.get("stream")))


@pytest.mark.parametrize("client", CLIENT_DIALECTS)
def test_there_are_enough_cases(client: str):
    assert sum(path.parent.name == client for path in INPUTS) >= (6 if client == "openai-completions" else 10)


REFUSED_ALIKE = frozenset({"thread_refused"})
"""Refused at providers of the client's own dialect as well."""


@pytest.mark.parametrize(("path", "provider"), CASES)
def test_the_same_dialect_changes_the_model_and_stream_options_only(path: Path, provider: str):
    if not pair_of(path, provider).same:
        return
    if path.stem in REFUSED_ALIKE:
        with pytest.raises(InvalidRequest):
            translate(path, provider)
        return
    before, after = orjson.loads(path.read_bytes()), orjson.loads(translate(path, provider).body)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    foreign = any(
        mark in path.read_bytes()
        for mark in (
            b'"llmgw.',
            b'"bGxtZ3cu',
            b'"thinking_blocks"',
            b'"encrypted_index": ""',
            b'"extra_content"',
            b'"functionCall"',
        )
    )
    sealed = {"input", "messages", "contents"} if foreign else set()
    assert changed <= {"model", "stream_options"} | sealed
    assert after.get("model", MODELS[provider]) == MODELS[provider]


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_nothing_translated_is_changed_by_it(path: Path):
    """Each attempt translates the same parsed body again."""
    body = path.read_bytes()
    parsed = orjson.loads(body)
    for provider in PROVIDER_DIALECTS:
        pair = pair_of(path, provider)
        job = RequestJob("m", stream=False, same_dialect=pair.same, options=RenderOptions(drop_unsupported=True))
        first = attempted(pair, body, parsed, job)
        assert parsed == orjson.loads(body)
        assert attempted(pair, body, parsed, job) == first


def attempted(pair: Pair, body: bytes, parsed, job: RequestJob):
    """The translation, or what is said in its place."""
    try:
        return translate_request(pair.client, pair.provider, body, parsed, job)
    except InvalidRequest as error:
        return error.message


def test_no_golden_is_left_over():
    """Every file is a case or lies beside one."""
    cases = {(path.parent, path.stem) for path in INPUTS}
    assert {(path.parent, path.name.split(".")[0]) for path in FOLDER.glob("*/*")} == cases
