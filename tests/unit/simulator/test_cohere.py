"""Cohere's Embed and Rerank, by the published shapes."""

import base64
import struct

import orjson
import pytest

from extproc.simulator.app import answer
from extproc.simulator.call import World
from extproc.simulator.cohere.embed import IMAGE_TOKENS
from extproc.simulator.cohere.rerank import units
from extproc.simulator.server import Server
from extproc.simulator.tokens import prompt_tokens
from extproc.simulator.wire import Request

EMBED = {"model": "embed-v4.0", "input_type": "search_query", "texts": ["a b", "zwölf"]}
RERANK = {"model": "rerank-v3.5", "query": "silver fish", "documents": ["a boat", "a silver fish", "fish"]}
IMAGE = "data:image/png;base64,AAAA"


async def test_embed(post, simulator: Server):
    document = (await post("/v2/embed", EMBED)).json
    assert document.keys() == {"id", "embeddings", "texts", "response_type", "meta"}
    assert document["response_type"] == "embeddings_by_type"
    assert document["texts"] == EMBED["texts"]
    tokens = prompt_tokens("a b") + prompt_tokens("zwölf")
    assert document["meta"] == {"api_version": {"version": "2"}, "billed_units": {"input_tokens": tokens}}
    first, second = document["embeddings"]["float"]
    assert len(first) == 1536
    assert sum(x * x for x in first) == pytest.approx(1)
    assert first != second
    assert simulator.recorder.requests[-1].input_tokens == tokens


async def test_every_kind_of_embedding(post):
    kinds = ["float", "int8", "uint8", "binary", "ubinary", "base64"]
    document = (await post("/v2/embed", {**EMBED, "embedding_types": kinds, "output_dimension": 256})).json
    found = {kind: document["embeddings"][kind][0] for kind in kinds}
    assert {kind: len(found[kind]) for kind in kinds[:5]} == {
        "float": 256,
        "int8": 256,
        "uint8": 256,
        "binary": 32,
        "ubinary": 32,
    }
    assert struct.unpack("<256f", base64.b64decode(found["base64"])) == pytest.approx(found["float"], abs=1e-6)
    assert all(low + 128 == high for low, high in zip(found["int8"], found["uint8"], strict=True))
    assert all(-128 <= byte < 128 for byte in found["binary"])
    assert [byte - 128 for byte in found["ubinary"]] == found["binary"]


async def test_images_are_billed_apart(post):
    body = {"model": "embed-v4.0", "input_type": "image"}
    units_of = (await post("/v2/embed", {**body, "images": [IMAGE]})).json["meta"]["billed_units"]
    assert units_of == {"input_tokens": 0, "images": 1, "image_tokens": IMAGE_TOKENS}
    mixed = {"content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": IMAGE}}]}
    assert (await post("/v2/embed", {**body, "inputs": [mixed]})).status == 200


