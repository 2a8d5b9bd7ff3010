"""Messages → the system instruction and alternating contents.

The vendor's rules (https://ai.google.dev/gemini-api/docs/function-calling, .../thought-signatures): a call's results come
in the very next user turn; no text is empty; Gemini 3 wants the first call of each step signed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from extproc.dialects.gemini.models import Traits
from extproc.dialects.gemini.render_media import Block
from extproc.dialects.gemini.render_parts import PartRenderer
from extproc.dialects.gemini.signatures import SKIP_VALIDATION
from extproc.dialects.losses import NOT_SAID_BY_THIS_ROLE, Losses
from extproc.domain.conversation import Message, Role, Text, ToolResult
from extproc.domain.reading import Json, JsonObject

_OPENING = "(The conversation begins with the assistant.)"
"""Stands in for the first user turn where there is none: the vendor refuses calls that nobody asked for."""
LEFT_OUT: JsonObject = {"role": "user", "parts": [{"text": "(The message could not be carried.)"}]}
"""Stands in for a conversation of nothing but what may be dropped: the vendor refuses one without content."""

_TurnRole = Literal["system", "user", "model"]

_ROLES: dict[Role, _TurnRole] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "tool": "user",
    "assistant": "model",
}


@dataclass(slots=True)
class Turn:
    """What one side says before the other does."""

    role: _TurnRole
    results: list[Block] = field(default_factory=list[Block])
    """Function responses, which stand before all other parts."""
    blocks: list[Block] = field(default_factory=list[Block])

    def render(self) -> JsonObject:
        """The content object."""
        return {"role": self.role, "parts": [*self.results, *self.blocks]}


def render_turns(messages: tuple[Message, ...], traits: Traits, losses: Losses) -> tuple[list[Json], list[Json]]:
    """The parts of the ``systemInstruction``, and the ``contents``, which are empty where nobody says anything.

    Raises ``InvalidRequest`` where a result belongs to no call.
    """
    renderer = PartRenderer(losses, traits.media_in_results)
    turns = [_turn(message, f"messages[{at}]", renderer) for at, message in enumerate(messages)]
    turns = [turn for turn in turns if turn.results or turn.blocks]
    leading = next((at for at, turn in enumerate(turns) if turn.role != "system"), len(turns))
    if leading and leading == len(turns):
        # Instructions alone are a whole request elsewhere; here somebody has to ask.
        leading -= 1
        turns[leading].role = "user"
    system: list[Json] = [block for turn in turns[:leading] for block in turn.blocks]
    spoken = _merged(_seated(turns[leading:]))
    if not spoken:
        return system, []
    if spoken[0].role == "model":
        spoken.insert(0, Turn("user", blocks=[{"text": _OPENING}]))
    if traits.signed_calls:
        for turn in spoken:
            _sign(turn)
    return system, [turn.render() for turn in spoken]


def _turn(message: Message, path: str, renderer: PartRenderer) -> Turn:
    turn = Turn(_ROLES[message.role])
    if message.name is not None and message.role != "tool":
        renderer.losses.tell(f"{path}.name")
    if turn.role == "model":
        turn.blocks = renderer.said(message.parts, path)
        return turn
    for index, part in enumerate(message.parts):
        at = f"{path}.content[{index}]"
        if isinstance(part, ToolResult):
            response, beside = renderer.result(part, at)
            turn.results.append(response)
            turn.blocks += beside
        elif turn.role == "system" and not isinstance(part, Text):
            renderer.losses.refuse(at, NOT_SAID_BY_THIS_ROLE)
        else:
            turn.blocks += renderer.plain(part, at)
    return turn


def _seated(turns: list[Turn]) -> list[Turn]:
    """Later instructions are said by the user, marked as what they are: there is one system instruction, at the top."""
    for turn in turns:
        if turn.role == "system":
            turn.role = "user"
            turn.blocks = [{"text": f"<system>\n{block['text']}\n</system>"} for block in turn.blocks]
    return turns


def _merged(turns: Iterable[Turn]) -> list[Turn]:
    """Neighbours of one role as one turn."""
    merged: list[Turn] = []
    for role, run in groupby(turns, _role_of):
        turn = Turn(role)
        for part in run:
            turn.results += part.results
            turn.blocks += part.blocks
        merged.append(turn)
    return merged


def _role_of(turn: Turn) -> _TurnRole:
    return turn.role


def _sign(turn: Turn) -> None:
    """A step whose first call has no signature is of another vendor's model, or its client has lost it.

    In every turn, though the vendor looks at the current one only: what a prompt begins with must not change later, or
    it would fall out of the prompt cache.
    """
    if turn.role != "model":
        return
    first = next((block for block in turn.blocks if "functionCall" in block), None)
    if first is not None:
        first.setdefault("thoughtSignature", SKIP_VALIDATION)
