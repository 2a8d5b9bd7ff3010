"""OpenAI's legacy Completions, judged by the official SDK."""

from typing import get_type_hints

import pytest
from openai import AsyncOpenAI
from openai.types import Completion, completion_create_params

from extproc.simulator.openai_completions.check import KNOWN
from extproc.simulator.server import Server
from extproc.simulator.tokens import prompt_tokens

PATH = "/v1/completions"


async def test_text(openai: AsyncOpenAI):
    answer = await openai.completions.create(model="gpt-3.5-turbo-instruct", prompt="echo: a b  c")
    choice = answer.choices[0]
    assert (choice.text, choice.finish_reason, choice.index, choice.logprobs) == ("a b  c", "stop", 0, None)
    assert (answer.object, answer.id[:5]) == ("text_completion", "cmpl-")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (prompt_tokens("echo: a b  c"), 3)


async def test_sixteen_tokens_unless_asked_for_more(openai: AsyncOpenAI):
    long = "echo: " + "w " * 40
    short = await openai.completions.create(model="m", prompt=long)
    assert (short.usage.completion_tokens, short.choices[0].finish_reason) == (16, "length")
    more = await openai.completions.create(model="m", prompt=long, max_tokens=100)
    assert (more.usage.completion_tokens, more.choices[0].finish_reason) == (40, "stop")


async def test_several_prompts_with_several_answers(openai: AsyncOpenAI):
    answer = await openai.completions.create(model="m", prompt=["echo: a", "echo: b c"], n=2)
    assert [(choice.index, choice.text) for choice in answer.choices] == [(0, "a"), (1, "a"), (2, "b c"), (3, "b c")]
    assert answer.usage.completion_tokens == 6


async def test_the_best_of_more_are_given_and_all_are_paid_for(openai: AsyncOpenAI):
    answer = await openai.completions.create(model="m@tokens=5", prompt="hi", n=2, best_of=4)
    assert len(answer.choices) == 2
    assert answer.usage.completion_tokens == 20


@pytest.mark.parametrize(("prompt", "tokens"), [([1, 2, 3], 3), ([[1, 2], [3]], 3), (["abcd", "e"], 2), (None, 4)])
async def test_prompts_of_every_kind(post, prompt, tokens):
    document = (await post(PATH, {"model": "m", "prompt": prompt})).json
    assert document["usage"]["prompt_tokens"] == tokens
    Completion.model_validate(document)


async def test_echo_and_logprobs(openai: AsyncOpenAI):
    answer = await openai.completions.create(model="m@tokens=2", prompt="one two", echo=True, logprobs=1)
    choice = answer.choices[0]
    assert choice.text.startswith("one two")
    logprobs = choice.logprobs
    assert logprobs.tokens[:2] == ["one", " two"]
    assert (logprobs.token_logprobs[0], logprobs.top_logprobs[0]) == (None, None)
    assert logprobs.top_logprobs[1] == {" two": -0.25}
    assert logprobs.text_offset[:2] == [0, 3]
    assert "".join(logprobs.tokens) == choice.text
    nothing = await openai.completions.create(model="m", prompt="one two", echo=True, logprobs=0, max_tokens=0)
    assert (nothing.choices[0].text, nothing.usage.completion_tokens) == ("one two", 0)
    assert nothing.choices[0].logprobs.top_logprobs is None


async def test_stream(openai: AsyncOpenAI, simulator: Server):
    stream = await openai.completions.create(
        model="m",
        prompt=["echo: a b", "echo: c"],
        stream=True,
        echo=True,
        logprobs=1,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    texts = ["", ""]
    offsets: list[list[int]] = [[], []]
    for chunk in chunks[:-1]:
        choice = chunk.choices[0]
        texts[choice.index] += choice.text
        offsets[choice.index] += choice.logprobs.text_offset if choice.logprobs else []
        assert chunk.usage is None
    assert texts == ["echo: a ba b", "echo: cc"]
    assert offsets[0] == [0, 5, 7, 9, 10]
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]].count("stop") == 2
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 3
    assert simulator.recorder.requests[-1].output_tokens_sent == 3


async def test_bytes_of_a_stream(post):
    wire = await post(PATH, {"model": "m", "prompt": "echo: a", "stream": True})
    assert wire.text.endswith("data: [DONE]\n\n")
    assert "usage" not in wire.text
    assert len(wire.data) == 3


async def test_stop_suffix_and_the_most(openai: AsyncOpenAI, simulator: Server):
    stopped = await openai.completions.create(model="m", prompt="echo: a b END c", stop="END", suffix="tail")
    assert (stopped.choices[0].text, stopped.choices[0].finish_reason) == ("a b ", "stop")
    assert stopped.usage.prompt_tokens == prompt_tokens("echo: a b END c") + 1
    simulator.script.set("*", {"most": True})
    most = await openai.completions.create(model="m", prompt=["zwölf", "x"], max_tokens=7)
    assert (most.usage.prompt_tokens, most.usage.completion_tokens) == (7, 14)


def test_every_field_of_the_sdk_is_known():
    fields = {
        *get_type_hints(completion_create_params.CompletionCreateParamsNonStreaming),
        *get_type_hints(completion_create_params.CompletionCreateParamsStreaming),
    }
    assert fields == KNOWN


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": None}, "must provide a model"),
        ({"prompt": None}, "Missing required parameter: 'prompt'"),
        ({"prompt": []}, "Invalid type for 'prompt'"),
        ({"prompt": ["a", 3]}, "Invalid type for 'prompt'"),
        ({"messages": []}, "Unrecognized request argument supplied: messages"),
        ({"max_completion_tokens": 5}, "Unrecognized request argument supplied: max_completion_tokens"),
        ({"logprobs": True}, "expected an integer, but got a boolean"),
        ({"logprobs": 6}, "Expected a value <= 5"),
        ({"n": 3, "best_of": 2}, "at most 'best_of'"),
        ({"n": 1, "best_of": 2, "stream": True}, "cannot be greater than 'n' when streaming"),
        ({"stream_options": {"include_usage": True}}, "only allowed when 'stream'"),
        ({"stop": ["a"] * 5}, "maximum length 4"),
    ],
)
async def test_refusals(post, change, words):
    body = {"model": "m", "prompt": "x", **change}
    wire = await post(PATH, {name: value for name, value in body.items() if value is not None})
    assert wire.status == 400
    assert words in wire.json["error"]["message"]
