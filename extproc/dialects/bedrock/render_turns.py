"""Messages → the system prompt and alternating turns.

The vendor's rules (``Message`` of the service model, and
https://docs.aws.amazon.com/bedrock/latest/userguide/tool-use-inference-call.html): turns alternate and begin with the
user's; all results of a turn's tool calls stand in the very next user turn; images and documents are the user's; a turn
with a document has a text, too; no text is blank.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from extproc.dialects.bedrock.render_blocks import Block, Rendering, render_part
from extproc.domain.conversation import (
    Audio,
    Document,
    Image,
    Message,
    Part,
    RedactedThinking,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from extproc.domain.reading import Json, JsonObject

_OPENING = "(The conversation begins with the assistant.)"
"""Stands in for the first user turn where there is none."""

_CAPTION = "(The document stands for itself.)"
"""The text that a turn with a document must have, where the client wrote none."""

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
        content: list[Json] = [*self.results, *self.blocks]
        if any("document" in block for block in self.blocks) and not any("text" in block for block in self.blocks):
            content.append({"text": _CAPTION})
        return {"role": self.role, "content": content}


def render_turns(messages: tuple[Message, ...], to: Rendering) -> tuple[list[Block], list[Json], bool]:
    """The blocks of the top-level ``system``, the ``messages``, and whether the model goes on without having thought.

    The messages are empty where nobody says anything.
    """
    turns = [_turn(message, f"messages[{at}]", to) for at, message in enumerate(messages)]
    turns = [turn for turn in turns if turn.results or turn.blocks]
    leading = next((at for at, turn in enumerate(turns) if turn.role != "system"), len(turns))
    if leading == len(turns):
        # Instructions alone are a whole request elsewhere; here somebody has to ask.
        leading -= 1
        for turn in turns[leading:]:
            turn.role = "user"
    system = [block for turn in turns[:leading] for block in turn.blocks]
    spoken = _merged(_seated(_merged(turns[leading:]), system_turns=to.family.claude.system_turns))
    if spoken and spoken[-1].role == "assistant" and not to.family.claude.prefill:
        to.losses.refuse(f"messages[{len(messages) - 1}]")
        spoken.pop()
    if not spoken:
        return system, [], False
    if spoken[0].role == "assistant":
        spoken.insert(0, Turn("user", blocks=[{"text": _OPENING}]))
    _trim_prefill(spoken[-1])
    return system, [turn.render() for turn in spoken], _goes_on_unthought(spoken)


def _turn(message: Message, path: str, to: Rendering) -> Turn:
    turn = Turn(_ROLES[message.role])
    if message.name is not None and message.role != "tool":
        to.losses.tell(f"{path}.name")
    calls = 0
    for index, part in enumerate(message.parts):
        at = f"{path}.content[{index}]"
        if isinstance(part, ToolCall):
            at = f"{path}.tool_calls[{calls}].function.arguments"
            calls += 1
        if not _may_say(turn.role, part):
            to.losses.refuse(at)
            continue
        (turn.results if isinstance(part, ToolResult) else turn.blocks).extend(render_part(part, at, to))
    return turn


def _may_say(role: _TurnRole, part: Part) -> bool:
    """Whether the vendor takes this from that side."""
    match role:
        case "system":
            return isinstance(part, Text)
        case "user":
            return not isinstance(part, ToolCall | Thinking | RedactedThinking)
        case "assistant":
            return not isinstance(part, Image | Document | Audio)


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
    """Later instructions stay system turns where the model takes one, else the user says them, marked as what they are.

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
            turn.blocks = [_said_by_user(block) for block in turn.blocks]
    return turns


def _said_by_user(block: Block) -> Block:
    return {"text": f"<system>\n{block['text']}\n</system>"} if "text" in block else block


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
    return "reasoningContent" not in first


def _trim_prefill(last: Turn) -> None:
    """The model goes on from a final assistant turn, which must not end in whitespace."""
    if last.role != "assistant" or not last.blocks:
        return
    text = last.blocks[-1].get("text")
    if isinstance(text, str):
        last.blocks[-1]["text"] = text.rstrip()
