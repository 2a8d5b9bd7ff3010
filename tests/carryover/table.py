"""The document: what becomes of each feature, for each pair. ``python -m tests.carryover`` writes it, a test compares."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import orjson

from extproc.domain.errors import GatewayError
from extproc.translate.pairs import CLIENT_DIALECTS, PROVIDER_DIALECTS
from tests.carryover import calls, limits, marks, media, replies, thoughts, tools, turns, vendor
from tests.carryover.answers import ANSWERS, FINISHES, Said, finish_of, shown
from tests.carryover.counts import USAGE
from tests.carryover.facts import facts_of_answer, facts_of_events
from tests.carryover.run import Outcome, hint_of, outcome
from tests.carryover.shape import Feature
from tests.judges.registry import MODELS, stream_bytes

TESTS = Path(__file__).parents[1]
DOCUMENT = TESTS.parent / "extproc" / "translate" / "CARRYOVER.md"

GROUPS: dict[str, tuple[Feature, ...]] = {
    "turns": turns.TURNS,
    "media": media.MEDIA,
    "tools": (*tools.TOOLS, *calls.CALLS),
    "reasoning": (*replies.REASONING, *thoughts.THOUGHTS),
    "limits and sampling": limits.LIMITS,
    "form of the answer": replies.REPLIES,
    "caches": marks.MARKS,
    "account": vendor.ACCOUNT,
    "the vendor's side": vendor.VENDOR_SIDE,
}
FEATURES = tuple(feature for group in GROUPS.values() for feature in group)

_NONE = "-"

_HEAD = """<!-- Written by `python -m tests.carryover` from the probes in tests/carryover. Edit those; a test compares. -->

# What is carried over

A client of one dialect and a provider of another: what becomes of each thing that the client can ask for, and of each that
the model can answer. Every cell is the outcome of a request that asks for just this, looked for in what the provider gets.

| word | meaning |
|---|---|
| exact | client and provider speak the same dialect: the bytes are kept, and what the provider needs beside them is added |
| mapped | it is there, in the provider's words |
| told | left out, and named in `x-llmgw-dropped`: a hint about how, never about what |
| refused | a 400 that names the field; with `drop_unsupported` left out and named in `x-llmgw-dropped` |
| refused! | a 400 in any case: without it there is no request left |
| hint | left out without a word, for nothing is lost; the note says why |
| - | the client's dialect has no word for it |

What a vendor takes differs by model. The columns are for these:
"""

_ANSWERS = """
## Answers

What a provider's answer says is read into one form, and each client's dialect is written from that: a pair carries what its
provider's column reads and its client's column has. Where both are the same dialect, the bytes are kept.

| word | meaning |
|---|---|
| read | from whole answers and from streams: each is in a golden answer of both kinds |
| mapped | the client gets it, in a whole answer and in a stream |
| - | the dialect has no word for it; or, of a provider, it is the vendor's own affair and left out |
"""

_LEFT_OUT = """
Of several answers clients of Responses and Messages get the first: they cannot ask for more. Audio and images that a model
answers with, the steps of tools that a vendor runs itself, and files in its containers are for clients of that vendor's own
dialect; their fees are counted all the same. Gemini's prompt feedback and safety ratings show as the stop reason.
"""


def document() -> str:
    """The whole of it."""
    notes: dict[str, int] = {}
    lines = [_HEAD.rstrip(), "", "| column | model |", "|---|---|"]
    lines += [f"| {provider} | {MODELS[provider]} |" for provider in PROVIDER_DIALECTS]
    lines += ["", "## Requests"]
    for client in CLIENT_DIALECTS:
        lines += ["", f"### {client}", "", *_requests(client, notes)]
    lines += ["", "### Notes", "", *(f"{number}. {_sentence(reason)}" for reason, number in notes.items())]
    lines += [
        _ANSWERS.rstrip(),
        "",
        *_said("answer", ANSWERS),
        "",
        *_said("tokens, and what is counted like them", USAGE),
    ]
    lines += ["", *_finishes(), _LEFT_OUT.rstrip()]
    return "\n".join(lines) + "\n"


def _requests(client: str, notes: dict[str, int]) -> Iterator[str]:
    yield _row("", *PROVIDER_DIALECTS)
    yield _row(*["---"] * (len(PROVIDER_DIALECTS) + 1))
    for name, features in GROUPS.items():
        known = [feature for feature in features if client in feature.asks]
        if known:
            yield _row(f"**{name}**", *[""] * len(PROVIDER_DIALECTS))
        for feature in known:
            cells = (
                _cell(feature, provider, outcome(feature, client, provider), notes) for provider in PROVIDER_DIALECTS
            )
            yield _row(feature.name, *cells)


def _cell(feature: Feature, provider: str, result: Outcome, notes: dict[str, int]) -> str:
    if result.word == "-":
        return _NONE
    if result.word == "hint":
        number = notes.setdefault(hint_of(feature, provider), len(notes) + 1)
        return f"hint {number}"
    return result.word


def _said(title: str, rows: tuple[Said, ...]) -> Iterator[str]:
    yield _row(
        title, *(f"from {provider}" for provider in PROVIDER_DIALECTS), *(f"to {name}" for name in CLIENT_DIALECTS)
    )
    yield _row(*["---"] * (len(PROVIDER_DIALECTS) + len(CLIENT_DIALECTS) + 1))
    for said in rows:
        read = (_read(said.fact, provider) for provider in PROVIDER_DIALECTS)
        yield _row(said.name, *read, *("mapped" if shown(said, client) else _NONE for client in CLIENT_DIALECTS))


def _finishes() -> Iterator[str]:
    yield _row(
        "end", *(f"from {provider}" for provider in PROVIDER_DIALECTS), *(f"to {name}" for name in CLIENT_DIALECTS)
    )
    yield _row(*["---"] * (len(PROVIDER_DIALECTS) + len(CLIENT_DIALECTS) + 1))
    for reason in FINISHES:
        read = (_read(f"finish {reason}", provider) for provider in PROVIDER_DIALECTS)
        yield _row(reason, *read, *(f"`{finish_of(reason, client)}`" for client in CLIENT_DIALECTS))


def _read(fact: str, provider: str) -> str:
    whole, stream = (fact in facts for facts in facts_read(provider))
    assert whole == stream, (fact, provider, "only in whole answers" if whole else "only in streams")
    return "read" if whole else _NONE


@cache
def facts_read(provider: str) -> tuple[frozenset[str], frozenset[str]]:
    """What the provider's golden answers say, whole ones and streams."""
    dialect = PROVIDER_DIALECTS[provider]
    whole: set[str] = set()
    streamed: set[str] = set()
    for path in (TESTS / "goldens" / "responses" / provider).iterdir():
        if len(path.suffixes) > 1:
            continue
        if path.suffix != ".json":
            reader = dialect.stream_reader()
            frames = (*reader.feed(stream_bytes(path)), *reader.finish())
            streamed |= facts_of_events(event for frame in frames for event in frame.events)
            continue
        try:
            whole |= facts_of_answer(dialect.parse_answer(orjson.loads(path.read_bytes())))
        except GatewayError:
            continue  # an answer that stands for an error
    return frozenset(whole), frozenset(streamed)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |" if any(cells) else ""
