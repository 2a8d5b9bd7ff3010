"""Counting a conversation's tokens: ``POST /v1/messages/count_tokens`` and ``POST /v1/responses/input_tokens``.

Vendors do not charge for it, so usage is empty. Where client and provider speak the same dialect, ``Passthrough`` does it.
"""

from collections.abc import Mapping
from dataclasses import replace

import orjson

from extproc.dialects.base import ClientDialect, ProviderDialect, RenderOptions
from extproc.domain.errors import ProviderBadAnswer
from extproc.domain.reading import JsonObject
from extproc.domain.usage import Usage
from extproc.domain.valueclass import valueclass
from extproc.translate.answer import TranslatedAnswer
from extproc.translate.foreign import without_foreign
from extproc.translate.operations.base import (
    Operation,
    OperationJob,
    answered,
    edited,
    read_object,
    untranslatable,
    write_request,
)
from extproc.translate.operations.count_wraps import COUNT_FORMATS, COUNT_WRAPS, CountWrap, room_to_answer
from extproc.translate.request import TranslatedRequest
from extproc.translate.tool_names import fit_tool_names

_ANTHROPIC = "anthropic-messages"
_OPERATION_OF: Mapping[str, str] = {
    _ANTHROPIC: "count-tokens-anthropic",
    "openai-responses": "count-tokens-responses",
}
"""Client dialect → what counting is called for its clients."""


@valueclass
class CountTokens:
    """A conversation of the client's dialect, counted by a provider of another one."""

    client: ClientDialect
    provider: ProviderDialect
    wrap: CountWrap

    def request(self, body: bytes, parsed: JsonObject, job: OperationJob) -> TranslatedRequest:
        """The conversation as the provider takes it, wrapped. Raises as ``translate_request``."""
        asked = edited(parsed, job.edits)
        if self.client.name == _ANTHROPIC:
            # These clients name no output limit here, and their parser wants one; no wrap counts it.
            asked = {"max_tokens": room_to_answer(asked), **asked}
        try:
            said = replace(self.client.parse_request(asked), model=job.model, stream=False)
            conversation, _ = fit_tool_names(said, self.provider.name)
            options = RenderOptions(drop_unsupported=job.drop_unsupported)
            rendered = self.provider.render_request(conversation, options)
            wrapped = write_request(self.wrap.wrap(rendered.body, job.model), body)
        except (RecursionError, orjson.JSONEncodeError) as error:
            raise untranslatable() from error
        return TranslatedRequest(wrapped, rendered.dropped)

    def answer(self, body: bytes, *, model: str, request: JsonObject) -> TranslatedAnswer:
        """The count in the client's shape. Raises ``ProviderBadAnswer`` where there is none."""
        del request
        return _counted(body, self.wrap, client=self.client.name, model=model)


@valueclass
class CountOwn:
    """A client of Anthropic's dialect, counted by Claude on Bedrock: its own request, wrapped as it is."""

    wrap: CountWrap

    def request(self, body: bytes, parsed: JsonObject, job: OperationJob) -> TranslatedRequest:
        """Other vendors' reasoning is left out. Raises ``InvalidRequest`` where it is nested too deeply."""
        foreign = without_foreign(_ANTHROPIC, body, parsed)
        asked = edited(parsed, {**job.edits, **foreign})
        try:
            return TranslatedRequest(write_request(self.wrap.wrap(asked, job.model), body))
        except orjson.JSONEncodeError as error:
            raise untranslatable() from error

    def answer(self, body: bytes, *, model: str, request: JsonObject) -> TranslatedAnswer:
        """The count in the client's shape. Raises ``ProviderBadAnswer`` where there is none."""
        del request
        return _counted(body, self.wrap, client=_ANTHROPIC, model=model)


def _counted(body: bytes, wrap: CountWrap, *, client: str, model: str) -> TranslatedAnswer:
    tokens = read_object(body).get(wrap.told)
    if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 0:
        raise ProviderBadAnswer("the provider's answer tells no count of tokens")
    return answered(orjson.dumps({**_HEADS[client], "input_tokens": tokens}), Usage(), model=model, said={})


_HEADS: Mapping[str, JsonObject] = {
    _ANTHROPIC: {},
    "openai-responses": {"object": "response.input_tokens"},
}
"""By client dialect: what stands beside the count (anthropic.types.MessageTokensCount,
openai.types.responses.InputTokenCountResponse)."""


def counting(
    clients: Mapping[str, ClientDialect], formats: Mapping[str, ProviderDialect]
) -> Mapping[tuple[str, str], Operation]:
    """Every counting that these client dialects and provider formats (both by name) make possible by translation."""
    return {
        (operation, dialect): CountTokens(clients[client], formats[spoken], COUNT_WRAPS[dialect])
        for client, operation in _OPERATION_OF.items()
        for dialect, spoken in COUNT_FORMATS.items()
        if client in clients and spoken in formats
    }
