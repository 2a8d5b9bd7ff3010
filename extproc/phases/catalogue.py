"""The catalogue, as a key sees it: GET /v1/models, answered here in the client's dialect."""

import orjson

from extproc.config.snapshot import Model, Snapshot
from extproc.dialects.models import ModelEntry, anthropic_model, anthropic_models, openai_model, openai_models
from extproc.domain import names
from extproc.phases.endpoints import ANTHROPIC, Endpoint
from extproc.phases.events import Respond
from extproc.policy.keys import resolve_model, usable_models
from extproc.policy.meters import Principal


def show_models(snapshot: Snapshot, who: Principal, endpoint: Endpoint, request_id: str) -> Respond:
    """The models that may be used, or the one asked for. Raises ``UnknownModel`` or ``ModelNotAllowed``."""
    if endpoint.model is not None:
        entry = _entry(endpoint.model, resolve_model(snapshot, who, endpoint.model))
        body = anthropic_model(entry) if endpoint.dialect == ANTHROPIC else openai_model(entry)
    else:
        entries = [_entry(name, m) for m in usable_models(snapshot, who) for name in (m.name, *m.aliases)]
        body = anthropic_models(entries) if endpoint.dialect == ANTHROPIC else openai_models(entries)
    headers = (
        ("content-type", "application/json"),
        (names.REQUEST_ID_HEADER, request_id),
        (names.ANTHROPIC_REQUEST_ID_HEADER, request_id),
    )
    return Respond(200, orjson.dumps(body), f"{names.DETAILS_PREFIX}models", headers)


def _entry(name: str, model: Model) -> ModelEntry:
    return ModelEntry(name, model.display_name or name, model.created, "llmgw")
