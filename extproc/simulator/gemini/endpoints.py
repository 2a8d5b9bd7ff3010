"""What Gemini's paths do, and Vertex's for Gemini, which differ in what they know (``vertex``).

Source: https://ai.google.dev/api/all-methods
"""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.call import Call, Handler
from extproc.simulator.dialect import Exchange, Speech, Spent
from extproc.simulator.embedding import vector
from extproc.simulator.gemini.array import as_array
from extproc.simulator.gemini.check import blocked, counted
from extproc.simulator.gemini.contents import member, objects
from extproc.simulator.gemini.errors import GoogleRefused, invalid, listed
from extproc.simulator.gemini.prompt import cached_tokens, content_tokens
from extproc.simulator.gemini.render import BLOCKED
from extproc.simulator.gemini.schema import normal
from extproc.simulator.handlers import understand, voice
from extproc.simulator.tokens import prompt_tokens
from extproc.simulator.wire import Refused, Reply, Stream, Whole

MODELS = (
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-3-pro-preview",
    "gemini-3-flash-preview",
    "gemini-embedding-001",
    "gemini-embedding-2",
)
"""What the list shows; any other name is served as well."""

_UNCOUNTED = "gemini-embedding-001"
JSON = b"application/json; charset=UTF-8"
_SIZE = 3072
_VERTEX_SIZE = 768


def generate(speech: Speech, *, vertex: bool) -> Handler:
    """``:generateContent`` and ``:streamGenerateContent``; the latter is an array unless ``alt=sse`` asks for events."""

    def handle(call: Call) -> Reply:
        in_array = "stream" in call.request.path and parse_qs(call.request.query).get("alt") != ["sse"]
        try:
            body = normal(call.body, "GenerateContentRequest", vertex=vertex)
            call = replace(call, body=body)
            reply = voice(call, speech, _screened(call, understand(call, speech)))
        except Refused as refused:
            raise (listed(refused) if in_array else refused) from refused
        if isinstance(reply, Stream):
            at_once = call.behaviour.fault_at == 0
            return (
                as_array(reply, fails_at_once=at_once)
                if in_array
                else replace(reply, content_type=b"text/event-stream")
            )
        return replace(reply, content_type=JSON)

    return handle


def _screened(call: Call, exchange: Exchange) -> Exchange:
    """The exchange with nothing said where its prompt is blocked, and with what an explicit cache holds read from it."""
    record, behaviour = call.record, call.behaviour
    if behaviour.cache_write_tokens is None:
        record.cache_write_tokens = 0  # Google does not bill them.
    if behaviour.cache_read_tokens is None and not behaviour.most:
        record.cache_read_tokens = max(exchange.spent.cache_read, cached_tokens(call.body))
        exchange = replace(exchange, spent=replace(exchange.spent, cache_read=record.cache_read_tokens))
    reason = blocked(call.body, exchange.finish)
    if not reason:
        return exchange
    record.output_tokens = 0
    spent = Spent(exchange.spent.input, 0, cache_read=exchange.spent.cache_read)
    return replace(exchange, said=(), spent=spent, finish=f"{BLOCKED}{reason}")


def count_tokens(*, vertex: bool) -> Handler:
    """``:countTokens``."""

    def answer(call: Call) -> JsonObject:
        tokens = counted(normal(call.body, "CountTokensRequest", vertex=vertex), vertex=vertex)
        details: Json = [{"modality": "TEXT", "tokenCount": tokens}]
        billable = {"totalBillableCharacters": 4 * tokens} if vertex else {}
        return {"totalTokens": tokens, **billable, "promptTokensDetails": details}

    return _plain(answer)


def embed(*, vertex: bool) -> Handler:
    """``:embedContent``, one content."""

    def answer(call: Call) -> JsonObject:
        body = normal(call.body, "EmbedContentRequest", vertex=vertex)
        found, tokens = _embedding(body)
        call.record.input_tokens = tokens
        return {"embedding": found, **_embedding_usage(call, tokens, vertex=vertex)}

    return _plain(answer)


