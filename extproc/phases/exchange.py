"""One attempt's parties, put together: provider, target, both dialects, and the translations between them.

Made once per attempt from the hand-off and the configuration; ``extproc.phases.attempt`` asks it for everything that
depends on who is called.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from extproc.config.directory import Directory
from extproc.config.snapshot import Model, PartyKind, Provider, Secret, Snapshot
from extproc.dialects.base import ClientDialect, ProviderDialect, RenderOptions
from extproc.domain.errors import InternalError, ProviderError
from extproc.domain.reading import JsonObject
from extproc.phases.events import RequestHeaders
from extproc.phases.handoff import Handoff, Step
from extproc.policy.keys import KEY_HEADERS
from extproc.providers.request import Addressed, address
from extproc.providers.wire import WIRES
from extproc.translate.answer import TranslatedAnswer, translate_answer
from extproc.translate.edit import Changes
from extproc.translate.limit import limit_edits
from extproc.translate.pairs import PAIRS
from extproc.translate.request import RequestJob, TranslatedRequest, translate_request
from extproc.translate.response import AnswerStream


@dataclass(frozen=True, slots=True)
class Exchange:
    """Who speaks to whom, and how."""

    provider: Provider
    step: Step
    model: Model
    client: ClientDialect
    dialect: ProviderDialect
    same_dialect: bool
    headers: Addressed
    handoff: Handoff
    byok: bool
    """The provider is called with a key of the client's own side."""

    def render(self, body: bytes, parsed: JsonObject) -> TranslatedRequest:
        """The client's request in the provider's dialect; ``parsed``: the body, read. Raises ``InvalidRequest``."""
        limit = self.handoff.output_limit
        own = self.step.max_output_tokens or WIRES[self.provider.dialect].default_output
        older = limit is not None and self.provider.older_limit
        edits: Changes = {}
        if limit is not None:
            edits = limit_edits(self.client.name, parsed, limit, unsaid=own, older=older and self.same_dialect)
        job = RequestJob(
            model=self.step.model,
            stream=self.handoff.stream,
            same_dialect=self.same_dialect,
            options=RenderOptions(
                default_max_output_tokens=own or RenderOptions().default_max_output_tokens,
                legacy_max_tokens=older,
                drop_unsupported=self.model.drop_unsupported,
            ),
            edits=edits,
        )
        return translate_request(self.client, self.dialect, body, parsed, job)

    def answer_stream(self, *, created: int, include_usage: bool) -> AnswerStream:
        """A translator for one streamed answer; ``include_usage``: the client asked for OpenAI's usage chunk."""
        writer = None if self.same_dialect else self.client.stream_writer(created=created, include_usage=include_usage)
        return AnswerStream(self.dialect.stream_reader(), writer, hide_usage=not include_usage, model=self.step.model)

    def translate_answer(self, body: bytes, *, created: int) -> TranslatedAnswer:
        """A whole answer in the client's dialect. Raises ``ProviderError``."""
        return translate_answer(
            self.client, self.dialect, body, created=created, same_dialect=self.same_dialect, model=self.step.model
        )

    def parse_error(self, status: int, body: bytes, retry_after: float | None) -> ProviderError:
        """What an error status of this provider means."""
        return self.dialect.parse_error(status, body, retry_after=retry_after)


def open_exchange(
    snapshot: Snapshot, directory: Directory, handoff: Handoff, step: Step, event: RequestHeaders
) -> Exchange:
    """The parties of one attempt. Raises ``InternalError`` where a reload has taken one of them away."""
    provider, model = snapshot.providers.get(step.provider), snapshot.models.get(handoff.model)
    if provider is None or model is None:
        raise InternalError("the configuration changed while the request was under way; send it again")
    own = _own_credential(directory, handoff, provider.name)
    if own is not None:
        # Our own account must not ride along in a header of the configuration.
        headers = {name: value for name, value in (provider.headers or {}).items() if name.lower() not in KEY_HEADERS}
        provider = replace(provider, api_key=own, headers=headers)
    pair = PAIRS[handoff.client_dialect, provider.dialect]
    client_headers: Mapping[str, str] = dict(handoff.client_headers) if pair.same else {}
    return Exchange(
        provider=provider,
        step=step,
        model=model,
        client=pair.client,
        dialect=pair.provider,
        same_dialect=pair.same,
        headers=address(provider, client_headers=client_headers, present=event.headers, stream=handoff.stream),
        handoff=handoff,
        byok=own is not None,
    )


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
