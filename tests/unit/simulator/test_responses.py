"""OpenAI's Responses, judged by the official SDK and by the published shapes."""

from typing import get_args, get_type_hints

import pytest
from openai import APIStatusError, AsyncOpenAI, BadRequestError, NotFoundError
from openai.types.responses import (
    Response,
    ResponseStreamEvent,
    input_token_count_params,
    response_create_params,
    response_includable,
)
from pydantic import BaseModel, TypeAdapter

from extproc.simulator.openai_responses import check
from extproc.simulator.openai_responses.seal import Sealed, seal, unseal
from extproc.simulator.server import Server
from extproc.simulator.tokens import prompt_tokens

PATH = "/v1/responses"
SEALED = "reasoning.encrypted_content"
EVENTS = TypeAdapter(ResponseStreamEvent)


def tool(name: str, **properties: dict) -> dict:
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "function", "name": name, "parameters": schema, "strict": True}


WEATHER = tool("weather", city={"type": "string"}, days={"type": "integer"})
CLOCK = tool("clock", zone={"type": "string", "enum": ["UTC", "CET"]})


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def strictly(document: dict) -> Response:
    """The SDK's model, checked, which the SDK itself does not do."""
    return Response.model_validate(document)


async def test_text(openai: AsyncOpenAI):
    answer = await openai.responses.create(model="gpt-4o", input="echo: one two  three")
    assert answer.output_text == "one two  three"
    assert (answer.status, answer.object, answer.model, answer.service_tier) == (
        "completed",
        "response",
        "gpt-4o",
        "default",
    )
    assert answer.id.startswith("resp_")
    assert answer.output[0].id.startswith("msg_")
    assert answer.usage.input_tokens == 3 + prompt_tokens("echo: one two  three")
    assert (answer.usage.output_tokens, answer.usage.total_tokens) == (3, answer.usage.input_tokens + 3)


async def test_every_field_is_of_the_published_type(post):
    body = {
        "model": "m",
        "input": [user("call")],
        "instructions": "be brief",
        "tools": [WEATHER],
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": [SEALED, "message.output_text.logprobs"],
        "metadata": {"a": "b"},
        "text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}},
        "truncation": "auto",
        "max_output_tokens": 99,
        "service_tier": "flex",
        "prompt_cache_key": "k",
        "user": "u",
    }
    document = (await post(PATH, body)).json
    strictly(document)
    echoed = ("instructions", "metadata", "truncation", "max_output_tokens", "service_tier", "prompt_cache_key", "user")
    assert {name: document[name] for name in echoed} == {name: body[name] for name in echoed}
    assert document["tools"] == [{**WEATHER, "description": None}]
    assert document["reasoning"] == {"effort": "low", "summary": "auto"}


async def collected(stream) -> list:
    return [event async for event in stream]


async def test_stream_of_text(openai: AsyncOpenAI):
    events = await collected(await openai.responses.create(model="m", input="echo: a b", stream=True))
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(10))
    assert [event.delta for event in events[4:6]] == ["a", " b"]
    assert all(event.obfuscation for event in events[4:6])
    assert events[0].response.status == "in_progress"
    assert events[0].response.usage is None
    assert (events[2].item.status, events[2].item.content) == ("in_progress", [])
    assert events[-1].response.output_text == "a b"
    assert events[-1].response.usage.output_tokens == 2
    assert len({event.item_id for event in events[3:8]}) == 1


async def test_bytes_of_a_stream(post):
    wire = await post(
        PATH, {"model": "m", "input": "echo: a", "stream": True, "stream_options": {"include_obfuscation": False}}
    )
    assert wire.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert wire.text.startswith('event: response.created\ndata: {"type":"response.created",')
    assert "[DONE]" not in wire.text
    assert "obfuscation" not in wire.text
    for line in wire.data:
        EVENTS.validate_json(line)


