"""The vendors whose API is OpenAI's, as data: ``vendors.yaml``, which ``providers.*.vendor`` names a record of.

Each record names its source. What no source says is not in it, and a provider without a record is called all the same.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, WithJsonSchema

from extproc.config.scalars import Dialect, HeaderName, HttpUrl, Name, Text

Quirk = Literal[
    "limit_field",
    "drop",
    "replay_reasoning",
    "refuses_text_lists",
    "short_call_ids",
    "results_answered",
    "rerank_path",
    "auth",
]


class Vendor(BaseModel):
    """One vendor, or one kind of server.

    ``base_url``: None where everybody has another one, and ``form`` shows what it looks like. ``auth``: how the API key
    travels: ``bearer``, ``none`` (a server that asks for none unless told to), or the name of the header. ``apis``: what
    it serves of OpenAI's shape; ``rerank`` is the shape of Cohere and Jina. ``refuses_text_lists``, ``short_call_ids``
    and ``results_answered``: see ``extproc.domain.quirks``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    dialect: Dialect = "openai"
    base_url: HttpUrl | None = None
    form: HttpUrl | None = None
    auth: Literal["bearer", "none"] | HeaderName = "bearer"
    apis: list[Literal["chat", "responses", "completions", "embeddings", "rerank"]]
    priced_as: Name | None = None
    models: Literal["openai"] | None = None
    """Whose they are, and whose ways it has (``extproc.domain.quirks``); None: of many, and no more is known."""
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    drop: list[Name] = []
    replay_reasoning: bool = False
    refuses_text_lists: bool = False
    short_call_ids: bool = False
    results_answered: bool = False
    rerank_path: Text | None = None
    source: Text
    """Where the address and the APIs are said."""
    quirks: dict[Quirk, Text] = {}
    """Where each quirk is said, if not at ``source``."""


@cache
def vendors() -> Mapping[str, Vendor]:
    """The records by name."""
    text = (resources.files("extproc.config") / "vendors.yaml").read_text(encoding="utf-8")
    # C when it is there: this runs at the start of every worker and of every command.
    data: object = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    return MappingProxyType(TypeAdapter(dict[Name, Vendor]).validate_python(data))


VendorName = Annotated[Name, WithJsonSchema({"type": "string", "enum": sorted(vendors())})]
"""Whether there is such a vendor is ``names``' to tell; editors propose those there are."""