def batch_embed(call: Call) -> Reply:
    """``:batchEmbedContents``, each request naming the model again."""

    def answer(call: Call) -> JsonObject:
        requests = objects(normal(call.body, "BatchEmbedContentsRequest", vertex=False).get("requests"))
        if not requests:
            raise invalid("* BatchEmbedContentsRequest.requests: requests is not specified\n")
        for index, one in enumerate(requests):
            if one.get("model") != f"models/{call.record.model}":
                raise invalid(
                    f"* BatchEmbedContentsRequest.requests[{index}].model: unexpected model name format, or not the one "
                    "of the path\n"
                )
        found = [_embedding(one) for one in requests]
        tokens = call.record.input_tokens = sum(tokens for _, tokens in found)
        return {"embeddings": [one for one, _ in found], **_embedding_usage(call, tokens, vertex=False)}

    return _plain(answer)(call)


def predict(call: Call) -> Reply:
    """Vertex's ``:predict`` of text embeddings."""

    def answer(call: Call) -> JsonObject:
        body = normal(call.body, "PredictRequest", vertex=True)
        instances = objects(body.get("instances"))
        if not instances:
            raise invalid("Empty instances.")
        size = _size(member(body, "parameters") or {}, _VERTEX_SIZE)
        predictions: list[Json] = []
        for instance in instances:
            text = instance.get("content")
            if not isinstance(text, str) or not text:
                raise invalid("The text content is empty.")
            statistics: Json = {"truncated": False, "token_count": prompt_tokens(text)}
            predictions.append({"embeddings": {"values": list[Json](vector(text, size)), "statistics": statistics}})
        texts = [str(instance["content"]) for instance in instances]
        call.record.input_tokens = sum(prompt_tokens(text) for text in texts)
        return {"predictions": predictions, "metadata": {"billableCharacterCount": sum(len(text) for text in texts)}}

    return _plain(answer)(call)


def models(call: Call) -> Reply:
    """``GET /v1beta/models``."""
    return _plain(lambda _: {"models": [_model(name) for name in MODELS]})(call)


def model(call: Call) -> Reply:
    """``GET /v1beta/models/{model}``."""
    name = call.record.model
    if name not in MODELS:
        raise GoogleRefused(f"Model is not found: models/{name} for api version v1beta", status=404)
    return _plain(lambda _: _model(name))(call)


def _plain(answer: Callable[[Call], JsonObject]) -> Handler:
    def handle(call: Call) -> Reply:
        body = orjson.dumps(answer(call), option=orjson.OPT_INDENT_2)
        return Whole(200, call.manners.headers(call.token), body, content_type=JSON)

    return handle


def _embedding(body: JsonObject) -> tuple[Json, int]:
    content = member(body, "content")
    if content is None or not objects(content.get("parts")):
        raise invalid("* EmbedContentRequest.content: contents is not specified\n")
    text = " ".join(str(part.get("text", "")) for part in objects(content.get("parts")))
    config = member(body, "embedContentConfig") or body
    return {"values": list[Json](vector(text, _size(config, _SIZE)))}, content_tokens(content)


def _embedding_usage(call: Call, tokens: int, *, vertex: bool) -> JsonObject:
    """``usageMetadata``, which the Gemini API does not tell of its older model.

    Source: https://ai.google.dev/api/embeddings#EmbeddingUsageMetadata, google-genai's ``embed_content``.
    """
    if not vertex and call.record.model == _UNCOUNTED:
        return {}
    details: Json = [{"modality": "TEXT", "tokenCount": tokens}]
    name = "promptTokensDetails" if vertex else "promptTokenDetails"
    return {"usageMetadata": {"promptTokenCount": tokens, name: details}}


def _size(config: JsonObject, usual: int) -> int:
    size = config.get("outputDimensionality", usual)
    if not isinstance(size, int) or not 1 <= size <= _SIZE:
        raise invalid(f"output_dimensionality must be between 1 and {_SIZE}.")
    return size


def _model(name: str) -> JsonObject:
    methods: list[Json] = ["embedContent"] if "embedding" in name else ["generateContent", "countTokens"]
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name.replace("-", " ").title(),
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": methods,
    }
