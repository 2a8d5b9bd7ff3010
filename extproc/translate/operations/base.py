"""The interface of an operation, and what all of them need to read an answer."""

from collections.abc import Mapping
from dataclasses import field
from typing import Protocol

import orjson

from extproc.dialects.losses import cannot_carry
from extproc.dialects.openai_errors import stream_error
from extproc.domain.errors import InvalidRequest, ProviderBadAnswer
from extproc.domain.jsontext import read_json
from extproc.domain.reading import Json, JsonObject
from extproc.domain.usage import Usage
from extproc.domain.valueclass import valueclass
from extproc.translate.answer import TranslatedAnswer
from extproc.translate.edit import DELETE, Changes
from extproc.translate.request import TranslatedRequest


@valueclass
class OperationJob:
    """What an attempt wants of a request."""

    model: str
    """The provider's name of the model."""
    content_type: str = ""
    """The client's header, where the body is a form; its boundary stands there."""
    drop_unsupported: bool = False
    """Leave out what the provider cannot take, and name it in ``TranslatedRequest.dropped``, instead of raising."""
    edits: Changes = field(default_factory=dict[str, Json])
    """Further top-level changes of a JSON body, in the client's spelling."""


class Operation(Protocol):
    """One operation at one kind of provider."""

    def request(self, body: bytes, parsed: JsonObject, job: OperationJob) -> TranslatedRequest:
        """The client's ``body`` as the provider takes it; ``parsed``: its JSON, or the fields of its form.

        Raises ``InvalidRequest`` where it is no such request, ``UnsupportedFeature`` naming what cannot be carried.
        """
        ...

    def answer(self, body: bytes, *, model: str, request: JsonObject) -> TranslatedAnswer:
        """A whole answer as the client takes it; ``request``: what the client asked, ``model`` the provider's name.

        Usage is empty where the vendor reports none in the body. Raises ``ProviderBadAnswer``, and the provider's own
        error where a 200 holds one.
        """
        ...


def read_object(body: bytes) -> JsonObject:
    """The answer's JSON object. Raises as ``Operation.answer``."""
    try:
        value = read_json(body)
    except orjson.JSONDecodeError as error:
        raise ProviderBadAnswer("the provider's answer is not JSON") from error
    if not isinstance(value, Mapping):
        raise ProviderBadAnswer("the provider's answer is not a JSON object")
    if value.get("error"):
        raise stream_error(value)
    return value


_MOST_ADDED_BYTES = 1024 * 1024
_MOST_GROWN = 8
"""What a translation may add to a request, and how many times over it may write it. A text of a word grows fifteenfold
at Google, but two thousand of them are a quarter of a megabyte."""


def write_request(value: JsonObject, asked: bytes) -> bytes:
    """The body for the provider; ``asked``: the client's.

    Raises ``InvalidRequest`` for what a JSON parser reads but cannot write, and where a small request has become a large
    one: a client pays for the bytes that it sends, and the gateway holds those that it writes.
    """
    try:
        written = orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise untranslatable() from error
    if len(written) > _MOST_ADDED_BYTES + _MOST_GROWN * len(asked):
        raise InvalidRequest(
            f"the request of {len(asked)} bytes would become {len(written)} in the words of this model's provider: send"
            " fewer inputs at once"
        )
    return written


def untranslatable() -> InvalidRequest:
    """Orjson reads 1,024 levels and writes 254; a limit such as 1e300 is read as a whole number, but not written."""
    return InvalidRequest(
        "the request cannot be translated for this model's provider: it is nested too deeply or holds an integer"
        " beyond 64 bits"
    )


def write_answer(value: JsonObject) -> bytes:
    """The body for the client. Raises ``ProviderBadAnswer``, as ``write_request``."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise ProviderBadAnswer("the provider's answer cannot be translated: nested too deeply") from error


def answered(body: bytes, usage: Usage, *, model: str, said: JsonObject) -> TranslatedAnswer:
    """An answer that has no finish reason. ``said`` names itself (``id``) and its model, or ``model`` stands in."""
    named, own_id = said.get("model"), said.get("id")
    return TranslatedAnswer(
        body=body,
        usage=usage,
        finish_reason=None,
        response_model=(named if isinstance(named, str) and named else model) or None,
        response_id=own_id if isinstance(own_id, str) and own_id else None,
    )


def edited(parsed: JsonObject, edits: Changes) -> JsonObject:
    """The request with these changes; what it was is not changed."""
    if not edits:
        return parsed
    kept = {name: value for name, value in parsed.items() if name not in edits}
    return kept | {name: value for name, value in edits.items() if value is not DELETE}


def count(value: JsonObject, name: str) -> int:
    """A count of tokens or units; what is absent, negative or no number counts 0."""
    number = value.get(name)
    return max(int(number), 0) if isinstance(number, int | float) and abs(number) < 2**53 else 0


def member(value: JsonObject, name: str) -> JsonObject:
    """A nested object; empty where there is none."""
    inner = value.get(name)
    return inner if isinstance(inner, Mapping) else {}


def refuse_lost(lost: tuple[str, ...], job: OperationJob, who: str) -> None:
    """Raise ``UnsupportedFeature`` naming what ``who`` cannot take, unless it may be dropped."""
    if lost and not job.drop_unsupported:
        raise cannot_carry(who, dict.fromkeys(lost, ""))
