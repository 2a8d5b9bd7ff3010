"""Pydantic AI: its agent, which calls tools by itself; its events are what came off the wire."""

from functools import partial
from typing import Annotated, Literal

from conversation import INSTRUCTIONS, TOOL, Heard, Job, Run, main
from pydantic import Field
from pydantic_ai import Agent, AgentRunResultEvent, PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta, Tool
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider


def openai_chat(job: Job, run: Run) -> Model:
    """The model of OpenAI's Chat Completions API."""
    return OpenAIChatModel(run.model, provider=OpenAIProvider(base_url=f"{job.url}/v1", api_key=job.key))


def openai_responses(job: Job, run: Run) -> Model:
    """The model of OpenAI's Responses API."""
    return OpenAIResponsesModel(run.model, provider=OpenAIProvider(base_url=f"{job.url}/v1", api_key=job.key))


def anthropic(job: Job, run: Run) -> Model:
    """The model of Anthropic's API."""
    return AnthropicModel(run.model, provider=AnthropicProvider(base_url=job.url, api_key=job.key))


def gemini(job: Job, run: Run) -> Model:
    """The model of Google's Gemini API."""
    return GoogleModel(run.model, provider=GoogleProvider(base_url=job.url, api_key=job.key))


async def converse(make, job: Job, run: Run, heard: Heard) -> None:
    """Have the agent run until it has answered each text."""

    def get_weather(city: Literal["Zürich", "Genève"], days: Annotated[int, Field(ge=1, le=9)]) -> str:
        heard.calls.append({"city": city, "days": days})
        return job.weather

    agent = Agent(make(job, run), tools=[Tool(get_weather, description=TOOL)], instructions=INSTRUCTIONS)
    history: list[ModelMessage] = []
    for text in run.texts:
        async with agent.run_stream_events(text, message_history=history) as events:
            async for event in events:
                match event:
                    case (
                        PartStartEvent(part=TextPart(content=said))
                        | PartDeltaEvent(delta=TextPartDelta(content_delta=said))
                    ):
                        heard.say(said)
                    case AgentRunResultEvent(result=result):
                        heard.count(result.usage.input_tokens, result.usage.output_tokens)
                        history = result.all_messages()
                    case _:
                        continue


if __name__ == "__main__":
    main(
        {
            "openai-chat": partial(converse, openai_chat),
            "openai-responses": partial(converse, openai_responses),
            "anthropic-messages": partial(converse, anthropic),
            "gemini": partial(converse, gemini),
        }
    )
