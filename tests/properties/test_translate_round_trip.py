"""There and back again: an agent that speaks one dialect, on a provider of the other, loses nothing of its turns."""

import orjson
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from extproc.translate.answer import translate_answer
from extproc.translate.pairs import PAIRS
from extproc.translate.request import RequestJob, translate_request
from extproc.translate.response import AnswerStream

CLAUDE = "claude-sonnet-4-6"
PNG = "iVBORw0KGgo="

texts = st.text(alphabet='ab "\\é😀\n{}:', min_size=1, max_size=12).filter(str.strip)
words = st.text(alphabet="abcXYZ019_-", min_size=1, max_size=8)
numbers = st.integers(-(2**53), 2**53) | st.sampled_from([0.5, -1.25, 1e30])
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
inputs = st.dictionaries(words, json_values, max_size=3)
SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}, "additionalProperties": False}


def translated_request(client: str, provider: str, request: dict) -> dict:
    pair = PAIRS[client, provider]
    job = RequestJob(request["model"], stream=False, same_dialect=False)
    return orjson.loads(translate_request(pair.client, pair.provider, orjson.dumps(request), request, job).body)


def translated_answer(client: str, provider: str, answer: dict) -> dict:
    pair = PAIRS[client, provider]
    body = orjson.dumps(answer)
    return orjson.loads(translate_answer(pair.client, pair.provider, body, created=1, same_dialect=False).body)


# What Claude says: thinking with its signatures, then text, then parallel calls.
thoughts = st.lists(
    st.builds(lambda text, sign: {"type": "thinking", "thinking": text, "signature": sign}, texts, words)
    | st.builds(lambda data: {"type": "redacted_thinking", "data": data}, words),
    max_size=3,
)
said = st.lists(st.builds(lambda text: {"type": "text", "text": text}, texts), max_size=1)
calls = st.lists(st.tuples(words, inputs), min_size=1, max_size=3).map(
    lambda pairs: [
        {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": given_input}
        for number, (name, given_input) in enumerate(pairs)
    ]
)
claude_turns = st.tuples(thoughts, said, calls).map(lambda parts: [*parts[0], *parts[1], *parts[2]])


def claude_answer(blocks: list) -> dict:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": CLAUDE,
        "content": blocks,
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }


def pieces(text: str) -> list[str]:
    return [text[:1], text[1:]] if len(text) > 1 else [text]


def claude_stream(blocks: list) -> bytes:
    events: list[dict] = [{"type": "message_start", "message": claude_answer([]) | {"stop_reason": None}}]
    for index, block in enumerate(blocks):
        match block["type"]:
            case "thinking":
                start = block | {"thinking": "", "signature": ""}
                deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])]
                deltas.append({"type": "signature_delta", "signature": block["signature"]})
            case "text":
                start, deltas = (
                    block | {"text": ""},
                    [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])],
                )
            case "tool_use":
                start = block | {"input": {}}
                json_text = orjson.dumps(block["input"]).decode() if block["input"] else ""
                deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(json_text)]
            case _:
                start, deltas = block, []
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 2}})
    events.append({"type": "message_stop"})
    return b"".join(b"event: %s\ndata: %s\n\n" % (event["type"].encode(), orjson.dumps(event)) for event in events)


def as_openai_sdk_message(stream: bytes) -> dict:
    """The message that an application gets when it lets the SDK join the stream."""
    state = ChatCompletionStreamState()
    for event in stream.split(b"\n\n"):
        data = event.removeprefix(b"data: ")
        if data not in {b"", b"[DONE]"}:
            state.handle_chunk(ChatCompletionChunk.model_validate(orjson.loads(data)))
    return state.current_completion_snapshot.choices[0].message.to_dict()


def next_openai_request(message: dict) -> dict:
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": f"result of {call['id']}"}
        for call in message["tool_calls"]
    ]
    return {"model": CLAUDE, "max_tokens": 9, "messages": [{"role": "user", "content": "Go."}, message, *results]}


