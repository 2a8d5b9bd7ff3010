"""What our readers make of a provider's usage is what genai-prices' own extractors make of it, save what is explained.

Over every format that is registered, and every recorded answer of it, whole and streamed. A difference that ``EXPLAINED``
does not name fails, and so does an explanation that no longer holds.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import orjson
import pytest
from genai_prices.data_snapshot import get_snapshot

from extproc.dialects.base import ProviderDialect
from extproc.domain.answer import UsageSeen
from extproc.domain.errors import ProviderError
from extproc.domain.usage import Usage
from extproc.translate.operations.usage import read_usage
from extproc.translate.pairs import PROVIDER_DIALECTS

FOLDER = Path(__file__).parents[2] / "goldens" / "responses"

JUDGES: Mapping[str, tuple[str, str]] = {
    "openai": ("openai", "chat"),
    "openai-responses": ("openai", "responses"),
    "openai-completions": ("openai", "chat"),
    "anthropic": ("anthropic", "default"),
    "bedrock": ("aws", "default"),
    "gemini": ("google", "default"),
}
"""Format → whose extractor of genai-prices reads it, and which of theirs."""

Difference = Mapping[str, frozenset[str]]
"""Count → the cases in which ours is not theirs."""


def whole(body: dict) -> dict:
    return body


def last_with(name: str) -> Callable[[list[dict]], dict]:
    return lambda events: next((one for one in reversed(events) if one.get(name)), {})


def of_responses(events: list[dict]) -> dict:
    return next((one["response"] for one in reversed(events) if one.get("response", {}).get("usage")), {})


def of_messages(events: list[dict]) -> dict:
    """Anthropic tells the prompt at the start, and totals with the end."""
    usage: dict = {}
    for event in events:
        told = event.get("message", event).get("usage")
        usage |= {name: count for name, count in (told or {}).items() if count is not None}
    return {"usage": usage} if usage else {}


STREAMS: Mapping[str, Callable[[list[dict]], dict]] = {
    "openai": last_with("usage"),
    "openai-completions": last_with("usage"),
    "openai-responses": of_responses,
    "anthropic": of_messages,
    "gemini": last_with("usageMetadata"),
}
"""Where a stream tells its usage, as a whole answer would. Bedrock's are binary, and told by ``metadata`` alone."""


def theirs(provider: str, flavor: str, answer: object) -> dict[str, int]:
    """Only what is there: their extractors raise where nothing is."""
    judge = get_snapshot().find_provider(None, provider, None)
    try:
        _, usage = judge.extract_usage(answer, api_flavor=flavor)
    except ValueError:
        return {}
    return {name: count for name in COUNTS if (count := usage.reported_value(name))}


COUNTS: Mapping[str, Callable[[Usage], int]] = {
    "input_tokens": lambda usage: usage.prompt,
    "cache_read_tokens": lambda usage: usage.cache_read,
    "cache_write_tokens": lambda usage: usage.cache_write,
    "cache_write_1h_tokens": lambda usage: usage.cache_write_1h,
    "cache_audio_read_tokens": lambda usage: usage.audio_cache_read,
    "input_audio_tokens": lambda usage: usage.audio_input,
    "output_tokens": lambda usage: usage.output,
    "output_reasoning_tokens": lambda usage: usage.reasoning,
    "output_audio_tokens": lambda usage: usage.audio_output,
    "web_searches": lambda usage: usage.web_searches,
}
"""Their name of a count → ours."""


def events_of(data: bytes) -> list[dict]:
    found = []
    for line in data.splitlines():
        if line.startswith(b"data:"):
            try:
                event = orjson.loads(line[5:])
            except orjson.JSONDecodeError:
                continue
            found += [event] if isinstance(event, dict) else []
    return found


def read(dialect: ProviderDialect, path: Path) -> Usage:
    if path.suffix == ".json":
        return dialect.parse_answer(orjson.loads(path.read_bytes())).usage
    reader, usage = dialect.stream_reader(), Usage()
    for frame in (*reader.feed(path.read_bytes()), *reader.finish()):
        for event in frame.events:
            if isinstance(event, UsageSeen):
                usage = usage.merged(event.usage)
    return usage


def differences(name: str, dialect: ProviderDialect) -> tuple[Difference, int]:
    """What differs, and how many answers with a usage have been compared."""
    found: dict[str, set[str]] = defaultdict(set)
    compared = 0
    for path in sorted((FOLDER / name).glob("*")):
        if len(path.suffixes) != 1 or (path.suffix != ".json" and (path.suffix != ".sse" or name not in STREAMS)):
            continue
        try:
            ours = read(dialect, path)
            data = path.read_bytes()
            answer = orjson.loads(data) if path.suffix == ".json" else STREAMS[name](events_of(data))
        except (ProviderError, orjson.JSONDecodeError):
            continue
        judged = theirs(*JUDGES[name], answer)
        compared += bool(judged)
        for count, of in COUNTS.items():
            if of(ours) != judged.get(count, 0):
                found[count].add(path.stem)
    return {count: frozenset(cases) for count, cases in found.items()}, compared


EXPLAINED: Mapping[str, Mapping[str, tuple[str, frozenset[str]]]] = {
    "openai-responses": {
        "web_searches": (
            "ours counts what tool_usage.web_search says is billed; theirs reads usage alone",
            frozenset({"web_search", "stream_web_search"}),
        )
    },
    "anthropic": {
        "output_tokens": (
            "ours stops at the line that is broken; the judge is given what comes behind it, too",
            frozenset({"stream_malformed_line"}),
        )
    },
    "gemini": {
        "web_searches": (
            "ours counts the queries of groundingMetadata; theirs reads usageMetadata alone",
            frozenset({"grounded", "stream_grounded"}),
        )
    },
}
"""Format → count → why ours differs, and in which cases."""


@pytest.mark.parametrize("name", PROVIDER_DIALECTS)
def test_usage_is_read_as_genai_prices_reads_it(name):
    found, compared = differences(name, PROVIDER_DIALECTS[name])
    explained = {count: cases for count, (_, cases) in EXPLAINED.get(name, {}).items()}
    assert found == explained
    assert compared >= 5


def test_every_registered_format_has_a_judge():
    assert PROVIDER_DIALECTS.keys() <= JUDGES.keys()


@pytest.mark.parametrize(
    ("provider", "flavor", "answer"),
    [
        ("openai", "embeddings", {"object": "list", "usage": {"prompt_tokens": 8, "total_tokens": 8}}),
        ("azure", "embeddings", {"object": "list", "usage": {"prompt_tokens": 8, "total_tokens": 8}}),
        ("cohere", "embeddings", {"embeddings": {}, "meta": {"billed_units": {"input_tokens": 8}}}),
    ],
)
def test_usage_of_embeddings_is_read_as_genai_prices_reads_it(provider, flavor, answer):
    ours = read_usage(answer)
    assert ours
    assert {name: count for name, of in COUNTS.items() if (count := of(ours))} == theirs(provider, flavor, answer)
