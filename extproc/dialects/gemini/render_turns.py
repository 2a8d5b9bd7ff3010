"""Messages → the system instruction and alternating contents.

The vendor's rules (https://ai.google.dev/gemini-api/docs/function-calling, .../thought-signatures): a call's results come
in the very next user turn; no text is empty; Gemini 3 wants the first call of each step signed.
"""

from extproc.dialects.gemini.models import Traits
from extproc.dialects.gemini.render_parts import PartRenderer
from extproc.dialects.gemini.signatures import SKIP_VALIDATION
from extproc.dialects.losses import NOT_SAID_BY_THIS_ROLE, Losses
from extproc.dialects.turns import OPENING, ROLES, Turn, arranged
from extproc.domain.conversation import Message, Text, ToolResult
from extproc.domain.reading import Json, JsonObject

LEFT_OUT: JsonObject = {"role": "user", "parts": [{"text": "(The message could not be carried.)"}]}
"""Stands in for a conversation of nothing but what may be dropped: the vendor refuses one without content."""


def render_turns(messages: tuple[Message, ...], traits: Traits, losses: Losses) -> tuple[list[Json], list[Json]]:
    """The parts of the ``systemInstruction``, and the ``contents``, which are empty where nobody says anything.

    Raises ``InvalidRequest`` where a result belongs to no call.
    """
    renderer = PartRenderer(losses, traits.media_in_results)
    turns = [_turn(message, f"messages[{at}]", renderer) for at, message in enumerate(messages)]
    system, spoken = arranged(turns, system_turns=False)
    if spoken and spoken[0].role == "assistant":
        spoken.insert(0, Turn("user", blocks=[{"text": OPENING}]))
    if traits.signed_calls:
        for turn in spoken:
            _sign(turn)
    return list[Json](system), [_content(turn) for turn in spoken]


def _turn(message: Message, path: str, renderer: PartRenderer) -> Turn:
    turn = Turn(ROLES[message.role])
    if message.name is not None and message.role != "tool":
        renderer.losses.tell(f"{path}.name")
    if turn.role == "assistant":
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


def _content(turn: Turn) -> JsonObject:
    return {"role": "model" if turn.role == "assistant" else "user", "parts": [*turn.results, *turn.blocks]}


def _sign(turn: Turn) -> None:
    """A step whose first call has no signature is of another vendor's model, or its client has lost it.

    In every turn, though the vendor looks at the current one only: what a prompt begins with must not change later, or
    it would fall out of the prompt cache.
    """
    if turn.role != "assistant":
        return
    first = next((block for block in turn.blocks if "functionCall" in block), None)
    if first is not None:
        first.setdefault("thoughtSignature", SKIP_VALIDATION)
