"""``POST /v1/rerank`` as vLLM and Jina have it: the more words a document shares with the query, the better.

Source: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#re-rank-api
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.call import Call
from extproc.simulator.embedding import similarity
from extproc.simulator.openai.errors import missing, wrong_type
from extproc.simulator.openai.rules import Span, check_flags, check_numbers, refuse_unknown, required_text
from extproc.simulator.replies import charge, document, text_bytes
from extproc.simulator.tokens import kind_of, prompt_tokens
from extproc.simulator.wire import Reply, names

KNOWN = names("model query documents top_n return_documents truncate_prompt_tokens max_tokens_per_doc user priority")

_SPANS: Mapping[str, Span] = {"top_n": Span(0, whole=True)}


def rerank(call: Call) -> Reply:
    """The documents, best first; ``top_n`` of them unless it is 0. Raises ``Refused``."""
    body = call.body
    refuse_unknown(body, KNOWN)
    required_text(body, "model")
    query = required_text(body, "query")
    texts = _documents(body.get("documents"))
    check_numbers(body, _SPANS)
    check_flags(body, "return_documents")
    top = body.get("top_n")
    # Each document is read together with the query.
    tokens = sum(prompt_tokens(query) + prompt_tokens(text) for text in texts)
    spent = charge(call, tokens, most=sum(text_bytes(query) + text_bytes(text) for text in texts))
    ranked = sorted(range(len(texts)), key=lambda at: -similarity(query, texts[at]))
    shown = body.get("return_documents") is not False
    results: list[Json] = [
        {
            "index": at,
            **({"document": {"text": texts[at]}} if shown else {}),
            "relevance_score": similarity(query, texts[at]),
        }
        for at in (ranked[:top] if isinstance(top, int) and top else ranked)
    ]
    answer: JsonObject = {
        "id": f"rerank-{call.token}",
        "model": call.record.model,
        "usage": {"prompt_tokens": spent.input, "total_tokens": spent.input},
        "results": results,
    }
    return document(call, answer)


def _documents(given: Json) -> list[str]:
    if given is None:
        raise missing("documents")
    if not isinstance(given, list) or not given:
        raise wrong_type("documents", "an array of strings", kind_of(given))
    return [_text(one, f"documents[{at}]") for at, one in enumerate(given)]


def _text(given: Json, path: str) -> str:
    match given:
        case str():
            return given
        case {"text": str(text)}:
            return text
        case _:
            raise wrong_type(path, "a string", kind_of(given))
