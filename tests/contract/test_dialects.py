"""Every client dialect, spoken by its official SDK, with every provider dialect: one gateway, one model at each provider.

The simulator plays the vendors by their own published rules: it verifies signatures of requests and of reasoning, and
refuses what a vendor would.
"""

import anthropic
import pytest
from asking import complete
from dialects_catalogue import SEALS, TALKING, check_reached, sealed
from harness import new_id
from speaking import ARGUMENTS, SPEAKERS, TOOL, Request

SAID = "the river keeps its own slow time while small boats cross from bank to bank and"


@pytest.fixture(params=[False, True], ids=["whole", "stream"])
def stream(request) -> bool:
    return request.param


@pytest.mark.parametrize("label", TALKING)
@pytest.mark.parametrize("client", SPEAKERS)
async def test_a_conversation(dialects, simulator, client, label, stream):
    """A tool is called, with reasoning where the provider has it; its result goes back with all that came; words follow."""
    speaker = SPEAKERS[client]
    async with speaker.connect(dialects) as sdk:
        if speaker.tools:
            first = Request(label, new_id(), stream=stream)
            called = await speaker.ask(sdk, first)
            received = await complete(simulator, first.request_id)
            assert called.calls == [(TOOL, ARGUMENTS)]
            assert called.usage == (received.input_tokens, received.output_tokens)
            check_reached(received, label, client, stream=stream)
            last = Request(label, new_id(), before=called, stream=stream)
        else:
            last = Request(label, new_id(), "Hello", offer=False, stream=stream)
        answer = await speaker.ask(sdk, last)
        received = await complete(simulator, last.request_id)
    assert (answer.text, answer.calls) == (SAID, [])
    assert answer.usage == (received.input_tokens, received.output_tokens)
    check_reached(received, label, client, stream=stream)
    thought_here = label in SEALS or received.path.endswith("/responses")
    assert bool(sealed(received, label)) is (thought_here and speaker.tools)


@pytest.mark.parametrize("label", TALKING)
async def test_anthropics_tool_runner(dialects, label):
    """It begins a thread, which only Anthropic has, and sends whole conversations where it hears that there are none."""
    asked: list[str] = []

    @anthropic.beta_async_tool
    async def get_weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "sunny"

    async with dialects.anthropic() as sdk:
        runner = sdk.beta.messages.tool_runner(
            model=label,
            max_tokens=3000,
            tools=[get_weather],
            messages=[{"role": "user", "content": "Hello"}],
            tool_choice={"type": "auto"},
        )
        answer = await runner.until_done()
    assert [block.text for block in answer.content if block.type == "text"] == [SAID]
    assert (answer.stop_reason, asked) == ("end_turn", [])
