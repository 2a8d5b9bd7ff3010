"""Messages → the system prompt and alternating turns.

The vendor's rules (https://platform.claude.com/docs/en/api/messages, and .../build-with-claude/tool-use): all results of
a turn's tool calls stand first in the very next user turn; no text block is blank; a final assistant turn is continued
by the model, and must not end in whitespace, or, from Claude 4.6 on, refused.
"""

from extproc.dialects.anthropic.render_blocks import ToolIds, render_content, render_part
from extproc.dialects.claude import Traits
from extproc.dialects.losses import NO_PREFILL, NOT_SAID_BY_THIS_ROLE, Losses
from extproc.dialects.turns import OPENING, ROLES, Block, Turn, arranged, goes_on_unthought, trim_prefill
from extproc.domain.conversation import Message, RedactedThinking, Text, Thinking, ToolCall, ToolResult
from extproc.domain.reading import Json, JsonObject


def render_turns(messages: tuple[Message, ...], losses: Losses, traits: Traits) -> tuple[list[Block], list[Json], bool]:
    """The blocks of the top-level ``system``, the ``messages``, and whether the model goes on without having thought.

    No messages where nobody says anything.
    """
    ids = ToolIds()
    turns = [_turn(message, f"messages[{at}]", ids, losses) for at, message in enumerate(messages)]
    system, spoken = arranged(turns, system_turns=traits.system_turns)
    if spoken and spoken[-1].role == "assistant" and not traits.prefill:
        losses.refuse(f"messages[{len(messages) - 1}]", NO_PREFILL)
        spoken.pop()
    if not spoken:
        return system, [], False
    if spoken[0].role == "assistant":
        spoken.insert(0, Turn("user", blocks=[{"type": "text", "text": OPENING}]))
    trim_prefill(spoken[-1])
    return system, [_message(turn) for turn in spoken], goes_on_unthought(spoken, _is_thinking)


def _turn(message: Message, path: str, ids: ToolIds, losses: Losses) -> Turn:
    turn = Turn(ROLES[message.role])
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
            losses.refuse(at, NOT_SAID_BY_THIS_ROLE)
            continue
        block = render_part(part, at, ids, losses)
        if block is not None:
            (turn.results if isinstance(part, ToolResult) else turn.blocks).append(block)
    return turn


def _message(turn: Turn) -> JsonObject:
    return {"role": turn.role, "content": render_content([*turn.results, *turn.blocks])}


def _is_thinking(block: Block) -> bool:
    return block["type"] in {"thinking", "redacted_thinking"}
