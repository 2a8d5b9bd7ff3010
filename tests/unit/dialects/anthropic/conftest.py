"""The judge of these tests is the ``anthropic`` SDK: its request types, its client, its stream accumulator."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin

import anthropic
import httpx2
import orjson
import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from typing_extensions import get_type_hints, is_typeddict

SAMPLING = {"temperature", "top_p", "top_k"}
STREAMS = Path(__file__).parents[3] / "goldens" / "streams" / "anthropic"


def conforms(value: object, hint: Any) -> bool:  # noqa: PLR0911 -- one line for each kind of type
    """Whether the value is exactly of this type of the SDK: no field missing, none unknown.

    Written by hand, for pydantic reads the SDK's ``Iterable`` fields lazily and lets unknown fields of a TypedDict pass.
    """
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any or hint is object:
        return True
    if origin in {Required, NotRequired}:
        return conforms(value, args[0])
    if origin is Literal:
        return any(value == arg and type(value) is type(arg) for arg in args)
    if origin is Union:
        return any(conforms(value, arg) for arg in args)
    if is_typeddict(hint):
        hints = get_type_hints(hint, include_extras=True)
        required = {name for name, inner in hints.items() if get_origin(inner) is Required}
        return (
            isinstance(value, dict)
            and required <= value.keys() <= hints.keys()
            and all(conforms(inner, hints[name]) for name, inner in value.items())
        )
    if origin in {dict, Mapping}:
        return isinstance(value, dict) and all(conforms(inner, args[1]) for inner in value.values())
    if isinstance(origin, type) and args and not isinstance(value, str):
        # list, Iterable, and the SDK's own sequence protocol
        return isinstance(value, list) and all(conforms(inner, args[0]) for inner in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(hint, type) and hint in {str, bool, NoneType} and isinstance(value, hint)


@pytest.fixture(scope="session")
def is_request() -> Callable[[Mapping[str, object]], bool]:
    """Whether a body is a request as the SDK's types have it; checked part by part, so that a failure says where."""

    def judge(body: Mapping[str, object]) -> bool:
        # The SDK has dropped these from its types; the API takes them of older models, under anthropic-version 2023-06-01.
        body = {name: value for name, value in body.items() if not (name in SAMPLING and conforms(value, float))}
        kind = MessageCreateParamsStreaming if body.get("stream") else MessageCreateParamsNonStreaming
        hints = get_type_hints(kind, include_extras=True)
        wrong = {name: value for name, value in body.items() if name not in hints or not conforms(value, hints[name])}
        assert not wrong, f"not of the SDK's types: {wrong}"
        return conforms(body, kind)

    return judge


def _client(answer: httpx2.Response) -> anthropic.Anthropic:
    transport = httpx2.MockTransport(lambda request: answer)
    return anthropic.Anthropic(
        api_key="test", base_url="http://gateway", max_retries=0, http_client=httpx2.Client(transport=transport)
    )


@pytest.fixture(scope="session")
def sdk_stream() -> Callable[[bytes], dict[str, Any]]:
    """What the SDK's ``messages.stream`` accumulates from these bytes. Raises as the SDK does."""

    def read(body: bytes) -> dict[str, Any]:
        client = _client(httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body))
        with client.messages.stream(model="m", max_tokens=1, messages=[]) as stream:
            return stream.get_final_message().model_dump(mode="json", exclude_none=True, warnings=False)

    return read


@pytest.fixture(scope="session")
def sdk_message() -> Callable[[object], anthropic.types.Message]:
    """The message that the SDK's ``messages.create`` makes of this answer, strictly validated."""

    def read(answer: object) -> anthropic.types.Message:
        body = orjson.dumps(answer)
        message = _client(
            httpx2.Response(200, headers={"content-type": "application/json"}, content=body)
        ).messages.create(model="m", max_tokens=1, messages=[])
        return anthropic.types.Message.model_validate(message.model_dump())

    return read


@pytest.fixture(scope="session")
def sdk_error() -> Callable[[int, object], anthropic.APIStatusError]:
    """The exception that the SDK raises on this status and body."""

    def read(status: int, body: object) -> anthropic.APIStatusError:
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        client = _client(httpx2.Response(status, headers={"content-type": "application/json"}, content=content))
        with pytest.raises(anthropic.APIStatusError) as caught:
            client.messages.create(model="m", max_tokens=1, messages=[])
        return caught.value

    return read


@pytest.fixture(scope="session")
def stream() -> Callable[[str], bytes]:
    """The bytes of a golden stream."""
    return lambda name: (STREAMS / f"{name}.sse").read_bytes()
