"""What has to change in a request whose provider speaks the client's own dialect. ``edit`` makes the changes.

As little as possible: every byte that stays is a vendor's feature that works on the day it appears. A member that only
the gateway understands would be taken out here, with ``DELETE``.
"""

from collections.abc import Mapping
from typing import Protocol

from extproc.dialects.base import RenderOptions
from extproc.dialects.openai_quirks import fit_items, fit_messages, is_same
from extproc.domain.errors import InvalidRequest, UnsupportedFeature
from extproc.domain.quirks import OPENAI
from extproc.domain.reading import Json, JsonObject, kind_of
from extproc.domain.valueclass import valueclass
from extproc.translate.edit import Changes


@valueclass
class SameDialectEdits:
    """Top-level changes, and whether the client itself asked for usage in the stream."""

    changes: Changes
    include_usage: bool = True


class EditPlan(Protocol):
    """How one dialect's requests are edited."""

    def __call__(self, parsed: JsonObject, *, model: str, stream: bool) -> SameDialectEdits:
        """``model``: the provider's name for it. Raises ``InvalidRequest`` where a member cannot be edited."""
        ...


def _edit_openai(parsed: JsonObject, *, model: str, stream: bool) -> SameDialectEdits:
    """In a stream of Chat or legacy Completions usage comes only if it is asked for, in a chunk of its own.

    https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options
    """
    changes = _named(parsed, model)
    if not stream:
        return SameDialectEdits(changes, include_usage=False)
    options = parsed.get("stream_options") or {}
    if not isinstance(options, Mapping):
        raise InvalidRequest(
            f"stream_options must be a JSON object, not {kind_of(options)}",
            param="stream_options",
        )
    asked = options.get("include_usage") is True
    if not asked:
        changes["stream_options"] = {**options, "include_usage": True}
    return SameDialectEdits(changes, include_usage=asked)


def _edit_named(parsed: JsonObject, *, model: str, stream: bool) -> SameDialectEdits:
    """Usage is always in the stream."""
    del stream
    return SameDialectEdits(_named(parsed, model))


def _edit_gemini(parsed: JsonObject, *, model: str, stream: bool) -> SameDialectEdits:
    """Model and stream stand in the path, and usage is always there."""
    del parsed, model, stream
    return SameDialectEdits({})


def _edit_responses(parsed: JsonObject, *, model: str, stream: bool) -> SameDialectEdits:
    """An answer in the background is fetched later, by an address that the gateway does not have, and billed unseen."""
    del stream
    if parsed.get("background"):
        raise UnsupportedFeature(
            "background is not served by this gateway: answers are not fetched later. Wait for the answer or stream it.",
            param="background",
        )
    return SameDialectEdits(_named(parsed, model))


def quirk_edits(dialect: str, parsed: JsonObject, options: RenderOptions) -> Changes:
    """What a server wants otherwise that differs from OpenAI, whose API it speaks; nothing at OpenAI itself."""
    quirks, replay = options.quirks, options.replay_reasoning
    name = _TURNS.get(dialect)
    turns = parsed.get(name) if name is not None and (replay or quirks != OPENAI) else None
    if name is None or not isinstance(turns, list):
        return {}
    if name == "input":
        fitted = fit_items(turns, quirks)
    else:
        fitted = fit_messages(turns, quirks, join=quirks.refuses_text_lists, replay_reasoning=replay)
    return {} if is_same(fitted, turns) else {name: fitted}


_TURNS: Mapping[str, str] = {"openai-chat": "messages", "openai-responses": "input"}


def _named(parsed: JsonObject, model: str) -> dict[str, Json]:
    """The model, and ``stream`` as it is.

    An edited name that occurs twice is refused, and a provider that read another ``stream`` than the gateway would
    answer in another form than the client waits for.
    """
    stream = parsed.get("stream")
    return {"model": model} if stream is None else {"model": model, "stream": stream}


EDIT_PLANS: Mapping[str, EditPlan] = {
    "openai-chat": _edit_openai,
    "openai-completions": _edit_openai,
    "openai-responses": _edit_responses,
    "anthropic-messages": _edit_named,
    "gemini": _edit_gemini,
}
"""By client dialect."""
