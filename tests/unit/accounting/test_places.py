"""Where a provider serves its models, and what that adds."""

import pytest

from extproc.accounting.places import surcharge, vendor_of_dialect
from extproc.config.snapshot import Provider

VERTEX = "https://{}aiplatform.googleapis.com"
GEMINI, OPUS, OLD = "gemini-3.8-flash", "claude-opus-5-5", "claude-4-sonnet"
BEDROCK = "https://bedrock-runtime.{}.amazonaws.com"


def at(dialect: str, base_url: str, **more) -> Provider:
    return Provider("p", dialect, base_url, **more)


@pytest.mark.parametrize(
    ("provider", "model", "percent"),
    [
        (at("gemini", "https://generativelanguage.googleapis.com"), GEMINI, 100),
        (at("vertex-gemini", VERTEX.format("")), GEMINI, 100),
        (at("vertex-gemini", VERTEX.format(""), location="global"), GEMINI, 100),
        (at("vertex-gemini", VERTEX.format(""), location="us-east5"), GEMINI, 110),
        (at("vertex-gemini", VERTEX.format("europe-west1-")), GEMINI, 110),
        (at("vertex-gemini", "https://aiplatform.eu.rep.googleapis.com"), GEMINI, 110),
        (at("vertex-gemini", "http://127.0.0.1:8", location="eu"), GEMINI, 110),
        (at("vertex-anthropic", VERTEX.format("us-east5-")), OPUS, 110),
        (at("vertex-anthropic", VERTEX.format("us-east5-")), "claude-sonnet-4-5", 110),
        (at("vertex-anthropic", VERTEX.format("us-east5-")), "claude-opus-4-6", 110),
        (at("vertex-anthropic", VERTEX.format("us-east5-")), OLD, 100),
        (at("vertex-anthropic", VERTEX.format("us-east5-")), "claude-3-5-haiku", 100),
        (at("vertex-anthropic", VERTEX.format("us-east5-")), "claude-opus-4-1", 100),
        (at("vertex-anthropic", VERTEX.format("us-east5-")), "claude-opus-4-1-20250805", 100),
        (at("vertex-anthropic", VERTEX.format("us-east5-")), "claude-4-opus", 100),
    ],
)
def test_google(provider, model, percent):
    assert surcharge(provider, "google", f"genai-prices:google/{model}") == percent


NOVA, REGIONAL = "amazon.nova-lite-v1:0", "regional.anthropic.claude-opus-5"


@pytest.mark.parametrize(
    ("provider", "model", "percent"),
    [
        (at("bedrock", BEDROCK.format("us-east-1"), region="us-east-1"), NOVA, 100),
        (at("bedrock", BEDROCK.format("eu-central-1")), NOVA, None),
        (at("bedrock", BEDROCK.format("eu-central-1"), priced_as="aws"), NOVA, 100),
        (at("bedrock", BEDROCK.format("eu-central-1")), REGIONAL, 100),
        (at("bedrock", BEDROCK.format("eu-central-1")), "global.openai.gpt-6-sol", 100),
        (at("bedrock", BEDROCK.format("us-gov-west-1")), REGIONAL, None),
        (at("bedrock", "https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com"), REGIONAL, None),
        (at("bedrock", "https://vpce-1.bedrock-runtime.us-west-2.vpce.amazonaws.com"), NOVA, 100),
        (at("bedrock", "http://127.0.0.1:8", region="us-west-2"), NOVA, 100),
        (at("bedrock", "http://127.0.0.1:8"), NOVA, None),
    ],
)
def test_aws(provider, model, percent):
    assert surcharge(provider, "aws", f"genai-prices:aws/{model}") == percent


@pytest.mark.parametrize(("region", "percent"), [(None, 100), ("global", 100), ("eu", None), ("swedencentral", None)])
def test_azure(region, percent):
    provider = at("azure-openai", "https://acme.openai.azure.com", region=region)
    assert surcharge(provider, "azure", "genai-prices:azure/gpt-4o") == percent


def test_others_have_one_price():
    assert surcharge(at("openai", "https://api.groq.com/openai/v1"), "groq", "genai-prices:groq/x") == 100


@pytest.mark.parametrize(
    ("dialect", "vendor"),
    [
        ("azure-openai", "azure"),
        ("bedrock", "aws"),
        ("bedrock-anthropic", "aws"),
        ("gemini", "google"),
        ("vertex-gemini", "google"),
        ("vertex-anthropic", "google"),
        ("cohere", "cohere"),
        ("openai", None),
        ("anthropic", None),
    ],
)
def test_what_only_one_vendor_speaks(dialect, vendor):
    assert vendor_of_dialect(dialect) == vendor
