"""A cut answer is told from what was delivered; the simulator, which knows the truth, is the judge."""

import random

import orjson
import pytest

from extproc.accounting.bounds import prompt_bound
from extproc.accounting.estimate import UNLEARNT, Delivered, Ratio, Ratios, estimate_usage, prompt_bytes
from extproc.dialects.anthropic.dialect import AnthropicProvider
from extproc.dialects.openai_chat.dialect import OpenAIProvider
from extproc.domain.usage import Usage
from extproc.simulator.app import answer
from extproc.simulator.call import World
from extproc.simulator.wire import Request, Stream
from extproc.translate.response import AnswerStream

KEY = ("p", "m")
HEADERS = [(b"authorization", b"Bearer k"), (b"x-api-key", b"k"), (b"anthropic-version", b"2023-06-01")]
PATHS = {"openai-chat": "/v1/chat/completions", "anthropic-messages": "/v1/messages"}
READERS = {"openai-chat": OpenAIProvider, "anthropic-messages": AnthropicProvider}


def test_what_the_provider_has_reported_stays():
    known = Usage(input=10, cache_read=5, output=100, reasoning=30)
    assert estimate_usage(known, output_bytes=40, input_bytes=4000, output_events=10) == known


def test_input_is_told_from_bytes_only_where_nobody_has_said_it():
    assert estimate_usage(Usage(), output_bytes=0, input_bytes=4000).input == 1000
    assert estimate_usage(Usage(cache_read=7), output_bytes=0, input_bytes=4000).input == 0
    assert estimate_usage(Usage(), output_bytes=0, input_bytes=4000, ratio=Ratio(input_bytes=2000)).input == 2000


def test_an_image_stands_for_a_thousand_tokens_of_text():
    parts = [
        {"type": "text", "text": "x" * 4_000},
        {"type": "image_url", "image_url": {"url": "data:," + "A" * 99_999}},
    ]
    body = {"messages": [{"role": "user", "content": parts}]}
    bound = prompt_bound(body, len(orjson.dumps(body)), "openai-chat")
    assert 1_950 < estimate_usage(Usage(), output_bytes=0, input_bytes=prompt_bytes(bound)).input < 2_050


@pytest.mark.parametrize(
    ("output_bytes", "events", "ratio", "output"),
    [
        (0, 0, UNLEARNT, 0),
        (50, 10, UNLEARNT, 10),  # five bytes to an event: events are tokens
        (80, 10, UNLEARNT, 10),
        (81, 10, UNLEARNT, 20),  # longer ones hold several tokens: four bytes to a token
        (400, 1, UNLEARNT, 100),
        (400, 1, Ratio(by_events=False, output_bytes=5000), 80),
        (400, 100, Ratio(by_events=True, event_tokens=1500), 150),
        (400, 100, Ratio(by_events=True, hidden=64), 164),
        (0, 0, Ratio(by_events=True, hidden=64), 0),  # not even the reasoning is known to be over
    ],
)
def test_output_is_told_by_the_measure_that_was_truer(output_bytes, events, ratio, output):
    found = estimate_usage(Usage(), output_bytes=output_bytes, input_bytes=0, output_events=events, ratio=ratio)
    assert found.output == output
    assert found.reasoning == (64 if output == 164 else 0)


def test_no_estimate_exceeds_what_was_granted():
    ratio = Ratio(by_events=True, hidden=64)
    found = estimate_usage(Usage(), output_bytes=50, input_bytes=0, output_events=10, ratio=ratio, limit=20)
    assert (found.output, found.reasoning) == (20, 10)


def test_a_report_beyond_the_estimate_brings_its_own_reasoning():
    found = estimate_usage(Usage(output=90, reasoning=80), output_bytes=50, input_bytes=0, output_events=10)
    assert (found.output, found.reasoning) == (90, 80)


def taught(*lessons: tuple[Usage, Delivered], input_bytes: int = 0) -> Ratio:
    ratios = Ratios()
    for usage, delivered in lessons:
        ratios.learn(KEY, usage, delivered, input_bytes)
    return ratios.ratio(*KEY)


def test_bytes_win_where_events_hold_many_tokens_by_turns():
    """Chunks of 3 and of 30 tokens, always 5 bytes to a token."""
    lessons = [(Usage(output=tokens), Delivered(tokens * 5, 10)) for tokens in [30, 300] * 8]
    ratio = taught(*lessons)
    assert ratio.by_events is False
    assert ratio.output_bytes == 5000
    assert ratio.error < 100


def test_events_win_where_each_is_a_token():
    lessons = [(Usage(output=100), Delivered(size, 100)) for size in [300, 700] * 8]
    ratio = taught(*lessons)
    assert (ratio.by_events, ratio.event_tokens, ratio.error) == (True, 1000, 0)


