"""Messages → the system prompt and alternating turns.

The vendor's rules (``Message`` of the service model, and
https://docs.aws.amazon.com/bedrock/latest/userguide/tool-use-inference-call.html): turns alternate and begin with the
user's; all results of a turn's tool calls stand in the very next user turn; images and documents are the user's; a turn
with a document has a text, too; no text is blank.
"""

from extproc.dialects.bedrock.render_blocks import Rendering, render_part
from extproc.dialects.losses import NO_PREFILL, NOT_SAID_BY_THIS_ROLE
from extproc.dialects.turns import OPENING, ROLES, Block, Turn, TurnRole, arranged, goes_on_unthought, trim_prefill
from extproc.domain.conversation import (
    Audio,
    Document,
    Image,
    Message,
    Part,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from extproc.domain.reading import Json, JsonObject

_CAPTION = "(The document stands for itself.)"
"""The text that a turn with a document must have, where the client wrote none."""


def render_turns(messages: tuple[Message, ...], to: Rendering) -> tuple[list[Block], list[Json], bool]:
    """The blocks of the top-level ``system``, the ``messages``, and whether the model goes on without having thought.

    The messages are empty where nobody says anything.
    """
    turns = [_turn(message, f"messages[{at}]", to) for at, message in enumerate(messages)]
    system, spoken = arranged(turns, system_turns=to.family.claude.system_turns)
    if spoken and spoken[-1].role == "assistant" and not to.family.claude.prefill:
        to.losses.refuse(f"messages[{len(messages) - 1}]", NO_PREFILL)
        spoken.pop()
    if not spoken:
        return system, [], False
    if spoken[0].role == "assistant":
        spoken.insert(0, Turn("user", blocks=[{"text": OPENING}]))
    trim_prefill(spoken[-1])
    return system, [_message(turn) for turn in spoken], goes_on_unthought(spoken, _is_thinking)


def _turn(message: Message, path: str, to: Rendering) -> Turn:
    turn = Turn(ROLES[message.role])
    if message.name is not None and message.role != "tool":
        to.losses.tell(f"{path}.name")
    calls = 0
    for index, part in enumerate(message.parts):
        at = f"{path}.content[{index}]"
        if isinstance(part, ToolCall):
            at = f"{path}.tool_calls[{calls}].function.arguments"
            calls += 1
        if not _may_say(turn.role, part):
            to.losses.refuse(at, NOT_SAID_BY_THIS_ROLE)
            continue
        (turn.results if isinstance(part, ToolResult) else turn.blocks).extend(render_part(part, at, to))
    return turn


def _may_say(role: TurnRole, part: Part) -> bool:
    """Whether the vendor takes this from that side."""
    match role:
        case "system":
            return isinstance(part, Text)
        case "user":
            return not isinstance(part, ToolCall | Thinking | RedactedThinking)
        case "assistant":
            return not isinstance(part, Image | Document | Audio)


def _message(turn: Turn) -> JsonObject:
    content: list[Json] = [*turn.results, *turn.blocks]
    if any("document" in block for block in turn.blocks) and not any("text" in block for block in turn.blocks):
        content.append({"text": _CAPTION})
    return {"role": turn.role, "content": content}


def _is_thinking(block: Block) -> bool:
    return "reasoningContent" in block
