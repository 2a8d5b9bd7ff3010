"""What requests to OpenAI's conversation APIs have in common, whichever it is."""

import re
from collections.abc import Mapping
from hashlib import sha256

from extproc.domain.conversation import Source

MAX_END_USER = 64
"""Characters of ``user``. ``safety_identifier`` may have 128 today, but one end user should have one name in both.
openai.types.responses.response_create_params"""

_FILE_NAMES: Mapping[str, str] = {
    "application/pdf": "document.pdf",
    "application/json": "document.json",
    "text/plain": "document.txt",
    "text/csv": "document.csv",
    "text/markdown": "document.md",
    "text/html": "document.html",
}

_SCHEMES = ("https://", "http://", "data:")

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""From the least to the most."""

_EFFORTS_OF_MODELS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(rf"(?:openai/)?(?:{names})(?:-\d{{4}}-\d\d-\d\d)?"), tuple(efforts.split()))
    for names, efforts in (
        (r"o1|o1-pro|o3|o3-mini|o3-pro|o4-mini", "low medium high"),
        (r"gpt-5|gpt-5-mini|gpt-5-nano", "minimal low medium high"),
        (r"gpt-5-codex|gpt-5\.1-codex(?:-mini)?", "low medium high"),
        (r"gpt-5-pro", "high"),
        (r"gpt-5\.1", "none low medium high"),
        (r"gpt-5\.1-codex-max|gpt-5\.[23]-codex", "low medium high xhigh"),
        (r"gpt-5\.[1-3]-chat-latest", "medium"),
        (r"gpt-5\.2|gpt-5\.4|gpt-5\.4-mini|gpt-5\.4-nano|gpt-5\.5", "none low medium high xhigh"),
        (r"gpt-5\.[245]-pro", "medium high xhigh"),
        (r"gpt-5\.6(?:-sol|-terra|-luna)?", "none low medium high xhigh max"),
    )
)
"""What the models take; others refuse the request. A name that is not here (a deployment's, a newer one's) gets what was
asked. https://developers.openai.com/api/docs/models, each model's page;
https://community.openai.com/t/request-for-compatibility-matrix-reasoning-effort-sampling-parameters-across-gpt-5-series/1371738
"""


def end_user(name: str | None) -> str | None:
    """The end user's id, or what stands in for one that is too long: always the same for the same user."""
    if name is None or len(name) <= MAX_END_USER:
        return name
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def file_name(title: str | None, media_type: str | None) -> str:
    """The name of a file that is sent along, by which OpenAI tells its format: a made one where it has no title."""
    return title or _FILE_NAMES.get(media_type or "", "document")


def fit_effort(effort: str | None, model: str) -> str | None:
    """The effort nearest to the one asked for that this model takes; of two equally near ones the higher."""
    if effort not in _EFFORTS:
        return effort
    known = next((efforts for names, efforts in _EFFORTS_OF_MODELS if names.fullmatch(model)), None)
    if known is None or effort in known:
        return effort
    asked = _EFFORTS.index(effort)
    return min(reversed(known), key=lambda each: abs(_EFFORTS.index(each) - asked))


def source_url(source: Source) -> str | None:
    """Where OpenAI finds an image or a file, ``data:`` included; None where it cannot.

    Another vendor's store (``gs://``) is not for OpenAI to read.
    """
    if source.data is not None:
        return f"data:{source.media_type or ''};base64,{source.data}"
    return source.url if source.url is not None and source.url.startswith(_SCHEMES) else None