async def test_everything_in_one_stream(openai: AsyncOpenAI, post, simulator: Server):
    """Thinking with a summary, calls, and the same in the whole response as in its events."""
    body = {
        "model": "gpt-5",
        "input": "call both",
        "tools": [WEATHER, CLOCK],
        "reasoning": {"effort": "minimal", "summary": "auto"},
        "include": [SEALED],
    }
    events = await collected(await openai.responses.create(**body, stream=True))
    kinds = [event.type for event in events]
    assert kinds.count("response.reasoning_summary_text.delta") == 4
    assert kinds.count("response.function_call_arguments.done") == 2
    assert kinds.index("response.reasoning_summary_part.done") < kinds.index("response.function_call_arguments.delta")
    final = events[-1].response
    assert [item.type for item in final.output] == ["reasoning", "function_call", "function_call"]
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert [item.model_dump() for item in done] == [item.model_dump() for item in final.output]
    for index, item in enumerate(final.output[1:], start=1):
        deltas = [
            event.delta
            for event in events
            if event.type == "response.function_call_arguments.delta" and event.output_index == index
        ]
        assert "".join(deltas) == item.arguments
        assert len(deltas) > 1
    assert simulator.recorder.requests[-1].output_tokens_sent == final.usage.output_tokens
    whole = await openai.responses.create(**body)
    assert [item.type for item in whole.output] == [item.type for item in final.output]
    assert whole.usage == final.usage
    for line in (await post(PATH, {**body, "stream": True})).data:
        EVENTS.validate_json(line)


async def test_hidden_thinking_is_paid_for(openai: AsyncOpenAI, simulator: Server):
    stream = await openai.responses.create(model="m", input="echo: a b", reasoning={"effort": "low"}, stream=True)
    events = await collected(stream)
    assert not [event for event in events if "summary" in event.type]
    usage = events[-1].response.usage
    assert (usage.output_tokens, usage.output_tokens_details.reasoning_tokens) == (10, 8)
    assert simulator.recorder.requests[-1].output_tokens_sent == 10
    assert events[-1].response.output[0].summary == []
    assert events[-1].response.output[0].encrypted_content is None


@pytest.mark.parametrize(
    ("text", "options", "called"),
    [
        ("hi", {"tool_choice": "required"}, ["weather", "clock"]),
        ("hi", {"tool_choice": {"type": "function", "name": "clock"}}, ["clock"]),
        ("call", {"tool_choice": "none"}, []),
        ("call", {"parallel_tool_calls": False}, ["weather"]),
        (
            "call",
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "auto",
                    "tools": [{"type": "function", "name": "clock"}],
                }
            },
            ["clock"],
        ),
    ],
)
async def test_tool_choice(openai: AsyncOpenAI, text, options, called):
    answer = await openai.responses.create(
        model="m", input=text, tools=[WEATHER, CLOCK, {"type": "web_search"}], **options
    )
    assert [item.name for item in answer.output if item.type == "function_call"] == called


async def test_tool_results_are_answered_with_text(openai: AsyncOpenAI):
    first = await openai.responses.create(
        model="m", input="call", tools=[WEATHER], store=False, include=[SEALED], reasoning={"effort": "low"}
    )
    call = first.output[1]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "fine"}
    items = [user("call"), *(item.model_dump(exclude_none=True) for item in first.output), result]
    answer = await openai.responses.create(model="m", input=items, tools=[WEATHER], store=False)
    assert answer.output_text
    assert answer.status == "completed"


async def test_structured_output(openai: AsyncOpenAI):
    class Plan(BaseModel):
        title: str
        weight: float

    answer = await openai.responses.parse(model="m", input="plan", text_format=Plan)
    assert answer.output_parsed == Plan(title="text", weight=1)
    free = await openai.responses.create(model="m", input="json please", text={"format": {"type": "json_object"}})
    assert free.output_text == "{}"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("model", "status", "reason"),
    [
        ("m", "incomplete", "max_output_tokens"),
        ("m@finish=content_filter,tokens=4", "incomplete", "content_filter"),
        ("m@finish=failed", "failed", None),
    ],
)
async def test_other_ends(openai: AsyncOpenAI, simulator: Server, model, status, reason, stream):
    options = {"model": model, "input": "echo: " + "w " * 40, "max_output_tokens": 16}
    if stream:
        events = await collected(await openai.responses.create(**options, stream=True))
        assert events[-1].type == f"response.{status}"
        answer = events[-1].response
    else:
        answer = await openai.responses.create(**options)
    assert answer.status == status
    assert (answer.incomplete_details.reason if answer.incomplete_details else None) == reason
    if status == "failed":
        assert (answer.error.code, answer.usage) == ("server_error", None)
        assert simulator.recorder.requests[-1].output_tokens == 0
    else:
        assert answer.usage.output_tokens == 16
        assert answer.output[0].status == "incomplete"


async def test_refusals_of_the_model(openai: AsyncOpenAI):
    options = {"model": "m@finish=refusal", "input": "echo: no way"}
    answer = await openai.responses.create(**options)
    assert answer.output[0].content[0].refusal == "no way"
    events = await collected(await openai.responses.create(**options, stream=True))
    assert [event.delta for event in events if event.type == "response.refusal.delta"] == ["no", " way"]
    assert events[-1].type == "response.completed"


