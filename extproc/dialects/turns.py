"""Messages as alternating turns: what Anthropic's API, Bedrock's Converse and Gemini's have in common."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from extproc.domain.conversation import Role
from extproc.domain.reading import Json

Block = dict[str, Json]

TurnRole = Literal["system", "user", "assistant"]

ROLES: dict[Role, TurnRole] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "tool": "user",
    "assistant": "assistant",
}

OPENING = "(The conversation begins with the assistant.)"
"""Stands in for the first user turn where there is none: Bedrock, older models, and Gemini for calls that nobody asked
for, refuse a conversation without it."""


@dataclass(slots=True)
class Turn:
    """What one side says before the other does."""

    role: TurnRole
    results: list[Block] = field(default_factory=list[Block])
    """Results of tools, which stand before all other blocks."""
    blocks: list[Block] = field(default_factory=list[Block])


def arranged(turns: Sequence[Turn], *, system_turns: bool) -> tuple[list[Block], list[Turn]]:
    """The blocks of the top-level ``system``, and alternating turns; none of these where nobody says anything.

    ``system_turns``: the model takes instructions between turns.
    """
    said = [turn for turn in turns if turn.results or turn.blocks]
    leading = next((at for at, turn in enumerate(said) if turn.role != "system"), len(said))
    if leading == len(said):
        # Instructions alone are a whole request elsewhere; here somebody has to ask.
        leading -= 1
        for turn in said[leading:]:
            turn.role = "user"
    system = [block for turn in said[:leading] for block in turn.blocks]
    return system, _merged(_seated(_merged(said[leading:]), system_turns=system_turns))


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


def _role_of(turn: Turn) -> TurnRole:
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
    return {**block, "text": f"<system>\n{block['text']}\n</system>"} if "text" in block else block


def goes_on_unthought(turns: Sequence[Turn], is_thinking: Callable[[Block], bool]) -> bool:
    """Whether the model is to go on with an answer of its own that does not begin with thinking.

    It goes on behind results of its calls, and where the last turn is its own. An answer may span many calls, and it is its
    first turn that counts: models without interleaved thinking think there only. Where the user said something with the
    results, what followed was another answer.
    """
    opening: Turn | None = None
    for turn in reversed(turns):
        if turn.role == "assistant":
            opening = turn
        elif not turn.results or (turn.blocks and opening is not None):
            break
    if opening is None:
        return False
    first, *_ = opening.results or opening.blocks
    return not is_thinking(first)


def trim_prefill(last: Turn) -> None:
    """The model goes on from a final assistant turn, which must not end in whitespace."""
    if last.role != "assistant" or not last.blocks:
        return
    text = last.blocks[-1].get("text")
    if isinstance(text, str):
        last.blocks[-1]["text"] = text.rstrip()