async def test_rerank(post, simulator: Server):
    document = (await post("/v2/rerank", {**RERANK, "top_n": 2})).json
    assert [result["index"] for result in document["results"]] == [1, 2]
    assert all(result.keys() == {"index", "relevance_score"} for result in document["results"])
    assert document["meta"] == {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    assert simulator.recorder.requests[-1].model == "rerank-v3.5"


async def test_the_first_version_of_rerank(post):
    body = {
        **RERANK,
        "documents": [{"text": "a boat"}, {"title": "x", "text": "silver fish"}],
        "return_documents": True,
    }
    document = (await post("/v1/rerank", body)).json
    assert document["meta"]["api_version"] == {"version": "1"}
    assert document["results"][0]["document"] == {"text": "silver fish"}
    by_title = (await post("/v1/rerank", {**body, "documents": body["documents"][1:], "rank_fields": ["title"]})).json
    assert by_title["results"][0]["document"]["text"] == '{"title":"x"}'
    assert "usage" in (await post("/v1/rerank", {**RERANK, "model": "bge"})).json, "another vendor has the path, too"


def test_search_units():
    assert units("q", ["d"] * 100) == 1
    assert units("q", ["d"] * 101) == 2
    assert units("q", ["word " * 2000] * 25) == 2, "2500 tokens and a query count as six documents"


@pytest.mark.parametrize(
    ("path", "change", "status", "words"),
    [
        ("/v2/embed", {"input_type": None}, 400, "valid input_type must be provided"),
        ("/v2/embed", {"model": None}, 400, "model is required"),
        ("/v2/embed", {"texts": ["x"] * 97}, 400, "must be at most 96 - received 97"),
        ("/v2/embed", {"texts": "x"}, 400, "invalid type: parameter texts"),
        ("/v2/embed", {"texts": []}, 400, "must not be empty"),
        ("/v2/embed", {"images": [IMAGE]}, 400, "exactly one of"),
        ("/v2/embed", {"output_dimension": 100}, 400, "output_dimension must be one of"),
        ("/v2/embed", {"model": "embed-english-v3.0", "output_dimension": 256}, 400, "not supported"),
        ("/v2/embed", {"embedding_types": ["float64"]}, 400, "embedding_types"),
        ("/v2/embed", {"input": "x"}, 422, "unknown field: parameter input"),
        ("/v2/rerank", {"documents": []}, 400, "list of documents must not be empty"),
        ("/v2/rerank", {"query": " "}, 400, "query must not be empty"),
        ("/v2/rerank", {"documents": [{"text": "x"}]}, 400, "invalid type: parameter documents[0]"),
        ("/v2/rerank", {"top_n": 0}, 400, "top_n must be at least 1"),
        ("/v2/rerank", {"return_documents": True}, 422, "unknown field"),
        ("/v1/rerank", {"max_tokens_per_doc": 5}, 422, "unknown field"),
    ],
)
async def test_refusals(post, path, change, status, words):
    body = {**(EMBED if path.endswith("embed") else RERANK), **change}
    wire = await post(path, {name: value for name, value in body.items() if value is not None})
    assert wire.status == status
    assert wire.json.keys() == {"id", "message"}
    assert words in wire.json["message"]


async def test_errors_and_faults(post):
    async def ask(**headers: str):
        return await post("/v2/rerank", RERANK, **headers)

    assert (await ask(authorization=None)).status == 401
    assert (await ask(x_sim_status="429")).headers["retry-after"] == "1"
    assert (await ask(x_sim_error="model_not_found")).status == 404
    assert (await ask(x_sim_error="context_length_exceeded")).json["message"].startswith("too many tokens")
    hidden = await ask(x_sim_fault="error_event")
    assert hidden.status == 200
    assert hidden.json["message"].startswith("internal server error")
    assert (await ask(x_sim_fault="early_end")).body != (await ask()).body
    assert (await ask(x_sim_fault="cut")).end == "reset"


JUNK = [None, True, 0, -1, 1.5, "", "x", [], [1], [{}], [None], [["x"]], {}, {"type": "x"}, {"content": [{"type": {}}]}]
RICH = {
    "/v2/embed": {**EMBED, "embedding_types": ["int8"], "output_dimension": 256, "truncate": "END", "max_tokens": 5},
    "/v2/rerank": {**RERANK, "top_n": 1, "max_tokens_per_doc": 9},
    "/v1/rerank": {**RERANK, "top_n": 1, "rank_fields": ["text"], "return_documents": True, "max_chunks_per_doc": 9},
}


@pytest.mark.parametrize("path", RICH)
def test_junk_anywhere_is_answered(path):
    world = World()
    refused = 0
    for name in [*RICH[path], "inputs", "images"]:
        for value in JUNK:
            body = {**RICH[path], name: value}
            if name in {"inputs", "images"}:
                body.pop("texts", None)
            request = Request("POST", path, [(b"authorization", b"Bearer k")], orjson.dumps(body), http11=True)
            plan, _ = answer(world, request)
            document = orjson.loads(plan.reply.body)
            if plan.reply.status != 200 and "id" in document:
                assert document["message"], (name, value)
                refused += 1
    assert refused > 20
