"""The most tokens that an image is billed as, by vendor and model: a table, for neither pixels nor scaling are ours to see.

Sources: https://developers.openai.com/api/docs/guides/images-vision#calculating-costs and
https://platform.claude.com/docs/en/build-with-claude/vision#evaluate-image-size
"""

import re
from collections.abc import Mapping

_TILES = 8
"""OpenAI fits an image into 2048 x 2048, then shrinks its short side to 768, and cuts it into tiles of 512: 4 x 2."""
_GPT_4O = 85 + 170 * _TILES
_GPT_4O_MINI = 2833 + 5667 * _TILES
_SMALL = 1536 * 246 // 100 + 1
"""1,536 patches of 32 x 32 pixels, each of them 2.46 tokens at the most (the nano models)."""
_ORIGINAL = 10_000 * 12 // 10
"""``detail: original`` of GPT-5.4 and 5.5 takes up to 10,000 patches, each of them 1.2 tokens; GPT-5.1 to 5.3 take less."""
_UNSCALED = 30_000 * 12 // 10
"""From GPT-5.6 on, images are not shrunk unless asked for; those of more than 30,000 patches are refused."""
_CLAUDE = (2576 // 28) ** 2
"""Anthropic shrinks the long edge to 2576 pixels at most and counts patches of 28 x 28; older models see less."""
_GEMINI_3 = 2240
"""``MEDIA_RESOLUTION_ULTRA_HIGH``. Gemini 2.5 cuts long images into any number of tiles, and has no rule here.
https://ai.google.dev/gemini-api/docs/media-resolution#token-counts"""

WORST_IMAGE = _GPT_4O_MINI
"""Where no rule is known: the dearest that is, above what open models are served with (Qwen2-VL: 16,384)."""

_CLAUDES = re.compile(r"(.*[./])?claude-.*")

_RULES: Mapping[str, tuple[tuple[re.Pattern[str], int], ...]] = {
    "openai": (
        (re.compile(r"(ft:)?gpt-4o-mini.*"), _GPT_4O_MINI),
        (re.compile(r"(gpt-4\.1-(mini|nano)|gpt-5-(mini|nano)|gpt-5\.4-(mini|nano)|o4-mini)(-\d.*)?"), _SMALL),
        (re.compile(r"((ft:)?gpt-4o|gpt-4\.1|gpt-4-turbo|gpt-4\.5-preview|gpt-5|o1|o3)([-:]\d.*)?"), _GPT_4O),
        (re.compile(r"gpt-5\.[1-5](-.*)?"), _ORIGINAL),
        (re.compile(r"gpt-(5\.6|6(\.\d)?)(-.*)?"), _UNSCALED),
    ),
    "anthropic": ((re.compile(r".*"), _CLAUDE),),
    "google": ((_CLAUDES, _CLAUDE), (re.compile(r"(.*/)?gemini-(3|[4-9])[.-].*"), _GEMINI_3)),
    "aws": ((_CLAUDES, _CLAUDE),),
}


def image_tokens(vendor: str | None, model: str) -> int:
    """The most that one image can count. ``vendor`` is a provider id of genai-prices; None: unknown."""
    rules = (*_RULES["openai"], *_RULES["aws"]) if vendor == "azure" else _RULES.get(vendor or "", ())
    for pattern, tokens in rules:
        if pattern.fullmatch(model.lower()):
            return tokens
    return WORST_IMAGE
