"""Messages → the system prompt and alternating turns.

The vendor's rules (https://platform.claude.com/docs/en/api/messages, and .../build-with-claude/tool-use): all results of
a turn's tool calls stand first in the very next user turn; no text block is blank; a final assistant turn is continued
by the model, and must not end in whitespace, or, from Claude 4.6 on, refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from extproc.dialects.anthropic.render_blocks import Block, ToolIds, render_content, render_part
from extproc.dialects.claude import Traits
from extproc.dialects.losses import Losses
from extproc.domain.conversation import Message, RedactedThinking, Role, Text, Thinking, ToolCall, ToolResult
from extproc.domain.reading import Json, JsonObject

_OPENING = "(The conversation begins with the assistant.)"
"""Stands in for the first user turn where there is none: older models refuse a conversation without it."""

_TurnRole = Literal["system", "user", "assistant"]

_ROLES: dict[Role, _TurnRole] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "tool": "user",
    "assistant": "assistant",
}


@dataclass(slots=True)
class Turn:
    """What one side says before the other does."""

    role: _TurnRole
    results: list[Block] = field(default_factory=list[Block])
    """Tool results, which stand before all other blocks."""
    blocks: list[Block] = field(default_factory=list[Block])

    def render(self) -> JsonObject:
        """The message object."""
        return {"role": self.role, "content": render_content([*self.results, *self.blocks])}


def render_turns(messages: tuple[Message, ...], losses: Losses, traits: Traits) -> tuple[list[Block], list[Json], bool]:
    """The blocks of the top-level ``system``, the ``messages``, and whether the model goes on without having thought.

    No messages where nobody says anything.
    """
    ids = ToolIds()
    turns = [_turn(message, f"messages[{at}]", ids, losses) for at, message in enumerate(messages)]
    turns = [turn for turn in turns if turn.results or turn.blocks]
    leading = next((at for at, turn in enumerate(turns) if turn.role != "system"), len(turns))
    if leading == len(turns):
        # Instructions alone are a whole request elsewhere; here somebody has to ask.
        leading -= 1
        for turn in turns[leading:]:
            turn.role = "user"
    system = [block for turn in turns[:leading] for block in turn.blocks]
    spoken = _merged(_seated(_merged(turns[leading:]), system_turns=traits.system_turns))
    if spoken and spoken[-1].role == "assistant" and not traits.prefill:
        losses.refuse(f"messages[{len(messages) - 1}]")
        spoken.pop()
    if not spoken:
        return system, [], False
    if spoken[0].role == "assistant":
        spoken.insert(0, Turn("user", blocks=[{"type": "text", "text": _OPENING}]))
    _trim_prefill(spoken[-1])
    return system, [turn.render() for turn in spoken], _goes_on_unthought(spoken)


def _turn(message: Message, path: str, ids: ToolIds, losses: Losses) -> Turn:
    turn = Turn(_ROLES[message.role])
    if message.name is not None and message.role != "tool":
        losses.tell(f"{path}.name")
    calls = 0
    for index, part in enumerate(message.parts):
        at = f"{path}.content[{index}]"
        if isinstance(part, ToolCall):
            at = f"{path}.tool_calls[{calls}].function.arguments"
            calls += 1
        if (turn.role == "system" and not isinstance(part, Text)) or (
            turn.role == "user" and isinstance(part, ToolCall | Thinking | RedactedThinking)
        ):
            losses.refuse(at)
            continue
        block = render_part(part, at, ids, losses)
        if block is not None:
            (turn.results if isinstance(part, ToolResult) else turn.blocks).append(block)
    return turn


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


def _seated(turns: list[Turn], *, system_turns: bool) -> list[Turn]:
    """Later instructions stay system turns where the vendor allows one, else the user says them, marked as what they are.

    Allowed is: behind a user's turn, and at the end or before an assistant's
    (https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages).
    """
    for at, turn in enumerate(turns):
        if turn.role != "system":
            continue
        follows_user = at > 0 and turns[at - 1].role == "user"
        precedes_user = at + 1 < len(turns) and turns[at + 1].role == "user"
        if not (system_turns and follows_user and not precedes_user):
            turn.role = "user"
            turn.blocks = [{**block, "text": f"<system>\n{block['text']}\n</system>"} for block in turn.blocks]
    return turns


def _goes_on_unthought(turns: Iterable[Turn]) -> bool:
    """Whether the model is to go on with an answer of its own that does not begin with thinking.

    It goes on behind results of its calls, and where the last turn is its own. An answer may span many calls, and it is its
    first turn that counts: models without interleaved thinking think there only. Where the user said something with the
    results, what followed was another answer.
    """
    opening: Turn | None = None
    for turn in reversed([*turns]):
        if turn.role == "assistant":
            opening = turn
        elif not turn.results or (turn.blocks and opening is not None):
            break
    if opening is None:
        return False
    first, *_ = opening.results or opening.blocks
    return first["type"] not in {"thinking", "redacted_thinking"}


def _trim_prefill(last: Turn) -> None:
    if last.role != "assistant" or not last.blocks:
        return
    block = last.blocks[-1]
    text = block.get("text")
    if block["type"] == "text" and isinstance(text, str):
        block["text"] = text.rstrip()
