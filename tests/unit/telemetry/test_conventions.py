"""Attribute names are spelt as in the installed semantic conventions."""

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

from extproc.telemetry.conventions import provider_kind


def test_dialects_map_to_the_conventions_well_known_providers():
    known = {
        "anthropic", "aws.bedrock", "azure.ai.openai", "cohere", "gcp.gemini", "gcp.vertex_ai", "openai",
    }  # fmt: skip
    dialects = [
        "openai", "azure-openai", "anthropic", "bedrock", "bedrock-anthropic", "gemini", "vertex-gemini",
        "vertex-anthropic", "cohere",
    ]  # fmt: skip
    assert {provider_kind(dialect) for dialect in dialects} == known


def test_a_dialect_of_tomorrow_names_itself():
    assert provider_kind("quantum") == "quantum"


def test_no_provider_is_empty():
    assert provider_kind(None) == ""


@pytest.mark.parametrize(
    ("constant", "name"),
    [
        ("GEN_AI_OPERATION_NAME", "gen_ai.operation.name"),
        ("GEN_AI_PROVIDER_NAME", "gen_ai.provider.name"),
        ("GEN_AI_REQUEST_MODEL", "gen_ai.request.model"),
        ("GEN_AI_RESPONSE_MODEL", "gen_ai.response.model"),
        ("GEN_AI_TOKEN_TYPE", "gen_ai.token.type"),
    ],
)
def test_metric_labels_are_the_conventions_attributes_with_underscores(constant, name):
    assert getattr(gen_ai_attributes, constant) == name
