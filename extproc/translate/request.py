"""A request on its way to the provider; ``extproc.translate.answer`` and ``.response`` are the way back."""

from collections.abc import Mapping
from dataclasses import field, replace

import orjson

from extproc.dialects.base import ClientDialect, ProviderDialect, Rendered, RenderOptions
from extproc.domain.conversation import Conversation
from extproc.domain.errors import InvalidRequest
from extproc.domain.jsontext import exactly
from extproc.domain.reading import Json, JsonObject, kind_of
from extproc.domain.valueclass import valueclass
from extproc.translate.clouds import fitted
from extproc.translate.edit import DELETE, Changes, edit_members
from extproc.translate.foreign import Server, without_foreign
from extproc.translate.same import EDIT_PLANS, quirk_edits
from extproc.translate.tool_names import ToolNames, fit_tool_names


@valueclass
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


@valueclass
class TranslatedRequest:
    """The body for the provider, the request fields that it could not take, and what the client expects back."""

    body: bytes
    dropped: tuple[str, ...] = ()
    include_usage: bool = True
    """OpenAI clients: whether a stream shall show the usage chunk, for ``stream_writer`` and ``AnswerStream``."""
    opaque: bool = False
    """The answer is passed on as it comes: it is no JSON, or events that nobody but the client reads."""
    tool_names: ToolNames = field(default_factory=dict[str, str])
    """Tools that the provider knows by another name, for ``extproc.translate.tool_names.restoring``."""
    custom_tools: frozenset[str] = frozenset()
    """Names, as the client knows them, of functions that are its custom tools, likewise."""


def translate_request(
    client: ClientDialect, provider: ProviderDialect, body: bytes, parsed: Json, job: RequestJob
) -> TranslatedRequest:
    """The client's ``body`` (``parsed``: what ``orjson`` made of it) as the provider takes it.

    Raises ``InvalidRequest`` where the body is not a request of the client's dialect, ``MalformedJson`` where it holds
    an edited field twice, ``UnsupportedFeature`` naming every field that the provider's dialect has no word for.
    """
    if not isinstance(parsed, Mapping):
        raise InvalidRequest(f"the request body must be a JSON object, not {kind_of(parsed)}")
    try:
        if job.same_dialect:
            return _passed_on(client, body, parsed, job)
        conversation, names, rendered = _translated(client, provider, exactly(body, parsed), job)
        body = orjson.dumps(_edited(rendered.body, job.final))
        custom = frozenset(names.get(tool.name, tool.name) for tool in conversation.tools if tool.custom)
        return TranslatedRequest(
            body, rendered.dropped, conversation.include_usage, tool_names=names, custom_tools=custom
        )
    except (RecursionError, orjson.JSONEncodeError) as error:
        # orjson reads 1,024 levels and writes 254; a limit such as 1e300 is read as a whole number, but not written.
        raise InvalidRequest(
            "the request cannot be translated for this model's provider: it is nested too deeply or holds an integer"
            " beyond 64 bits"
        ) from error


def _passed_on(client: ClientDialect, body: bytes, parsed: JsonObject, job: RequestJob) -> TranslatedRequest:
    """The same bytes, but for what has to be written anew."""
    plan = EDIT_PLANS[client.name](_edited(parsed, job.edits), model=job.model, stream=job.stream)
    adapted = _adapted(client.name, body, parsed, job)
    if adapted and (exact := exactly(body, parsed)) is not parsed:
        adapted = _adapted(client.name, body, exact, job)
    changes = {**adapted, **job.edits, **plan.changes, **job.final}
    return TranslatedRequest(edit_members(body, changes, parsed=parsed), (), plan.include_usage)


def _adapted(dialect: str, body: bytes, parsed: JsonObject, job: RequestJob) -> Changes:
    """What this server would refuse: of other vendors, of its vendor's own cloud, of a dialect that it knows in part."""
    options = job.options
    server = Server(options.known_as or job.model, replay_reasoning=options.replay_reasoning)
    changes = without_foreign(dialect, body, parsed, server)
    changes = {**changes, **fitted(dialect, body, _edited(parsed, changes), options)}
    return {**changes, **quirk_edits(dialect, _edited(parsed, changes), options)}


def _translated(
    client: ClientDialect, provider: ProviderDialect, parsed: JsonObject, job: RequestJob
) -> tuple[Conversation, ToolNames, Rendered]:
    asked = replace(client.parse_request(_edited(parsed, job.edits)), model=job.model, stream=job.stream)
    conversation, names = fit_tool_names(asked, provider.name)
    rendered = provider.render_request(conversation, job.options)
    if asked.asides:
        rendered = replace(rendered, dropped=(*rendered.dropped, *asked.asides))
    return conversation, names, rendered


def _edited(parsed: JsonObject, edits: Changes) -> JsonObject:
    if not edits:
        return parsed
    changed = {name: value for name, value in parsed.items() if name not in edits}
    return changed | {name: value for name, value in edits.items() if value is not DELETE}