@given(claude_turns)
def test_an_openai_agent_on_claude_gives_back_every_block_with_its_signature(blocks):
    message = translated_answer("openai-chat", "anthropic", claude_answer(blocks))["choices"][0]["message"]
    turns = translated_request("openai-chat", "anthropic", next_openai_request(message))["messages"]
    assert turns[1] == {"role": "assistant", "content": blocks}
    assert [block["tool_use_id"] for block in turns[2]["content"]] == [
        b["id"] for b in blocks if b["type"] == "tool_use"
    ]


@given(claude_turns)
def test_an_openai_agent_that_streams_gives_them_back_too(blocks):
    pair = PAIRS["openai-chat", "anthropic"]
    writer = pair.client.stream_writer(created=1, include_usage=True)
    stream = AnswerStream(pair.provider.stream_reader(), writer, hide_usage=False, model="m")
    progress = stream.feed(claude_stream(blocks))
    assert progress.ended
    message = as_openai_sdk_message(progress.data)
    turns = translated_request("openai-chat", "anthropic", next_openai_request(message))["messages"]
    assert turns[1] == {"role": "assistant", "content": blocks}


# What a GPT says: text, then parallel calls.
gpt_calls = st.lists(st.tuples(words, inputs), min_size=1, max_size=3).map(
    lambda pairs: [
        {
            "id": f"call_{n}",
            "type": "function",
            "function": {"name": name, "arguments": orjson.dumps(arguments).decode()},
        }
        for n, (name, arguments) in enumerate(pairs)
    ]
)


@given(st.none() | texts, gpt_calls)
def test_an_anthropic_agent_on_openai_gives_back_text_and_calls(content, tool_calls):
    message = {"role": "assistant", "content": content, "tool_calls": tool_calls, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt", "choices": [choice]}
    blocks = translated_answer("anthropic-messages", "openai", answer)["content"]
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "ok"}
        for block in blocks
        if block["type"] == "tool_use"
    ]
    request = {
        "model": "gpt",
        "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "Go."},
            {"role": "assistant", "content": blocks},
            {"role": "user", "content": results},
        ],
    }
    turns = translated_request("anthropic-messages", "openai", request)["messages"]
    assert turns[1]["content"] == content
    assert turns[1]["tool_calls"] == tool_calls
    assert [turn["tool_call_id"] for turn in turns[2:]] == [call["id"] for call in tool_calls]


# Whole requests through both translations: what both dialects can say comes back.
images = st.sampled_from(
    [
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
    ]
)
user_blocks = st.lists(st.builds(lambda text: {"type": "text", "text": text}, texts) | images, min_size=2, max_size=4)
choices = st.sampled_from([{"type": "auto"}, {"type": "any"}, {"type": "none"}, {"type": "tool", "name": "t0"}])


@st.composite
def requests(draw: st.DrawFn) -> dict:
    request = {
        "model": CLAUDE,
        "max_tokens": draw(st.integers(1, 99)),
        "messages": [{"role": "user", "content": draw(user_blocks)}],
    }
    blocks = [block for block in draw(claude_turns) if block["type"] in {"text", "tool_use"}]
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": draw(texts)}
        for block in blocks
        if block["type"] == "tool_use"
    ]
    request["messages"] += [{"role": "assistant", "content": blocks}, {"role": "user", "content": results}]
    request["tools"] = [
        {"name": f"t{number}", "description": draw(texts), "input_schema": SCHEMA}
        for number in range(draw(st.integers(1, 2)))
    ]
    request |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "system": texts,
                "tool_choice": choices,
                "temperature": st.sampled_from([0, 0.5, 1]),
                "stop_sequences": st.lists(texts, min_size=1, max_size=2),
                "metadata": st.builds(lambda user: {"user_id": user}, words),
                "output_config": st.just({"format": {"type": "json_schema", "schema": SCHEMA}}),
            },
        )
    )
    return request


@given(requests())
def test_a_request_survives_both_translations(request):
    openai = translated_request("anthropic-messages", "openai", request)
    assert translated_request("openai-chat", "anthropic", openai) == request
