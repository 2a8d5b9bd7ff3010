"""Parts of a request in process: CPU time of translating, editing and streaming. ``python -m tests.bench.micro``."""

import base64
import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import orjson

from tests.bench import pairs, report
from tests.bench.cost import Measure, cpu
from tests.bench.pairs import PairCost, tool_conversation, translation

_LARGE = 10_000_000


def measure(*, quick: bool) -> list[Measure]:
    """What a request's size does, median over batches."""
    batches = 3 if quick else 15
    items = _requests()
    with _steady():
        return [Measure(what, cpu(call, batches) * 1e6, "µs of CPU") for what, call in items]


def measure_pairs(*, quick: bool) -> list[PairCost]:
    """What each pair of dialects costs."""
    with _steady():
        return pairs.measure(quick=quick)


@contextmanager
def _steady() -> Iterator[None]:
    """The collector looks at nothing that is there already."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _requests() -> Sequence[tuple[str, Callable[[], object]]]:
    conversation = tool_conversation()
    large = _with_image(conversation)
    named = f"request, {pairs.TURNS} turns with tools, {len(conversation) / 1000:.0f} kB"
    return [
        (f"{named}: same dialect", translation("openai-chat", "openai", conversation)),
        (f"{named}: JSON parser alone", lambda: orjson.loads(conversation)),
        ("the same with a 10 MB image: same dialect", translation("openai-chat", "openai", large)),
        ("the same with a 10 MB image: OpenAI to Anthropic", translation("openai-chat", "anthropic", large)),
        ("the same with a 10 MB image: JSON parser alone", lambda: orjson.loads(large)),
    ]


def _with_image(conversation: bytes) -> bytes:
    data = base64.b64encode(os.urandom(_LARGE * 3 // 4)).decode()
    document = orjson.loads(conversation)
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    document["messages"][-1]["content"] = [{"type": "text", "text": "What is this?"}, image]
    return orjson.dumps(document)


def main() -> None:
    """Print them."""
    for line in (*report.parts_table(measure(quick=False)), *report.pairs_table(measure_pairs(quick=False))):
        print(line)


if __name__ == "__main__":
    main()
