"""What a request refers to: earlier responses, items of theirs, and reasoning that has to be this model's own.

What is stored is stored by this process, for the account (label and credential) that asked.
"""

from collections.abc import Mapping
from functools import partial

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.call import Call
from extproc.simulator.dialect import Exchange
from extproc.simulator.kept import KeptItem, KeptResponse
from extproc.simulator.openai_responses.items import check_items, normalized
from extproc.simulator.openai_responses.render import output, response_id
from extproc.simulator.openai_responses.seal import unseal
from extproc.simulator.wire import Refused

_unverified = partial(Refused, code="invalid_encrypted_content")


def resolve(call: Call) -> JsonObject:
    """The body with all that it refers to as its input. Raises ``Refused``."""
    body = call.body
    given, previous = body.get("input"), body.get("previous_response_id")
    if given is not None:
        check_items(given)
    earlier: tuple[Json, ...] = ()
    if isinstance(previous, str):
        kept = call.world.shelf.responses.get(call.account, previous)
        if kept is None:
            raise Refused(
                f"Previous response with id '{previous}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        earlier = kept.items
    elif given is None or isinstance(given, str):
        return body
    items = [_resolved(call, item) for item in normalized(given)]
    _check_sources(call, items)
    return {**body, "input": [*earlier, *items]}


def keep(call: Call, exchange: Exchange) -> None:
    """Store a response, unless its request forbids it."""
    if exchange.body.get("store") is False:
        return
    said = output(exchange)
    shelf, account = call.world.shelf, call.account
    reasoning = next((str(item["id"]) for item in said if item["type"] == "reasoning"), "")
    for item in said:
        shelf.items.put(account, str(item["id"]), KeptItem(item, "" if item["id"] == reasoning else reasoning))
    items = (*normalized(exchange.body.get("input")), *said)
    shelf.responses.put(account, response_id(exchange), KeptResponse(exchange, items), len(call.request.body))


def stored(call: Call) -> KeptResponse:
    """The response that the path names. Raises ``Refused``."""
    identity = call.params["response"]
    kept = call.world.shelf.responses.get(call.account, identity)
    if kept is None:
        raise Refused(f"Response with id '{identity}' not found.", status=404)
    return kept


def _resolved(call: Call, item: Json) -> Json:
    assert isinstance(item, Mapping)
    match item:
        case {"type": "item_reference", "id": str(identity)}:
            return _kept(call, identity).item
        case {"type": "reasoning", "id": str(identity)}:
            _verify(call, identity, item.get("encrypted_content"))
        case _:
            pass
    return item


def _verify(call: Call, identity: str, sealed: Json) -> None:
    if not isinstance(sealed, str):
        _kept(call, identity)
        return
    words = f"The encrypted content for item {identity} could not be verified. Reason: "
    opened = unseal(sealed)
    if opened is None:
        raise _unverified(f"{words}Encrypted content could not be decrypted or parsed.")
    if opened.organization != call.record.label:
        raise _unverified(f"{words}Encrypted content organization_id did not match the target organization.")
    if opened.item != identity:
        raise _unverified(f"{words}Encrypted content item_id did not match the target item id.")


def _kept(call: Call, identity: str) -> KeptItem:
    kept = call.world.shelf.items.get(call.account, identity)
    if kept is None:
        raise Refused(
            f"Item with id '{identity}' not found. Items are not persisted when `store` is set to false. Try again "
            "with `store` set to true, or remove this item from your input.",
            status=404,
            param="input",
        )
    return kept


def _check_sources(call: Call, items: list[Json]) -> None:
    """A stored item that came from reasoning comes back with that reasoning."""
    ids = [item.get("id") for item in items if isinstance(item, Mapping)]
    for item in items:
        identity = item.get("id") if isinstance(item, Mapping) else None
        kept = call.world.shelf.items.get(call.account, identity) if isinstance(identity, str) else None
        if kept is not None and kept.reasoning and kept.reasoning not in ids:
            raise Refused(
                f"Item '{identity}' of type '{kept.item['type']}' was provided without its required 'reasoning' item: "
                f"'{kept.reasoning}'.",
                param="input",
            )
