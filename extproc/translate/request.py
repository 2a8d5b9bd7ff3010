"""A request on its way to the provider; ``extproc.translate.answer`` and ``.response`` are the way back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import orjson

from extproc.dialects.base import ClientDialect, ProviderDialect, Rendered, RenderOptions
from extproc.domain.conversation import Conversation
from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Json, JsonObject, kind_of
from extproc.translate.edit import DELETE, Changes, edit_members
from extproc.translate.foreign import without_foreign
from extproc.translate.same import EDIT_PLANS


@dataclass(frozen=True, slots=True)
class RequestJob:
    """What an attempt wants of a request. ``same_dialect`` is for ``extproc.translate.pairs`` to say."""

    model: str
    """The provider's name of the model."""
    stream: bool
    same_dialect: bool
    options: RenderOptions = field(default_factory=RenderOptions)
    edits: Changes = field(default_factory=dict[str, Json])
    """Further top-level changes, in the client's spelling; made before any translation."""
    final: Changes = field(default_factory=dict[str, Json])
    """Top-level changes of the provider's body, made last: what differs where a cloud serves somebody's models."""


@dataclass(frozen=True, slots=True)
class TranslatedRequest:
    """The body for the provider, the request fields that it could not take, and what the client expects back."""

    body: bytes
    dropped: tuple[str, ...] = ()
    include_usage: bool = True
    """OpenAI clients: whether a stream shall show the usage chunk, for ``stream_writer`` and ``AnswerStream``."""
    opaque: bool = False
    """The answer is passed on as it comes: it is no JSON, or events that nobody but the client reads."""


def translate_request(
    client: ClientDialect, provider: ProviderDialect, body: bytes, parsed: Json, job: RequestJob
) -> TranslatedRequest:
    """The client's ``body`` (``parsed``: what ``orjson`` made of it) as the provider takes it.

    Raises ``InvalidRequest`` where the body is not a request of the client's dialect, ``MalformedJson`` where it holds
    an edited field twice, ``UnsupportedFeature`` naming every field that the provider's dialect has no word for.
    """
    if not isinstance(parsed, Mapping):
        raise InvalidRequest(f"the request body must be a JSON object, not {kind_of(parsed)}")
    if job.same_dialect:
        plan = EDIT_PLANS[client.name](_edited(parsed, job.edits), model=job.model, stream=job.stream)
        changes = {**without_foreign(client.name, body, parsed), **job.edits, **plan.changes, **job.final}
        return TranslatedRequest(edit_members(body, changes, parsed=parsed), (), plan.include_usage)
    try:
        conversation, rendered = _translated(client, provider, _edited(parsed, job.edits), job)
        body = orjson.dumps(_edited(rendered.body, job.final))
        return TranslatedRequest(body, rendered.dropped, conversation.include_usage)
    except (RecursionError, orjson.JSONEncodeError) as error:
        # orjson reads 1,024 levels and writes 254; a limit such as 1e300 is read as a whole number, but not written.
        raise InvalidRequest(
            "the request cannot be translated for this model's provider: it is nested too deeply or holds an integer"
            " beyond 64 bits"
        ) from error


def _translated(
    client: ClientDialect, provider: ProviderDialect, parsed: JsonObject, job: RequestJob
) -> tuple[Conversation, Rendered]:
    conversation = replace(client.parse_request(parsed), model=job.model, stream=job.stream)
    return conversation, provider.render_request(conversation, job.options)


def _edited(parsed: JsonObject, edits: Changes) -> JsonObject:
    if not edits:
        return parsed
    changed = {name: value for name, value in parsed.items() if name not in edits}
    return changed | {name: value for name, value in edits.items() if value is not DELETE}
