"""One attempt's parties, put together: provider, target, both dialects, and the translations between them.

Made once per attempt from the hand-off and the configuration; ``extproc.phases.attempt`` asks it for everything that
depends on who is called.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import orjson

from extproc.config.directory import Directory
from extproc.config.snapshot import Api, Model, PartyKind, Provider, Secret, Snapshot, Target
from extproc.dialects.base import ClientDialect, ProviderDialect, RenderOptions, StreamReader
from extproc.dialects.bedrock_anthropic import AnthropicOverBedrock
from extproc.domain.errors import InternalError, ProviderAuth, ProviderError
from extproc.domain.reading import JsonObject
from extproc.domain.valueclass import valueclass
from extproc.phases.endpoints import RESPONSES
from extproc.phases.events import RequestHeaders
from extproc.phases.handoff import Handoff, Step
from extproc.policy.account import ACCOUNT_OPERATIONS, account_model
from extproc.policy.keys import KEY_HEADERS
from extproc.providers.credential import ApiKey, Credential, Credentials, is_static
from extproc.providers.request import Addressed, address, sign
from extproc.providers.wire import REMOVE, Ask, ProviderWire, wire_for
from extproc.translate.answer import TranslatedAnswer, Unsaid, translate_answer
from extproc.translate.edit import DELETE, Changes
from extproc.translate.framing import Framed
from extproc.translate.limit import limit_edits
from extproc.translate.multipart import read_form
from extproc.translate.opaque import OpaqueReader
from extproc.translate.operations.base import Operation, OperationJob
from extproc.translate.operations.table import OPERATIONS
from extproc.translate.owned import OwnedReader, Owner
from extproc.translate.pairs import CLIENT_DIALECTS, PROVIDER_DIALECTS, is_same, read_error
from extproc.translate.request import RequestJob, TranslatedRequest, translate_request
from extproc.translate.response import AnswerStream
from extproc.translate.tool_names import restoring

_NO_BODY: JsonObject = {}


@valueclass
class Exchange:
    """Who speaks to whom, and how. Either ``dialect`` or ``operation`` is there: a conversation, or something else."""

    provider: Provider
    wire: ProviderWire
    step: Step
    model: Model
    target: Target | None
    """The model's entry that this attempt is at; None: a reload has taken it away."""
    client: ClientDialect
    dialect: ProviderDialect | None
    operation: Operation | None
    same_dialect: bool
    headers: Addressed
    credential: Credential | None
    credentials: Credentials
    handoff: Handoff
    byok: bool
    """The provider is called with a key of the client's own side."""
    owner: Owner | None
    """To whom ids of kept responses are given, where the provider keeps any."""

    def read(self, body: bytes) -> JsonObject:
        """What the client's body says. Admission has read it before, so it can be read."""
        handoff = self.handoff
        if handoff.operation in ACCOUNT_OPERATIONS:
            return _NO_BODY
        if handoff.content_type:
            return read_form(handoff.content_type, body)
        return cast("JsonObject", orjson.loads(body))

    def render(self, body: bytes, parsed: JsonObject) -> TranslatedRequest:
        """The client's request in the provider's dialect; ``parsed``: the body, read. Raises ``InvalidRequest``."""
        if self.operation is not None:
            edits = {} if self.owner is None else self.owner.edits(parsed)
            job = OperationJob(self.step.model, self.handoff.content_type, self.model.drop_unsupported, edits)
            return self.operation.request(body, parsed, job)
        assert self.dialect is not None
        return translate_request(self.client, self.dialect, body, parsed, self._job(parsed))

    def _job(self, parsed: JsonObject) -> RequestJob:
        limit, provider = self.handoff.output_limit, self.provider
        own = self.step.max_output_tokens or self.wire.default_output
        older = limit is not None and provider.older_limit
        edits: Changes = {}
        if limit is not None:
            edits = limit_edits(self.client.name, parsed, limit, unsaid=own, older=older and self.same_dialect)
        return RequestJob(
            model=self.step.model,
            stream=self.handoff.stream,
            same_dialect=self.same_dialect,
            options=RenderOptions(
                default_max_output_tokens=own or RenderOptions().default_max_output_tokens,
                bounded=limit is not None,
                legacy_max_tokens=older,
                replay_reasoning=provider.replay_reasoning,
                quirks=provider.quirks,
                call_ids=self.wire.call_ids,
                automatic_cache=self.wire.automatic_cache,
                known_as=self._known_as,
                drop_unsupported=self.model.drop_unsupported,
            ),
            edits=edits if self.owner is None else {**edits, **self.owner.edits(parsed)},
            final=self._final(),
        )

    @property
    def _known_as(self) -> str | None:
        return self.target.known_as if self.target is not None else None

    def _final(self) -> Changes:
        """What this kind of provider, or this very one, wants otherwise."""
        members = self.wire.changes(self.handoff.stream, dict(self.handoff.client_headers))
        if not members and not self.provider.drop:
            return {}
        changes = {name: DELETE if value is REMOVE else value for name, value in members.items()}
        return changes | dict.fromkeys(self.provider.drop, DELETE)

    def signed(self, body: bytes, now: int) -> Addressed:
        """The headers of the request; ``now``: Unix seconds. Signatures cover the body."""
        return sign(self.provider, self.headers, body, self.credential, now)

    def answer_stream(self, request: JsonObject, sent: TranslatedRequest, *, created: int) -> AnswerStream:
        """A translator for one streamed answer to ``request``, which went out as ``sent``."""
        assert self.dialect is not None
        client, include_usage = restoring(self.client, sent.tool_names, sent.custom_tools), sent.include_usage
        writer = None if self.same_dialect else client.stream_writer(created=created, include_usage=include_usage)
        reader: StreamReader = self.dialect.stream_reader(self._known_as or self.step.model)
        if self.wire.framing == "anthropic-over-bedrock":
            reader = Framed(AnthropicOverBedrock(), reader)
        if self.owner is not None:
            reader = OwnedReader(reader, self.owner, request)
        return AnswerStream(
            reader, writer, hide_usage=not include_usage, model=self.step.model, answer_id=self.handoff.request_id
        )

    def opaque_stream(self, content_type: str) -> AnswerStream:
        """What passes on an answer as it comes."""
        return AnswerStream(OpaqueReader(content_type), None, hide_usage=False, model=self.step.model)

    def translate_answer(
        self, body: bytes, request: JsonObject, sent: TranslatedRequest, *, created: int
    ) -> TranslatedAnswer:
        """A whole answer in the client's dialect to ``request``, which went out as ``sent``. Raises ``ProviderError``."""
        if self.operation is not None:
            return self.operation.answer(body, model=self.step.model, request=request)
        assert self.dialect is not None
        answer = translate_answer(
            restoring(self.client, sent.tool_names, sent.custom_tools),
            self.dialect,
            body,
            created=created,
            same_dialect=self.same_dialect,
            unsaid=Unsaid(self.step.model, self.handoff.request_id),
        )
        if self.owner is None:
            return answer
        return replace(answer, body=self.owner.tell(answer.body, answer.response_id, request))

    def parse_error(self, status: int, body: bytes, retry_after: float | None) -> ProviderError:
        """What an error status of this provider means."""
        error = read_error(self.wire.errors, self.wire.format, status, body, retry_after)
        if isinstance(error, ProviderAuth) and not self.byok:
            self.credentials.refused(self.provider.name)
        return error


