"""The most that an image counts."""

import pytest

from extproc.accounting.images import WORST_IMAGE, image_tokens


@pytest.mark.parametrize(
    ("vendor", "model", "tokens"),
    [
        ("openai", "gpt-4o", 1_445),
        ("openai", "GPT-4o-2024-11-20", 1_445),
        ("openai", "gpt-4.1", 1_445),
        ("openai", "gpt-5", 1_445),
        ("openai", "gpt-4o-mini", 48_169),
        ("openai", "gpt-4o-mini-2024-07-18", 48_169),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::1", 48_169),
        ("openai", "gpt-4.1-nano", 3_779),
        ("openai", "gpt-5-mini-2025-08-07", 3_779),
        ("openai", "gpt-5.4", 12_000),
        ("openai", "gpt-5.5-2026-04-23", 12_000),
        ("openai", "gpt-5.6-terra", 36_000),
        ("openai", "gpt-6-sol", 36_000),
        ("openai", "gpt-6.1-sol-2026-10-26", 36_000),
        ("openai", "gpt-7", WORST_IMAGE),
        ("openai", "gpt-5-image", WORST_IMAGE),
        ("anthropic", "claude-opus-5", 8_464),
        ("groq", "llama-4-scout", WORST_IMAGE),
        (None, "gpt-4o", WORST_IMAGE),
        ("azure", "gpt-4o", 1_445),
        ("azure", "claude-opus-5", 8_464),
        ("azure", "my-deployment", WORST_IMAGE),
        ("aws", "us.anthropic.claude-opus-5-5", 8_464),
        ("aws", "amazon.nova-lite-v1:0", WORST_IMAGE),
        ("google", "claude-opus-5@20260901", 8_464),
        ("google", "publishers/anthropic/models/claude-opus-5", 8_464),
        ("google", "gemini-3-pro-preview", 2_240),
        ("google", "gemini-3.8-flash", 2_240),
        ("google", "models/gemini-4-argon", 2_240),
        ("google", "gemini-2.5-flash", WORST_IMAGE),
    ],
)
def test_images_by_vendor_and_model(vendor, model, tokens):
    assert image_tokens(vendor, model) == tokens


def test_an_unknown_model_counts_the_most_of_all():
    known = [image_tokens(v, m) for v, m in [("openai", "gpt-4o-mini"), ("openai", "gpt-6-sol"), ("anthropic", "x")]]
    assert max(known) <= WORST_IMAGE
