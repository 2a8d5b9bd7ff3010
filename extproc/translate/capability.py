"""Whether a provider's dialect can carry a request, asked before anybody is called."""

from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import JsonObject
from extproc.translate.pairs import PAIRS
from extproc.translate.request import RequestJob, translate_request


def carries(client_dialect: str, provider_dialect: str, parsed: JsonObject) -> InvalidRequest | None:
    """None where it can; else the refusal that names what it cannot carry. An equal dialect carries everything."""
    pair = PAIRS[client_dialect, provider_dialect]
    if pair.same:
        return None
    try:
        translate_request(
            pair.client, pair.provider, b"", parsed, RequestJob(model="", stream=False, same_dialect=False)
        )
    except InvalidRequest as refusal:
        return refusal
    return None