@valueclass
class Parties:
    """What the exchanges of a worker have in common."""

    snapshot: Snapshot
    directory: Directory
    credentials: Credentials


def open_exchange(parties: Parties, handoff: Handoff, step: Step, event: RequestHeaders) -> Exchange:
    """The parties of one attempt.

    Raises ``InternalError`` where a reload has taken one of them away, ``ProviderAuth`` where there is no credential at
    the moment, ``UnsupportedFeature`` where the provider has no such operation.
    """
    provider, model = parties.snapshot.providers.get(step.provider), _model(parties.snapshot, handoff)
    if provider is None or model is None:
        raise InternalError("the configuration changed while the request was under way; send it again")
    provider, credential, byok = _credential(parties, handoff, provider)
    chat = handoff.operation == "chat"
    wire = wire_for(provider, cast("Api | None", step.api), handoff.client_dialect)
    spoken = wire.format if chat else None
    if chat and spoken is None:
        raise InternalError("the configuration changed while the request was under way; send it again")
    operation = None if chat else OPERATIONS.get((handoff.operation, provider.dialect))
    if operation is None and not chat:
        raise InternalError("the configuration changed while the request was under way; send it again")
    same = spoken is not None and is_same(handoff.client_dialect, spoken)
    client_headers: Mapping[str, str] = dict(handoff.client_headers) if same or not chat else {}
    ask = Ask(
        handoff.operation, step.model, handoff.stream, handoff.path, handoff.content_type or None, _accepted(handoff)
    )
    return Exchange(
        provider=provider,
        wire=wire,
        step=step,
        model=model,
        target=_target(model, step),
        client=CLIENT_DIALECTS[handoff.client_dialect],
        dialect=None if spoken is None else PROVIDER_DIALECTS[spoken],
        operation=operation,
        same_dialect=same,
        headers=address(
            provider, wire, ask, client_headers=client_headers, present=event.headers, credential=credential
        ),
        credential=credential,
        credentials=parties.credentials,
        handoff=handoff,
        byok=byok,
        owner=_owner(parties, provider, handoff)
        if handoff.client_dialect == RESPONSES and (same or not chat)
        else None,
    )


