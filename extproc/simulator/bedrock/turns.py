"""Converse's rules for a conversation, which hold for every model behind it.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html; the words of the refusals
are those that clients report.
"""

import itertools
from collections.abc import Iterator, Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.bedrock.errors import invalid


def check_turns(body: JsonObject) -> None:
    """Raises ``Refused`` where the turns, or the tools in them, do not fit together; shapes are checked before."""
    messages = objects(body.get("messages"))
    if not messages:
        raise invalid("The messages field is required. Add at least one message and try again.")
    for index, message in enumerate(messages):
        _check_content(message, f"messages.{index}")
    _check_roles([str(message["role"]) for message in messages])
    uses_tools = any("toolUse" in block or "toolResult" in block for _, block in blocks_of(messages))
    if uses_tools and body.get("toolConfig") is None:
        raise invalid("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
    _check_pairs(messages)


def objects(value: Json) -> list[JsonObject]:
    """The objects of a list; none where it is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def blocks_of(messages: list[JsonObject]) -> Iterator[tuple[int, JsonObject]]:
    """Every content block, with the index of its message."""
    for index, message in enumerate(messages):
        for block in objects(message.get("content")):
            yield index, block


def inner(block: JsonObject, name: str) -> JsonObject | None:
    """The member ``name`` of a block where it is an object."""
    value = block.get(name)
    return value if isinstance(value, Mapping) else None


def _check_content(message: JsonObject, path: str) -> None:
    blocks = objects(message.get("content"))
    if not blocks:
        raise invalid(
            f"The content field in the Message object at {path} is empty. Add a ContentBlock object to the content "
            "field and try again."
        )
    for at, block in enumerate(blocks):
        text = block.get("text")
        if isinstance(text, str) and not text.strip():
            raise invalid(
                f"The text field in the ContentBlock object at {path}.content.{at} is blank. Add text to the text "
                "field, and try again."
            )
        result = inner(block, "toolResult")
        if result is not None and result.get("status") == "error" and not result.get("content"):
            raise invalid(
                f"The content field at {path}.content.{at}.toolResult cannot be empty when status value is error."
            )
    has_document = any("document" in block for block in blocks)
    if has_document and not any("text" in block for block in blocks):
        raise invalid("A text block must be included in a message with a document block.")


def _check_roles(roles: list[str]) -> None:
    turns = [role for role in roles if role != "system"]
    if not turns or turns[0] != "user":
        raise invalid(
            "A conversation must start with a user message. Try again with a conversation that starts with a user "
            "message."
        )
    if any(role == before for before, role in itertools.pairwise(turns)):
        raise invalid(
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates "
            "between user and assistant roles and try again."
        )


def _check_pairs(messages: list[JsonObject]) -> None:
    called: list[str] = []
    for index, message in enumerate(messages):
        if message.get("role") == "system":
            continue
        blocks = objects(message.get("content"))
        path = f"messages.{index}.content"
        answered = _ids(blocks, "toolResult")
        _check_unique(answered, path, "toolResult")
        missing = [one for one in called if one not in answered]
        if missing:
            raise invalid(f"Expected toolResult blocks at {path} for the following Ids: {', '.join(missing)}")
        if any(one not in called for one in answered):
            raise invalid(
                f"The number of toolResult blocks at {path} exceeds the number of toolUse blocks of previous turn."
            )
        called = _ids(blocks, "toolUse")
        _check_unique(called, path, "toolUse")
    if called:
        raise invalid(
            f"Expected toolResult blocks at messages.{len(messages)}.content for the following Ids: {', '.join(called)}"
        )


def _ids(blocks: list[JsonObject], kind: str) -> list[str]:
    found = (inner(block, kind) for block in blocks)
    return [str(one["toolUseId"]) for one in found if one is not None and one.get("type") != "server_tool_use"]


def _check_unique(ids: list[str], path: str, kind: str) -> None:
    repeated = {one for one in ids if ids.count(one) > 1}
    if repeated:
        raise invalid(f"The {kind} blocks at {path} contain duplicate Ids: {', '.join(sorted(repeated))}")
