"""LlamaIndex: its function-calling models; each response of a stream holds all that came before."""

from functools import partial
from typing import Annotated, Any, Literal

from conversation import INSTRUCTIONS, TOOL, Heard, Job, Run, main
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata, MessageRole
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools import FunctionTool
from llama_index.llms.anthropic import Anthropic
from llama_index.llms.openai import OpenAIResponses
from llama_index.llms.openai_like import OpenAILike
from pydantic import Field

MOST_REQUESTS = 3
"""For one text of the user."""


def openai_chat(job: Job, run: Run) -> FunctionCallingLLM:
    """The model for whoever speaks as OpenAI does."""
    return OpenAILike(
        api_base=f"{job.url}/v1",
        api_key=job.key,
        model=run.model,
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
        additional_kwargs={"stream_options": {"include_usage": True}},
    )


def openai_responses(job: Job, run: Run) -> FunctionCallingLLM:
    """The model of OpenAI's Responses API."""
    return OpenAIResponses(
        api_base=f"{job.url}/v1", api_key=job.key, model=run.model, context_window=100_000, max_retries=0
    )


class NamedAnthropic(Anthropic):
    """A model whose name the library does not know: it would refuse to say how large it is."""

    @property
    def metadata(self) -> LLMMetadata:
        """What the library would look up by the name."""
        return LLMMetadata(
            context_window=100_000, is_chat_model=True, is_function_calling_model=True, model_name=self.model
        )


def anthropic(job: Job, run: Run) -> FunctionCallingLLM:
    """The model of Anthropic's API."""
    return NamedAnthropic(base_url=job.url, api_key=job.key, model=run.model, max_tokens=400, max_retries=0)


async def converse(make, job: Job, run: Run, heard: Heard) -> None:
    """Per text: ask; call what is to be called; ask again."""

    def get_weather(city: Literal["Zürich", "Genève"], days: Annotated[int, Field(ge=1, le=9)]) -> str:
        heard.calls.append({"city": city, "days": days})
        return job.weather

    tool = FunctionTool.from_defaults(get_weather, description=TOOL)
    model = make(job, run)
    messages = [ChatMessage(role=MessageRole.SYSTEM, content=INSTRUCTIONS)]
    for text in run.texts:
        messages.append(ChatMessage(role=MessageRole.USER, content=text))
        for _ in range(MOST_REQUESTS):
            answer = await listen(model, tool, messages, heard)
            messages.append(answer.message)
            calls = model.get_tool_calls_from_response(answer, error_on_no_tool_call=False)
            if not calls:
                break
            messages += [await called(tool, call) for call in calls]


async def called(tool: FunctionTool, call: ToolSelection) -> ChatMessage:
    """What the tool says to a call."""
    output = await tool.acall(**call.tool_kwargs)
    told = {"tool_call_id": call.tool_id}
    return ChatMessage(role=MessageRole.TOOL, content=output.content, additional_kwargs=told)


async def listen(
    model: FunctionCallingLLM, tool: FunctionTool, messages: list[ChatMessage], heard: Heard
) -> ChatResponse:
    """One request."""
    answer: ChatResponse | None = None
    used: tuple[int, int] | None = None
    # As its agents do; a model alone forbids parallel calls, which not every provider can.
    stream = await model.astream_chat_with_tools([tool], chat_history=messages, allow_parallel_tool_calls=True)
    async for answer in stream:
        heard.say(answer.delta or "")
        used = usage(answer) or used
    assert answer is not None, "the stream held nothing"
    if used is not None:
        heard.count(*used)
    return answer


def usage(response: ChatResponse) -> tuple[int, int] | None:
    """Tokens in and out, where this piece of an answer tells them: each model of the library has its own place for them."""
    told: Any = response.additional_kwargs.get("usage") or response.message.additional_kwargs.get("usage")
    told = told or getattr(response.raw, "usage", None)
    if told is None:
        return None
    told = told if isinstance(told, dict) else told.model_dump()
    taken, given = (
        told.get("input_tokens", told.get("prompt_tokens")),
        told.get("output_tokens", told.get("completion_tokens")),
    )
    return None if taken is None or given is None else (taken, given)


if __name__ == "__main__":
    main(
        {
            "openai-chat": partial(converse, openai_chat),
            "openai-responses": partial(converse, openai_responses),
            "anthropic-messages": partial(converse, anthropic),
        }
    )
