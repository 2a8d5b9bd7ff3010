"""OpenAI's files and batches, judged by the official SDK."""

from typing import get_type_hints

import orjson
import pytest
from openai import AsyncOpenAI, BadRequestError, ConflictError, NotFoundError
from openai.types import Batch, FileObject, batch_create_params

from extproc.simulator import kept
from extproc.simulator.openai import batches
from extproc.simulator.server import Server


def lines(*requests: dict) -> bytes:
    return b"\n".join(orjson.dumps(request) for request in requests)


def chat(identity: str, text: str, url: str = "/v1/chat/completions", **fields) -> dict:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **fields}
    return {"custom_id": identity, "method": "POST", "url": url, "body": body}


async def upload(openai: AsyncOpenAI, content: bytes, purpose: str = "batch", name: str = "in.jsonl") -> FileObject:
    return await openai.files.create(file=(name, content), purpose=purpose)


async def test_files_come_and_go(openai: AsyncOpenAI):
    content = b"--boundary\r\n\x00\xff binary\n"
    file = await upload(openai, content, "user_data", "a b.bin")
    assert (file.bytes, file.filename, file.purpose, file.status) == (len(content), "a b.bin", "user_data", "processed")
    FileObject.model_validate(file.model_dump())
    assert (await openai.files.retrieve(file.id)).model_dump() == file.model_dump()
    assert (await openai.files.content(file.id)).content == content
    assert (await openai.files.delete(file.id)).deleted
    with pytest.raises(NotFoundError, match=f"No such File object: {file.id}"):
        await openai.files.retrieve(file.id)
    with pytest.raises(NotFoundError):
        await openai.files.delete(file.id)


async def test_files_are_listed_by_page(openai: AsyncOpenAI):
    made = [(await upload(openai, b"x", "vision" if number % 2 else "user_data")).id for number in range(5)]
    assert [file.id async for file in openai.files.list(limit=2)] == made[::-1]
    assert [file.id async for file in openai.files.list(limit=2, order="asc")] == made
    assert [file.id async for file in openai.files.list(purpose="vision", order="asc")] == made[1::2]
    with pytest.raises(BadRequestError):
        await openai.files.list(limit=0)


async def test_files_are_the_accounts_own(openai: AsyncOpenAI, simulator: Server):
    file = await upload(openai, b"x")
    for other in (
        openai.with_options(api_key="another"),
        openai.with_options(base_url=f"http://127.0.0.1:{simulator.port}/p/other/v1"),
    ):
        assert [one.id async for one in other.files.list()] == []
        with pytest.raises(NotFoundError):
            await other.files.content(file.id)


async def test_refusals_of_files(openai: AsyncOpenAI, monkeypatch):
    with pytest.raises(BadRequestError, match="Supported values are"):
        await upload(openai, b"x", "other")
    with pytest.raises(BadRequestError, match=r"Must be \.jsonl"):
        await upload(openai, b"x", "batch", "in.txt")
    with pytest.raises(BadRequestError, match="empty"):
        await upload(openai, b"", "user_data")
    expiring = await openai.files.create(
        file=("a", b"x"), purpose="vision", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert expiring.expires_at == expiring.created_at + 3600
    monkeypatch.setattr(kept, "FILE_BYTES", 5)
    full = "reached its storage limit"
    with pytest.raises(Exception, match=full) as caught:
        await upload(openai, b"x" * 6)
    assert caught.value.status_code == 413
    await openai.files.delete(expiring.id)
    assert (await upload(openai, b"x" * 5)).bytes == 5


async def test_a_batch_runs_to_its_end(openai: AsyncOpenAI, simulator: Server):
    content = lines(chat("one", "echo: a b"), chat("two", "echo: c"), chat("three", "x", stream=True))
    file = await upload(openai, content)
    batch = await openai.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"a": "b"}
    )
    assert (batch.status, batch.metadata, batch.request_counts.total) == ("validating", {"a": "b"}, 3)
    Batch.model_validate(batch.model_dump())
    record = simulator.recorder.requests[-1]
    assert (await openai.batches.retrieve(batch.id)).status == "in_progress"
    done = await openai.batches.retrieve(batch.id)
    Batch.model_validate(done.model_dump())
    assert done.status == "completed"
    assert done.request_counts.model_dump() == {"total": 3, "completed": 2, "failed": 1}
    assert done.usage.output_tokens == record.output_tokens == 3
    assert done.usage.input_tokens == record.input_tokens > 0
    assert (await openai.batches.retrieve(batch.id)).status == "completed"
    output = [orjson.loads(line) for line in (await openai.files.content(done.output_file_id)).text.splitlines()]
    assert [one["custom_id"] for one in output] == ["one", "two"]
    assert [one["response"]["body"]["choices"][0]["message"]["content"] for one in output] == ["a b", "c"]
    failed = [orjson.loads(line) for line in (await openai.files.content(done.error_file_id)).text.splitlines()]
    assert [(one["custom_id"], one["response"]["status_code"]) for one in failed] == [("three", 400)]
    with pytest.raises(ConflictError):
        await openai.batches.cancel(batch.id)