def test_reasoning_that_is_never_shown_is_learnt_by_the_answer():
    ratio = taught(*[(Usage(output=150, reasoning=50), Delivered(500, 100))] * 5)
    assert (ratio.hidden, ratio.event_tokens) == (50, 1000)
    shown = taught((Usage(output=150, reasoning=50), Delivered(750, 150, thinking=True)))
    assert (shown.hidden, shown.event_tokens) == (0, 1000)


def test_what_teaches_nothing_is_left_out():
    nothing = [
        (Usage(), Delivered(10, 2)),
        (Usage(output=5), Delivered()),
        (Usage(output=5, reasoning=5), Delivered(10, 2)),
        (Usage(output=5, audio_output=5), Delivered(10, 2)),
    ]
    assert taught(*nothing) == UNLEARNT


def test_input_is_learnt_where_the_prompt_was_text():
    assert taught((Usage(input=100), Delivered()), input_bytes=300).input_bytes == 3000
    assert taught((Usage(input=100), Delivered()), input_bytes=0) == UNLEARNT
    assert taught((Usage(), Delivered()), input_bytes=300) == UNLEARNT


def test_old_lessons_fade():
    lessons = [(Usage(output=100), Delivered(1000, 1))] * 50 + [(Usage(output=100), Delivered(300, 1))] * 100
    assert 2900 < taught(*lessons).output_bytes < 3100


def test_ratios_are_by_model_and_bounded():
    ratios = Ratios()
    for number in range(1_200):
        ratios.learn(("p", "first" if number % 2 else f"m{number}"), Usage(output=100), Delivered(500, 100), 0)
    for number in range(1_000):
        ratios.learn(("q", f"m{number}"), Usage(output=100), Delivered(500, 100), 0)
    assert ratios.ratio("q", "m999") != UNLEARNT
    assert ratios.ratio("q", "m0") != UNLEARNT
    assert ratios.ratio("p", "first") == UNLEARNT


def request_of(dialect: str, rng: random.Random, **more) -> dict:
    text = " ".join(rng.choice(["lorem", "ipsum", "dolor sit", "a"]) for _ in range(rng.randrange(200, 2000)))
    body = {"model": f"m@tokens={rng.randrange(40, 400)}", "messages": [{"role": "user", "content": text}]}
    limit = "max_tokens" if dialect == "anthropic-messages" else "max_completion_tokens"
    return {**body, limit: 100_000, "stream": True, **more}


def play(dialect: str, body: dict, upto: int | None = None) -> tuple[Delivered, Usage, int]:
    """An answer of the simulator, cut behind ``upto`` output tokens: what came, what was reported, the true tokens."""
    plan, _ = answer(World(), Request("POST", PATHS[dialect], HEADERS, orjson.dumps(body), http11=True))
    assert isinstance(plan.reply, Stream), plan.reply
    stream, tokens = AnswerStream(READERS[dialect]().stream_reader(), None, hide_usage=False, model="m"), 0
    for event in plan.reply.events():
        tokens += event.tokens
        stream.feed(event.data)
        if upto is not None and tokens >= upto:
            break
    return Delivered(stream.output_bytes, stream.output_events, stream.thinking_shown), stream.usage, tokens


OPTIONS = {
    "openai-chat": {"stream_options": {"include_usage": True}},
    "anthropic-messages": {},
}
HIDDEN = {
    "openai-chat": {"reasoning_effort": "high"},
    "anthropic-messages": {"thinking": {"type": "adaptive", "display": "omitted"}},
}


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic-messages"])
@pytest.mark.parametrize(("lessons", "hidden"), [(0, False), (1, False), (20, False), (1, True), (20, True)])
def test_cut_streams_of_the_simulator_are_told_within_five_percent(dialect, lessons, hidden):
    """Unlearnt, too; but what is never shown has to be learnt."""
    rng = random.Random(f"{dialect} {lessons}")
    more = {**OPTIONS[dialect], **(HIDDEN[dialect] if hidden else {})}
    ratios = Ratios()
    for _ in range(lessons):
        body = request_of(dialect, rng, **more)
        delivered, usage, _ = play(dialect, body)
        bound = prompt_bound(body, len(orjson.dumps(body)), dialect)
        ratios.learn(KEY, usage, delivered, bound.text_bytes)
    for _ in range(20):
        body = request_of(dialect, rng, **more)
        _, truth, _ = play(dialect, body)
        cut = rng.randrange(truth.reasoning + 2, truth.output)
        delivered, known, tokens = play(dialect, body, cut)
        bound = prompt_bound(body, len(orjson.dumps(body)), dialect)
        found = estimate_usage(
            known,
            output_bytes=delivered.output_bytes,
            input_bytes=prompt_bytes(bound),
            output_events=delivered.output_events,
            ratio=ratios.ratio(*KEY),
        )
        assert abs(found.output - tokens) <= 0.05 * tokens
        if lessons:
            assert abs(found.prompt - truth.prompt) <= 0.05 * truth.prompt
