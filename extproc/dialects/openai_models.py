"""Which of OpenAI's models takes which request field, and by which API: those that reason refuse what others take.

Shared by the dialects that speak to them and by who chooses the API. Sources, read in November 2026:
https://developers.openai.com/api/docs/models (each model's page),
https://developers.openai.com/api/docs/guides/latest-model, https://developers.openai.com/api/docs/guides/deployment-checklist
(tools and sampling while reasoning),
https://community.openai.com/t/request-for-compatibility-matrix-reasoning-effort-sampling-parameters-across-gpt-5-series/1371738
(efforts).
"""

import re
from functools import lru_cache

from extproc.domain.valueclass import valueclass

_SCALE = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Efforts from the least to the most."""


@valueclass
class Traits:
    """What a model takes. The defaults are those of one that is not listed: it gets what was asked."""

    efforts: tuple[str, ...] = ()
    """Values of ``reasoning_effort``, from the least to the most; empty: not known."""
    unasked: str | None = None
    """The effort where none is asked for; None: the model does not reason, or nobody knows."""
    stops: bool = True
    """Stop sequences. Refused by those it is False for even where they do not reason:
    https://github.com/huggingface/smolagents/pull/1868, https://github.com/bolna-ai/bolna/pull/1019."""
    chat: bool = True
    """Chat Completions serves it; else Responses alone does."""
    chat_tools: bool = True
    """Chat Completions takes functions while it reasons: https://github.com/openai/openai-openapi/issues/541."""

    def reasons(self, effort: str | None) -> bool:
        """Whether the model reasons at this effort (None: at its own), as far as that is known."""
        return self.unasked is not None and (effort or self.unasked) != "none"

    def nearest(self, effort: str | None) -> str | None:
        """The effort nearest to the one asked for that this model takes; of two equally near ones the higher."""
        if not self.efforts or effort not in _SCALE or effort in self.efforts:
            return effort
        asked = _SCALE.index(effort)
        return min(reversed(self.efforts), key=lambda each: abs(_SCALE.index(each) - asked))


def _reasoner(efforts: str, *, unasked: str = "medium", chat: bool = True, chat_tools: bool = True) -> Traits:
    return Traits(tuple(efforts.split()), unasked, stops=False, chat=chat, chat_tools=chat_tools)


_UNLISTED = Traits()
_NEWER = Traits(chat_tools=False)
_LISTED: tuple[tuple[re.Pattern[str], Traits], ...] = tuple(
    (re.compile(rf"(?:openai/)?(?:{names})(?:-\d{{4}}-\d\d-\d\d)?"), traits)
    for names, traits in (
        (r"o1|o3-mini", Traits(("low", "medium", "high"), "medium")),
        (r"o3|o4-mini", _reasoner("low medium high")),
        (r"o1-pro|o3-pro", _reasoner("low medium high", chat=False)),
        (r"gpt-5|gpt-5-mini|gpt-5-nano", _reasoner("minimal low medium high")),
        (r"gpt-5-codex|gpt-5\.1-codex(?:-mini)?", _reasoner("low medium high", chat=False)),
        (r"gpt-5-pro", _reasoner("high", unasked="high", chat=False)),
        (r"gpt-5\.1", _reasoner("none low medium high", unasked="none")),
        (r"gpt-5\.1-codex-max|gpt-5\.[23]-codex", _reasoner("low medium high xhigh", chat=False)),
        (r"gpt-5\.[1-3]-chat-latest", _reasoner("medium")),
        (r"gpt-5\.2", _reasoner("none low medium high xhigh", unasked="none")),
        (r"gpt-5\.4(?:-mini|-nano)?", _reasoner("none low medium high xhigh", unasked="none", chat_tools=False)),
        (r"gpt-5\.5", _reasoner("none low medium high xhigh", chat_tools=False)),
        (r"gpt-5\.[245]-pro", _reasoner("medium high xhigh", chat=False)),
        (
            r"gpt-5\.6(?:-sol|-terra|-luna)?|gpt-6-sol|gpt-6-luna|gpt-6\.1-terra",
            _reasoner("none low medium high xhigh max", chat_tools=False),
        ),
        (r"gpt-6-astra|gpt-6\.1-sol", _reasoner("low medium high xhigh max", chat_tools=False)),
    )
)
_VERSION = re.compile(r"(?:openai/)?gpt-(\d)(?:\.(\d+))?(?!\d)")
"""A single digit: ``gpt-35-turbo`` is how Azure spells 3.5."""
_SINCE = (5, 4)
"""From this version on, whatever comes behind it in the name, ``chat_tools`` is False."""


@lru_cache(maxsize=1024)
def traits_of(model: str) -> Traits:
    """The traits behind a model's name; the defaults, nearly, where it is a deployment's or newer than this list."""
    for names, traits in _LISTED:
        if names.fullmatch(model):
            return traits
    version = _VERSION.match(model)
    newer = version is not None and (int(version[1]), int(version[2] or 0)) >= _SINCE
    return _NEWER if newer else _UNLISTED