async def test_earlier_responses_are_continued(openai: AsyncOpenAI):
    first = await openai.responses.create(model="m", input="call", tools=[WEATHER], reasoning={"effort": "low"})
    call = first.output[-1]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "fine"}
    second = await openai.responses.create(
        model="m", input=[result], previous_response_id=first.id, tools=[WEATHER], instructions="be brief"
    )
    assert second.output_text
    assert second.previous_response_id == first.id
    third = await openai.responses.create(model="m", input="echo: x", previous_response_id=second.id)
    assert third.usage.input_tokens > 6 + prompt_tokens("echo: x") + prompt_tokens(second.output_text)
    assert third.instructions is None
    counted = await openai.responses.input_tokens.count(input="echo: x", previous_response_id=second.id)
    assert counted.input_tokens == third.usage.input_tokens


async def test_what_is_not_stored_cannot_be_continued(openai: AsyncOpenAI, simulator: Server):
    hidden = await openai.responses.create(model="m", input="hi", store=False)
    kept = await openai.responses.create(model="m", input="hi")
    for client, identity in (
        (openai, hidden.id),
        (openai.with_options(api_key="another"), kept.id),
        (openai.with_options(base_url=f"http://127.0.0.1:{simulator.port}/p/other/v1"), kept.id),
    ):
        with pytest.raises(BadRequestError) as caught:
            await client.responses.create(model="m", input="hi", previous_response_id=identity)
        assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")
        with pytest.raises(NotFoundError):
            await client.responses.retrieve(identity)


async def test_stored_responses_are_shown_again(openai: AsyncOpenAI):
    events = await collected(await openai.responses.create(model="m", input="echo: a b", stream=True))
    final = events[-1].response
    assert (await openai.responses.retrieve(final.id)).model_dump() == final.model_dump()
    again = await collected(await openai.responses.retrieve(final.id, stream=True, starting_after=4))
    assert [event.model_dump() for event in again] == [event.model_dump() for event in events[5:]]
    await openai.responses.delete(final.id)
    with pytest.raises(NotFoundError):
        await openai.responses.retrieve(final.id)


async def test_background(openai: AsyncOpenAI):
    queued = await openai.responses.create(model="m", input="echo: a", background=True)
    assert (queued.status, queued.output, queued.usage) == ("queued", [], None)
    assert (await openai.responses.retrieve(queued.id)).output_text == "a"
    with pytest.raises(BadRequestError, match="Background mode"):
        await openai.responses.create(model="m", input="x", background=True, store=False)


async def test_references_to_stored_items(openai: AsyncOpenAI):
    first = await openai.responses.create(model="m", input="echo: abc", reasoning={"effort": "low"})
    ids = [{"type": "item_reference", "id": item.id} for item in first.output]
    answer = await openai.responses.create(model="m", input=[user("x"), *ids, user("echo: y")])
    assert answer.output_text == "y"
    with pytest.raises(BadRequestError, match="without its required 'reasoning' item: 'rs_"):
        await openai.responses.create(model="m", input=[ids[1], user("y")])
    with pytest.raises(NotFoundError, match="Item with id 'msg_none' not found"):
        await openai.responses.create(model="m", input=[{"type": "item_reference", "id": "msg_none"}])


async def thought(openai: AsyncOpenAI) -> tuple[dict, dict]:
    """A reasoning item with its seal, and the message behind it."""
    first = await openai.responses.create(
        model="m", input="echo: a", store=False, include=[SEALED], reasoning={"effort": "low"}
    )
    reasoning, message = (item.model_dump(exclude_none=True) for item in first.output)
    return reasoning, message


