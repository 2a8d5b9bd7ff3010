"""What a conversation asks for that the provider's dialect, or the model behind it, has no word for.

Renderers name what they lose by the neutral path, which is that of OpenAI's Chat API (``stop``, ``messages[0].content[1]``),
and say why, where it is not for want of a word. Clients read their own: how their dialect spells a field, its parser has
noted in ``Conversation.names``, and where a message or a part stood, in its ``at``.
"""

import re
from collections.abc import Mapping

from extproc.domain.conversation import Audio, Conversation, Document, Image, Message, Source, ToolResult
from extproc.domain.errors import InvalidRequest, UnsupportedFeature

# Reasons, as they stand in brackets behind a field's name.
NOT_WITH_REASONING = "this model does not take such a value with reasoning"
NOT_WHILE_REASONING = "this model reasons, and does not take it"
NOT_BESIDE_TEMPERATURE = "this model takes either temperature or top_p"
DEFAULT_ONLY = "this model takes its default only"
BLANK_STOP = "an empty or blank one stops nothing here"
NO_FORCED_TOOL = "this model cannot be made to call a tool"
NO_PREFILL = "this model does not go on with an answer that is begun"
NO_CITATIONS = "it cites no documents"
NO_AUDIO = "no audio of this format, or none at all"
NOT_SAID_BY_THIS_ROLE = "not from this role"

_IN_MESSAGES = re.compile(r"messages\[(\d+)\](?:\.content\[(\d+)\])?(?:\.content\[(\d+)\])?(.*)")
"""Of a message, a part, and what is inside of a tool's result."""


def cannot_carry(who: str, paths: Mapping[str, str]) -> UnsupportedFeature:
    """The one error for all fields that are lost.

    ``who``: the dialect, in words; ``paths``: as the client spells them, each with the reason, or with nothing.
    """
    named = ", ".join(f"{path} ({why})" if why else path for path, why in paths.items())
    return UnsupportedFeature(
        f"this model's provider ({who}) cannot carry: {named}. Remove what is named,"
        " or let the gateway leave it out with drop_unsupported.",
        param=next(iter(paths)),
    )


def spelt(path: str, conversation: Conversation) -> str:
    """A neutral path, as the client of this conversation knows it."""
    match = _IN_MESSAGES.fullmatch(path)
    if match is None:
        return conversation.names.get(path, path)
    at, part_at, inner_at, rest = match.groups()
    message = conversation.messages[int(at)]
    place = message.at or f"messages[{at}]"
    if part_at is not None:
        place = _place_in(message, int(part_at), inner_at, place)
    return f"{place}{rest}"


def _place_in(message: Message, at: int, inner_at: str | None, place: str) -> str:
    part = message.parts[at]
    place = _own_place(part) or f"{place}.content[{at}]"
    if inner_at is None:
        return place
    inner = part.content[int(inner_at)] if isinstance(part, ToolResult) else None
    return _own_place(inner) or f"{place}.content[{inner_at}]"


def _own_place(part: object) -> str:
    return part.at if isinstance(part, Image | Document | Audio) else ""


def unreadable(source: Source) -> str:
    """Why an image or a document cannot be carried, which has this source."""
    if source.file_id is not None:
        return "it has no such file: send the bytes"
    if source.url is not None and not source.url.startswith("data:"):
        return "it cannot read from this address: send the bytes"
    return "of a type that it does not take"


def nothing_said(conversation: Conversation) -> InvalidRequest:
    """The error for a request whose messages say nothing."""
    path = spelt("messages", conversation)
    return InvalidRequest(f"{path} must hold at least one message with content", param=path)


class Losses:
    """Collects the request's fields that are not carried, so that one error names them all.

    Some losses are *refused*, for the answer would not be what was asked for; others are only *told*: hints about how,
    which change nothing in what is asked. ``who``: the dialect, in words; ``conversation``: what is rendered.
    """

    __slots__ = ("_conversation", "_paths", "_refused", "_who")

    def __init__(self, who: str = "another dialect", conversation: Conversation | None = None) -> None:
        self._who = who
        self._conversation = conversation
        self._paths: dict[str, None] = {}
        self._refused: dict[str, str] = {}

    def refuse(self, path: str, why: str = "") -> None:
        """The field matters: without ``drop_unsupported`` the request fails. ``why``: nothing where there is no word for it."""
        self.refuse_unmapped(self.spelt(path), why)

    def refuse_unmapped(self, path: str, why: str = "") -> None:
        """Likewise, of a path of ``Conversation.unmapped``, which is the client's own."""
        self._paths[path] = None
        self._refused[path] = self._refused.get(path) or why

    def tell(self, path: str) -> None:
        """The field is a hint: it is left out or weakened, and named."""
        self._paths[self.spelt(path)] = None

    def spelt(self, path: str) -> str:
        """See the function."""
        return path if self._conversation is None else spelt(path, self._conversation)

    @property
    def refused(self) -> bool:
        """Whether a field that matters is among them."""
        return bool(self._refused)

    def settle(self, *, drop: bool) -> tuple[str, ...]:
        """All paths, for ``Rendered.dropped``. Raises ``UnsupportedFeature`` if one is refused and may not be dropped."""
        if self._refused and not drop:
            raise cannot_carry(self._who, self._refused)
        return tuple(self._paths)
