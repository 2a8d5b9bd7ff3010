"""What belongs to an account at a provider, and to no model: files and batches.

All virtual keys share the account behind a provider, and with it what lies there. So a provider offers these only where
the configuration says so (``passthrough``), and never to a key that is confined to some models.
"""

from extproc.config.build import DEFAULT_RETRY_ON
from extproc.config.snapshot import Model, Snapshot, Target
from extproc.domain.errors import InvalidRequest, ModelNotAllowed, UnboundedCost, UnknownRoute
from extproc.domain.meters import Meter
from extproc.domain.names import PROVIDER_HEADER
from extproc.policy.keys import confined
from extproc.policy.meters import Principal

ACCOUNT_OPERATIONS = frozenset({"files", "batches"})


def account_model(operation: str, provider: str) -> Model:
    """Stands where other requests have a model of the catalogue. It has no fallback: nobody else has the account."""
    return Model(name=operation, targets=(Target(provider, operation),), retry_on=DEFAULT_RETRY_ON)


def _is_models(meter: Meter) -> bool:
    return meter.unit not in {"requests", "concurrent"} and any(kind == "model" for kind, _ in meter.scope)


def account_provider(snapshot: Snapshot, who: Principal, operation: str, asked: str | None) -> str:
    """Whose account: the one asked for by ``PROVIDER_HEADER``, or the only one that there is.

    Raises ``UnknownRoute`` where no provider offers it, ``ModelNotAllowed``, ``UnboundedCost``, or ``InvalidRequest``
    naming the choices.
    """
    offering = [provider.name for provider in snapshot.providers.values() if operation in provider.passthrough]
    if not offering:
        raise UnknownRoute(
            f"This gateway does not offer {operation}. The platform team can, with 'passthrough: [{operation}]' at a"
            " provider."
        )
    if confined(snapshot, who):
        raise ModelNotAllowed(
            f"This API key is confined to some models, and {operation} belong to a provider's whole account. Use a key"
            " without such a limit."
        )
    if operation == "batches" and any(_is_models(meter) for meter in snapshot.meters):
        raise UnboundedCost(
            "There are budgets or limits on models here, and a batch may name any model. Send its requests one by one."
        )
    if asked is None and len(offering) == 1:
        return offering[0]
    if asked not in offering:
        raise InvalidRequest(
            f"Say with the header {PROVIDER_HEADER} at which provider: {', '.join(offering)}.", param=PROVIDER_HEADER
        )
    return asked