@pytest.mark.parametrize(
    ("endpoint", "body", "usage"),
    [
        ("/v1/responses", {"model": "m", "input": "echo: a b"}, 2),
        ("/v1/completions", {"model": "m", "prompt": "echo: a b"}, 2),
        ("/v1/embeddings", {"model": "m", "input": "a b"}, 0),
        ("/v1/moderations", {"input": "a b"}, 0),
    ],
)
async def test_batches_of_other_endpoints(openai: AsyncOpenAI, endpoint, body, usage):
    file = await upload(openai, lines({"custom_id": "a", "method": "POST", "url": endpoint, "body": body}))
    batch = await openai.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h")
    await openai.batches.retrieve(batch.id)
    done = await openai.batches.retrieve(batch.id)
    assert done.request_counts.completed == 1
    assert done.usage.output_tokens == usage


async def test_batches_can_be_cancelled_and_listed(openai: AsyncOpenAI):
    file = await upload(openai, lines(chat("one", "x")))
    made = [
        await openai.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        for _ in range(3)
    ]
    assert (await openai.batches.cancel(made[0].id)).status == "cancelling"
    assert (await openai.batches.retrieve(made[0].id)).status == "cancelled"
    assert [batch.id async for batch in openai.batches.list(limit=2)] == [one.id for one in made[::-1]]
    with pytest.raises(NotFoundError):
        await openai.batches.retrieve("batch_none")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{nope", "invalid_json_line"),
        (b"  \n", "empty_file"),
        (lines(chat("a", "x", url="/v1/responses")), "mismatched_endpoint"),
        (lines(chat("a", "x"), chat("a", "y")), "duplicate_custom_id"),
        (lines({"custom_id": "a"}), "invalid_request"),
    ],
)
async def test_a_bad_file_makes_a_failed_batch(openai: AsyncOpenAI, content, code):
    file = await upload(openai, content)
    batch = await openai.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert batch.status == "failed"
    assert batch.errors.data[0].code == code


async def test_refusals_of_batches(openai: AsyncOpenAI, post):
    file = await upload(openai, lines(chat("one", "x")))
    picture = await upload(openai, b"x", "vision")
    good = {"input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    for change, status in (
        ({"completion_window": "1h"}, 400),
        ({"endpoint": "/v1/other"}, 400),
        ({"endpoint": None}, 400),
        ({"extra": 1}, 400),
        ({"input_file_id": "file-none"}, 404),
        ({"input_file_id": picture.id}, 400),
    ):
        assert (await post("/v1/batches", {**good, **change})).status == status, change


def test_every_field_of_the_sdk_is_known():
    assert set(get_type_hints(batch_create_params.BatchCreateParams)) == batches.KNOWN