async def test_reasoning_comes_back_as_it_was(openai: AsyncOpenAI, simulator: Server):
    reasoning, message = await thought(openai)
    assert "the river" not in str(reasoning)
    answer = await openai.responses.create(model="m", input=[reasoning, message, user("echo: b")], store=False)
    assert answer.output_text == "b"
    assert answer.usage.input_tokens == 8 + 2 * 3 + prompt_tokens("a") + prompt_tokens("echo: b")
    sealed = reasoning["encrypted_content"]
    other = openai.with_options(base_url=f"http://127.0.0.1:{simulator.port}/p/other/v1")
    for client, change, words in (
        (openai, {"encrypted_content": sealed[:-9] + "AAAA" + sealed[-5:]}, "could not be decrypted or parsed"),
        (openai, {"encrypted_content": "gAAAAAnonsense"}, "could not be decrypted or parsed"),
        (openai, {"id": "rs_other"}, "item_id did not match"),
        (other, {}, "organization_id did not match"),
    ):
        with pytest.raises(BadRequestError, match=words) as caught:
            await client.responses.create(model="m", input=[{**reasoning, **change}, message, user("b")])
        assert caught.value.code == "invalid_encrypted_content"
    with pytest.raises(NotFoundError, match="Items are not persisted"):
        await openai.responses.create(model="m", input=[{**reasoning, "encrypted_content": None}, message, user("b")])
    for wrong in ([reasoning, user("b")], [user("b"), reasoning]):
        with pytest.raises(BadRequestError, match="without its required following item"):
            await openai.responses.create(model="m", input=wrong)


def test_seals():
    sealed = Sealed("rs_1", "org", "thinking")
    text = seal(sealed)
    assert unseal(text) == sealed
    assert "thinking" not in text
    for broken in ("", "gAAAAA", "gAAAAA====", text[:-4], "x" + text, text.replace("gAAAAA", "gAAAAB", 1)):
        assert unseal(broken) is None


async def test_input_tokens(openai: AsyncOpenAI, post):
    body = {"model": "m", "input": [user("some text")], "instructions": "be brief", "tools": [WEATHER]}
    counted = await openai.responses.input_tokens.count(**body)
    assert counted.object == "response.input_tokens"
    assert counted.input_tokens == (await openai.responses.create(**body)).usage.input_tokens
    assert (await post(PATH + "/input_tokens", {"input": "x", "temperature": 1})).status == 400


async def test_long_prompts_are_cached_by_themselves(openai: AsyncOpenAI):
    first = await openai.responses.create(model="m", instructions="rules " * 1000, input=[user("one")])
    assert first.usage.input_tokens_details.cached_tokens == 0
    longer = [user("one"), {"role": "assistant", "content": "ok"}, user("two")]
    second = await openai.responses.create(model="m", instructions="rules " * 1000, input=longer)
    assert second.usage.input_tokens_details.cached_tokens == first.usage.input_tokens // 128 * 128 > 0


