"""Per dialect: what a provider of it needs and takes in the file. ``calling`` checks it, ``callees`` fills it in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Cloud: TypeAlias = Literal["aws", "gcp", "azure"]


@dataclass(frozen=True, slots=True)
class Kind:
    """The rules of one dialect. ``base_url``: the default; ``{region}`` and ``{location}`` are filled in, None: none."""

    base_url: str | None
    wrong_end: re.Pattern[str]
    """An end of ``base_url`` that shows a misunderstanding of it."""
    mend: str
    cloud: Cloud | None = None
    """Which ``auth`` it takes."""
    takes_key: bool = True
    demands_credential: bool = False
    """Nobody runs one that is open to all."""
    takes: frozenset[str] = frozenset()
    """Fields that other dialects would pass over."""


SPECIAL = ("project", "location", "api_version", "api", "passthrough")
"""Fields of which each has a meaning to some dialects only (``Kind.takes``)."""

_OPENAI_ENDS = re.compile(r"(/chat/completions|/completions|/responses|/embeddings|/models)$")
_AZURE_ENDS = re.compile(r"/openai(/v1|/deployments)?(/[^/].*)?$")
_AZURE_MEND = "Give the resource (https://NAME.openai.azure.com or https://NAME.services.ai.azure.com)"
_BEDROCK_MEND = "Give the endpoint (https://bedrock-runtime.us-east-1.amazonaws.com), or region alone"
_BEDROCK = Kind(
    "https://bedrock-runtime.{region}.amazonaws.com",
    re.compile(r"/model(/.*)?$"),
    _BEDROCK_MEND,
    cloud="aws",
    demands_credential=True,
)
_GOOGLE_ENDS = re.compile(r"/v1(alpha|beta|beta1)?(/(models|openai|projects|publishers)(/.*)?)?$")
_VERTEX_URL = "https://{location}-aiplatform.googleapis.com"
_VERTEX_MEND = "Give the endpoint (https://europe-west1-aiplatform.googleapis.com), or location alone"
_VERTEX_FIELDS = frozenset({"project", "location", "api_version"})

KINDS: Mapping[str, Kind] = {
    "openai": Kind(
        "https://api.openai.com/v1",
        _OPENAI_ENDS,
        "End it before that, as in the SDKs (https://api.openai.com/v1)",
        takes=frozenset({"api", "passthrough"}),
    ),
    "azure-openai": Kind(
        None,
        _AZURE_ENDS,
        _AZURE_MEND,
        cloud="azure",
        demands_credential=True,
        takes=frozenset({"api", "passthrough", "api_version"}),
    ),
    "anthropic": Kind(
        "https://api.anthropic.com",
        re.compile(r"(/v1|/messages)$"),
        "Give the vendor's root, as in the SDKs (https://api.anthropic.com)",
    ),
    "bedrock": _BEDROCK,
    "bedrock-anthropic": _BEDROCK,
    "gemini": Kind(
        "https://generativelanguage.googleapis.com",
        _GOOGLE_ENDS,
        "Give the vendor's root (https://generativelanguage.googleapis.com); its path for OpenAI's SDKs is dialect: openai",
        takes=frozenset({"api_version"}),
    ),
    "vertex-gemini": Kind(
        _VERTEX_URL, _GOOGLE_ENDS, _VERTEX_MEND, cloud="gcp", demands_credential=True, takes=_VERTEX_FIELDS
    ),
    "vertex-anthropic": Kind(
        _VERTEX_URL,
        _GOOGLE_ENDS,
        _VERTEX_MEND,
        cloud="gcp",
        takes_key=False,
        demands_credential=True,
        takes=_VERTEX_FIELDS,
    ),
    "cohere": Kind(
        "https://api.cohere.com",
        re.compile(r"(/v[12])?(/embed|/rerank)$|/v[12]$"),
        "Give the vendor's root (https://api.cohere.com)",
    ),
}
"""By the dialect's name in the file. Base URLs are as the vendors' own SDKs take them."""

_MULTI_REGIONS = frozenset({"us", "eu"})


def default_url(kind: Kind, region: str | None, location: str | None) -> str | None:
    """The base URL where none is written; None where something that it is made of is missing too.

    Sources: https://docs.aws.amazon.com/general/latest/gr/bedrock.html,
    https://cloud.google.com/vertex-ai/docs/general/locations (``global`` and the multi-regions have hosts of their own).
    """
    url = kind.base_url
    if url is None or ("{region}" in url and region is None):
        return None
    if "{location}" in url:
        if location is None or location == "global":
            return "https://aiplatform.googleapis.com"
        if location in _MULTI_REGIONS:
            return f"https://aiplatform.{location}.rep.googleapis.com"
    return url.format(region=region, location=location)
