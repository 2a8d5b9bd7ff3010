"""Where a provider serves its models, and what that adds to the published prices. Tables.

Published prices are those of one place: Google's of the global endpoint, Microsoft's of global deployments, AWS's of US
regions, but for the models that AWS prices by inference profile. Where another place costs more by an amount that is
published, it is added; where it is not, nobody knows the price.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from extproc.config.snapshot import Provider

NO_SURCHARGE = 100
_REGIONAL_PERCENT = 110
"""Regional and multi-regional endpoints of Vertex: ten percent more than the global one.

Source: https://cloud.google.com/vertex-ai/generative-ai/pricing
"""
_SAME_EVERYWHERE = re.compile(r"claude-(3|instant|2|4-(opus|sonnet)|(opus|sonnet)-4(@|-[01](\D|$)|-2025|$))")
"""Claude models from before there was such a difference: it came with Sonnet 4.5."""

_VERTEX_HOST = re.compile(r"(?:(?P<region>[a-z0-9-]+)-)?aiplatform(?:\.(?P<multi>[a-z]+)\.rep)?\.googleapis\.com")
_BEDROCK_HOST = re.compile(r"(?:^|\.)bedrock-runtime(?:-fips)?\.(?P<region>[a-z0-9-]+)\.")

_US = frozenset({"us-east-1", "us-east-2", "us-west-2"})
"""Regions of AWS whose prices are those that are published here.

Source: https://aws.amazon.com/bedrock/pricing/ (prices by region)
"""
_PRICED_BY_PROFILE = ("global.", "regional.")
"""How names of models begin in genai-prices whose prices say which place they are for."""
_APART = re.compile(r"(us-gov|cn)-")
"""Partitions of AWS with price lists of their own."""

_VENDOR_OF_DIALECT: Mapping[str, str] = {
    "azure-openai": "azure",
    "bedrock": "aws",
    "bedrock-anthropic": "aws",
    "gemini": "google",
    "vertex-gemini": "google",
    "vertex-anthropic": "google",
    "cohere": "cohere",
}
"""Dialects that one vendor speaks: whatever the host is called, such as that of a private link."""


def vendor_of_dialect(dialect: str) -> str | None:
    """The provider id of genai-prices; None where many speak the dialect."""
    return _VENDOR_OF_DIALECT.get(dialect)


def surcharge(provider: Provider, vendor: str, source: str) -> int | None:
    """What prices of ``source`` cost at this provider, in hundredths; None: more, and nobody says by how much.

    ``source``: ``genai-prices:aws/regional.anthropic.claude-opus-5``. Who says whose prices hold (``priced_as``) says
    that they hold as they are, where there is a doubt.
    """
    known = _CHECKS[vendor](provider, source.partition("/")[2]) if vendor in _CHECKS else NO_SURCHARGE
    return NO_SURCHARGE if known is None and provider.priced_as is not None else known


def _google(provider: Provider, model: str) -> int:
    host = _VERTEX_HOST.fullmatch(urlsplit(provider.base_url).hostname or "")
    if host is None and provider.location is None:
        return NO_SURCHARGE  # the Gemini API has no regions
    place = provider.location or (host and (host["region"] or host["multi"])) or "global"
    return NO_SURCHARGE if place == "global" or _SAME_EVERYWHERE.search(model) else _REGIONAL_PERCENT


def _aws(provider: Provider, model: str) -> int | None:
    host = _BEDROCK_HOST.search(urlsplit(provider.base_url).hostname or "")
    region = host["region"] if host else provider.region
    if region is None or _APART.match(region):
        return None
    return NO_SURCHARGE if region in _US or model.startswith(_PRICED_BY_PROFILE) else None


def _azure(provider: Provider, _model: str) -> int | None:
    """Data zones and regions cost 10 to 20 percent more, by model: https://azure.microsoft.com/pricing/details/azure-openai/."""
    return NO_SURCHARGE if provider.region in {None, "global"} else None


_CHECKS = {"google": _google, "aws": _aws, "azure": _azure}
