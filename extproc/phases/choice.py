"""Which targets a request can be sent to: in the order of the attempts, those that can be called and can carry it."""

from dataclasses import replace

from extproc.config.snapshot import Model, Snapshot, Target
from extproc.domain.errors import InvalidRequest, ProviderAuth, UnsupportedFeature
from extproc.domain.quirks import ChatQuirks
from extproc.domain.reading import JsonObject
from extproc.domain.valueclass import valueclass
from extproc.phases.ports import Dice
from extproc.policy.chain import attempts, order_targets
from extproc.policy.meters import Principal
from extproc.providers.credential import Credentials, is_static
from extproc.providers.paths import in_words
from extproc.providers.wire import api_for, wire_for
from extproc.translate.capability import carries
from extproc.translate.operations.table import OPERATIONS

_Kind = tuple[str | None, str, str, ChatQuirks]


@valueclass
class Choice:
    """Chooses for one request of ``who``, whichever model it gets: budgets may give it another.

    ``dialect``: the client's; ``parsed``: the body, read.
    """

    snapshot: Snapshot
    credentials: Credentials
    dice: Dice
    who: Principal
    dialect: str
    operation: str
    parsed: JsonObject

    def chain(self, model: Model) -> tuple[Target, ...]:
        """The attempts, at least one. Raises ``ProviderAuth`` or ``InvalidRequest`` where no target is left."""
        ordered = tuple(map(self._by_api, order_targets(model, self.dice.pick)))
        return attempts(model, self._capable(model, self._callable(ordered)))

    def _callable(self, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        """The targets that can be called now: an attempt without a credential would end the request.

        Raises ``ProviderAuth`` where there are none.
        """
        providers = self.snapshot.providers
        found = tuple(
            target
            for target in targets
            if is_static(providers[target.provider])
            or self.credentials.current(target.provider) is not None
            or self.who.brings(target.provider)
        )
        if not found:
            raise ProviderAuth("The gateway has no valid credential for this model's providers at the moment.")
        return found

    def _by_api(self, target: Target) -> Target:
        """The target with the API that this request goes by."""
        if self.operation != "chat":
            return target
        tools = bool(self.parsed.get("tools"))  # in all dialects that have any
        api = api_for(self.snapshot.providers[target.provider], target, self.dialect, tools=tools)
        return target if api == target.api else replace(target, api=api)

    def _capable(self, model: Model, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        """The targets whose dialect can carry the request. Raises the first one's refusal where none can.

        Only asked where the chain mixes dialects or models: where it does not, the attempt finds out for all of them.
        """
        kinds = [self._kind(target) for target in targets]
        alike = len(set(kinds)) == 1 or model.drop_unsupported
        if alike and self.operation == "chat" and all(spoken is not None for spoken, *_ in kinds):
            return targets
        refusals = {kind: self._refusal(model, kind) for kind in set(kinds)}
        able = tuple(target for target, kind in zip(targets, kinds, strict=True) if refusals[kind] is None)
        if not able:
            refusal = refusals[kinds[0]]
            assert refusal is not None
            raise refusal
        return able

    def _kind(self, target: Target) -> _Kind:
        """What decides whether a target can carry a request: its format, whose it is, the model's name there, its ways."""
        provider = self.snapshot.providers[target.provider]
        return (
            wire_for(provider, target.api, self.dialect).format,
            provider.dialect,
            target.known_as or target.model,
            provider.quirks,
        )

    def _refusal(self, model: Model, kind: _Kind) -> InvalidRequest | None:
        spoken, dialect, name, quirks = kind
        operation = self.operation
        if operation == "chat" and spoken is not None:
            return None if model.drop_unsupported else carries(self.dialect, spoken, name, self.parsed, quirks)
        if operation != "chat" and (operation, dialect) in OPERATIONS:
            return None
        return UnsupportedFeature(
            f"No provider of this model offers {in_words(operation)}. Ask for a model that does.", param="model"
        )
