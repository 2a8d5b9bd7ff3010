"""LangChain: its chat models, bound to a tool; what they stream is added up as its users do."""

from functools import partial
from typing import Annotated, Literal

from conversation import INSTRUCTIONS, TOOL, Heard, Job, Run, main
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import Field

MOST_REQUESTS = 3
"""For one text of the user."""


def openai(job: Job, run: Run, *, responses: bool) -> BaseChatModel:
    """The model of OpenAI's APIs."""
    return ChatOpenAI(
        base_url=f"{job.url}/v1",
        api_key=job.key,
        model=run.model,
        use_responses_api=responses,
        stream_usage=True,
        max_retries=0,
    )


def anthropic(job: Job, run: Run) -> BaseChatModel:
    """The model of Anthropic's API."""
    return ChatAnthropic(base_url=job.url, api_key=job.key, model=run.model, max_tokens=400, max_retries=0)


async def converse(make, job: Job, run: Run, heard: Heard) -> None:
    """Per text: ask; call what is to be called; ask again."""

    @tool(description=TOOL)
    def get_weather(city: Literal["Zürich", "Genève"], days: Annotated[int, Field(ge=1, le=9)]) -> str:
        heard.calls.append({"city": city, "days": days})
        return job.weather

    model = make(job, run).bind_tools([get_weather])
    messages: list[BaseMessage] = [SystemMessage(INSTRUCTIONS)]
    for text in run.texts:
        messages.append(HumanMessage(text))
        for _ in range(MOST_REQUESTS):
            answer = await listen(model, messages, heard)
            messages += [answer, *[await get_weather.ainvoke(call) for call in answer.tool_calls]]
            if not answer.tool_calls:
                break


async def listen(model: Runnable, messages: list[BaseMessage], heard: Heard) -> AIMessageChunk:
    """One request."""
    answer: AIMessageChunk | None = None
    async for chunk in model.astream(messages):
        heard.say(chunk.text)
        answer = chunk if answer is None else answer + chunk
    assert answer is not None, "the stream held nothing"
    if answer.usage_metadata is not None:
        heard.count(answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"])
    return answer


if __name__ == "__main__":
    main(
        {
            "openai-chat": partial(converse, partial(openai, responses=False)),
            "openai-responses": partial(converse, partial(openai, responses=True)),
            "anthropic-messages": partial(converse, anthropic),
        }
    )