async def test_scripts_and_the_most(post, simulator: Server):
    simulator.script.set("*", {"most": True})
    text = "zwölf Boxkämpfer"
    usage = (await post(PATH, {"model": "m", "input": text, "max_output_tokens": 33})).json["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (len(text.encode()) + 6, 33)
    simulator.script.set("*", {"input_tokens": 1000, "cache_read_tokens": 256, "output_tokens": 77})
    usage = (await post(PATH, {"model": "m", "input": text})).json["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (1000, 77)
    assert usage["input_tokens_details"]["cached_tokens"] == 256


async def test_failure_inside_a_stream(post):
    body = {"model": "m@fault=error_event,fault_at=5", "input": "echo: a b c", "stream": True}
    wire = await post(PATH, body)
    assert wire.end == "complete"
    event = EVENTS.validate_json(wire.data[-1])
    assert (event.type, event.sequence_number, event.code) == ("error", 5, "server_error")
    assert wire.text.endswith("\n\n")
    cut = await post(PATH, {**body, "model": "m@fault=malformed,fault_at=5"})
    assert 'data: {"type":"response.output_text.del\n\n' in cut.text


def test_every_field_of_the_sdk_is_known():
    fields = {
        *get_type_hints(response_create_params.ResponseCreateParamsNonStreaming),
        *get_type_hints(response_create_params.ResponseCreateParamsStreaming),
    }
    assert fields == check.KNOWN
    assert set(get_type_hints(input_token_count_params.InputTokenCountParams)) == check.COUNTED
    assert set(get_args(response_includable.ResponseIncludable)) == set(check.INCLUDABLE)


CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "r"}


@pytest.mark.parametrize(
    ("change", "param", "words"),
    [
        ({"model": None}, "model", "Missing required parameter"),
        ({"input": None}, "input", "must be provided"),
        ({"messages": []}, "messages", "moved to 'input'"),
        ({"max_tokens": 5}, "max_tokens", "moved to 'max_output_tokens'"),
        ({"response_format": {"type": "text"}}, "response_format", "moved to 'text.format'"),
        ({"stop": ["x"]}, "stop", "Unknown parameter: 'stop'"),
        ({"max_output_tokens": 15}, "max_output_tokens", "Expected a value >= 16"),
        ({"temperature": "1"}, "temperature", "expected a decimal, but got a string"),
        ({"stream_options": {}}, "stream_options", "only allowed when 'stream'"),
        ({"store": "yes"}, "store", "expected a boolean"),
        ({"include": ["logprobs"]}, "include[0]", "Supported values are"),
        ({"metadata": {"a": 1}}, "metadata.a", "expected a string"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort", "Invalid value: 'huge'"),
        ({"reasoning": {"budget": 5}}, "reasoning.budget", "Unknown parameter"),
        ({"text": {"format": {"type": "json_object"}}}, "input", "must contain the word 'json'"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name", "Missing"),
        ({"text": {"format": {"type": "json_schema", "json_schema": {}}}}, "text.format.name", "Missing"),
        (
            {"text": {"format": {"type": "json_schema", "name": "x", "strict": True, "schema": {"type": "object"}}}},
            "text.format.schema",
            "'additionalProperties' is required",
        ),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name", "Missing"),
        ({"tools": [{"name": "f", "input_schema": {}}]}, "tools[0].type", "Missing"),
        ({"tools": [{**WEATHER, "cache_control": {}}]}, "tools[0].cache_control", "Unknown parameter"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function"}}, "tool_choice.name", "Missing"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "name": "g"}}, "tool_choice", "'g' not found"),
        ({"tool_choice": "required"}, "tool_choice", "must be specified with 'tools'"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role", "Invalid value: 'robot'"),
        ({"input": [{"role": "user", "content": "x", "name": "n"}]}, "input[0].name", "Unknown parameter"),
        ({"input": [{"role": "user"}]}, "input[0].content", "Missing"),
        (
            {"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}]},
            "input[0].content[0].type",
            "Supported values are: 'output_text', 'refusal'",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]},
            "input[0].content[0].type",
            "Supported values are: 'input_text'",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "x", "cache_control": {}}]}]},
            "input[0].content[0].cache_control",
            "Unknown parameter",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": {"url": "https://x/y"}}]}]},
            "input[0].content[0].image_url",
            "expected an image URL",
        ),
        ({"input": [user("x"), CALL]}, "input", "No tool output found for function call c1."),
        ({"input": [user("x"), RESULT]}, "input", "No tool call found for function call output with call_id c1."),
        ({"input": [RESULT, CALL]}, "input", "No tool call found"),
        ({"input": [{**CALL, "id": "call_1"}, RESULT]}, "input[0].id", "begins with 'fc'"),
        ({"input": [{**CALL, "arguments": {}}, RESULT]}, "input[0].arguments", "expected a string"),
        ({"input": [{"type": "tool_result"}]}, "input[0].type", "Supported values are"),
        ({"input": [{"type": "reasoning", "summary": []}]}, "input[0].id", "Missing"),
    ],
)
async def test_refusals(post, change, param, words):
    body = {"model": "gpt-4o", "input": "hi", **change}
    wire = await post(PATH, {name: value for name, value in body.items() if value is not None})
    assert wire.status == 400
    error = wire.json["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert words in error["message"]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"temperature": 0}, "temperature"),
        ({"top_p": 0.9}, "top_p"),
        ({"include": ["message.output_text.logprobs"]}, "include"),
        ({"model": "gpt-5.1", "reasoning": {"effort": "low"}, "temperature": 0}, "temperature"),
    ],
    ids=str,
)
async def test_what_a_reasoning_model_refuses(post, change, param):
    wire = await post(PATH, {"model": "gpt-5", "input": "hi", **change})
    assert (wire.status, wire.json["error"]["param"]) == (400, param)


async def test_it_takes_tools_while_it_reasons(post):
    body = {"model": "gpt-5.6", "input": "hi", "tools": [WEATHER], "reasoning": {"effort": "high"}}
    assert (await post(PATH, body)).status == 200


async def test_errors_by_name_and_status(openai: AsyncOpenAI):
    for model, status, code in (
        ("m@error=context_length_exceeded", 400, "context_length_exceeded"),
        ("m@status=429", 429, "rate_limit_exceeded"),
    ):
        with pytest.raises(APIStatusError) as caught:
            await openai.responses.create(model=model, input="x")
        assert (caught.value.status_code, caught.value.code) == (status, code)
    for field in ({"conversation": "conv_1"}, {"prompt": {"id": "pmpt_1"}}):
        with pytest.raises(NotFoundError):
            await openai.responses.create(model="m", input="x", **field)