def _owner(parties: Parties, provider: Provider, handoff: Handoff) -> Owner:
    """The team, whose keys go on with each other's conversations; else the key."""
    name = f"key:{handoff.key_id}" if handoff.team is None else f"team:{handoff.team}"
    secret = parties.snapshot.secret or provider.api_key
    return Owner(secret and f"{provider.name} {provider.base_url} {secret.reveal()}".encode(), name)


def _target(model: Model, step: Step) -> Target | None:
    for target in (*model.targets, *model.fallbacks):
        if (target.provider, target.model) == (step.provider, step.model):
            return target
    return None


def _model(snapshot: Snapshot, handoff: Handoff) -> Model | None:
    if handoff.operation in ACCOUNT_OPERATIONS:
        return account_model(handoff.operation, handoff.chain[0].provider)
    return snapshot.models.get(handoff.model)


def _accepted(handoff: Handoff) -> str | None:
    """Whatever it is: files and speech have types of their own."""
    return None if handoff.operation == "chat" else "*/*"


def _credential(parties: Parties, handoff: Handoff, provider: Provider) -> tuple[Provider, Credential | None, bool]:
    """The provider as it is called, with which credential, and whether that is the client's own side's."""
    own = _own_credential(parties.directory, handoff, provider.name)
    if own is not None:
        # Our own account must not ride along in a header of the configuration.
        headers = {name: value for name, value in (provider.headers or {}).items() if name.lower() not in KEY_HEADERS}
        return replace(provider, api_key=own, headers=headers), ApiKey(own), True
    credential = parties.credentials.current(provider.name)
    if credential is None and not is_static(provider):
        raise ProviderAuth("The gateway has no valid credential for this provider at the moment.")
    return provider, credential, False


def _own_credential(directory: Directory, handoff: Handoff, provider: str) -> Secret | None:
    """The key that the client's side brings for this provider: the virtual key's, else its user's, team's, or org's."""
    key = directory.named(handoff.key_id)
    if key is not None and key.credentials and provider in key.credentials:
        return key.credentials[provider]
    sides: tuple[tuple[PartyKind, str | None], ...] = (
        ("user", handoff.user),
        ("team", handoff.team),
        ("org", handoff.org),
    )
    for kind, name in sides:
        party = directory.party(kind, name) if name is not None else None
        if party is not None and party.credentials and provider in party.credentials:
            return party.credentials[provider]
    return None
