"""Spec of a provider → what the snapshot has of it. The part of ``build`` about whom we call."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from extproc.config.kinds import KINDS, default_url
from extproc.config.prices import price_of
from extproc.config.schema import ProviderSpec
from extproc.config.services import AuthSpec
from extproc.config.snapshot import AwsLogin, AzureLogin, GcpLogin, Login, Price, Provider
from extproc.config.vendors import Vendor, vendors
from extproc.domain.quirks import COMPATIBLE, OPENAI, ChatQuirks

_OPENAI_HOSTS = ("openai.com", ".openai.azure.com")
"""Hosts whose models heed ``max_completion_tokens``, and of which the reasoning models refuse the older name.
https://platform.openai.com/docs/api-reference/chat/create#chat-create-max_completion_tokens"""
_OPENAI_APIS = frozenset({"chat", "responses", "embeddings"})
"""Of OpenAI and Azure. Of their models only a few old ones serve ``completions``, so a target says that itself.
https://platform.openai.com/docs/api-reference/responses,
https://learn.microsoft.com/azure/ai-foundry/openai/how-to/responses"""
_COMPATIBLE_APIS = frozenset({"chat", "embeddings", "rerank"})
"""What is tried at a server that nobody has a record of."""

_FOUNDRY = ".services.ai.azure.com"
_SCOPE = "https://cognitiveservices.azure.com/.default"
_FOUNDRY_SCOPE = "https://ai.azure.com/.default"
"""https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle"""


def provider(name: str, spec: ProviderSpec, base_dir: Path | None) -> Provider:
    """The provider, with what its vendor's record and its dialect say filled in."""
    record = vendors()[spec.vendor] if spec.vendor is not None else None
    dialect = record.dialect if record is not None and "dialect" not in spec.model_fields_set else spec.dialect
    base_url = _base_url(spec, dialect, record)
    apis = _apis(dialect, base_url, record)
    if spec.api is not None:
        apis |= {spec.api}
    header = record.auth if record is not None and record.auth not in {"bearer", "none"} else None
    return Provider(
        name=name,
        dialect=dialect,
        base_url=base_url,
        api_key=spec.api_key,
        headers=MappingProxyType(spec.headers) if spec.headers else None,
        region=spec.region,
        ca_file=_path(spec.ca_file, base_dir),
        connect_timeout=spec.connect_timeout,
        prices=_prices(spec),
        older_limit=_older_limit(spec, dialect, base_url, record),
        priced_as=spec.priced_as or (record.priced_as if record else None),
        login=_login(spec.auth, base_url, base_dir) if spec.auth is not None else None,
        project=spec.project,
        location=spec.location,
        api_version=spec.api_version,
        vendor=spec.vendor,
        api=spec.api,
        apis=apis,
        passthrough=frozenset(spec.passthrough),
        key_header=header,
        rerank_path=(record.rerank_path if record else None) or "/rerank",
        replay_reasoning=record.replay_reasoning if record else False,
        quirks=_quirks(dialect, base_url, record),
        drop=tuple(record.drop) if record else (),
    )


def _base_url(spec: ProviderSpec, dialect: str, record: Vendor | None) -> str:
    written = spec.base_url or (record.base_url if record else None)
    url = written or default_url(KINDS[dialect], spec.region, spec.location)
    assert url is not None, "checked by calling"
    return url


def _apis(dialect: str, base_url: str, record: Vendor | None) -> frozenset[str]:
    if dialect not in {"openai", "azure-openai"}:
        return frozenset()
    if record is not None:
        return frozenset(record.apis)
    return _OPENAI_APIS if dialect == "azure-openai" or _is_openai(base_url) else _COMPATIBLE_APIS


def _is_openai(base_url: str) -> bool:
    return (urlsplit(base_url).hostname or "").endswith(_OPENAI_HOSTS)


def _older_limit(spec: ProviderSpec, dialect: str, base_url: str, record: Vendor | None) -> bool:
    if spec.limit_field is not None:
        return spec.limit_field == "max_tokens"
    if record is not None:
        return record.limit_field == "max_tokens"
    return dialect == "openai" and not _is_openai(base_url)


def _quirks(dialect: str, base_url: str, record: Vendor | None) -> ChatQuirks:
    if record is not None:
        return replace(
            OPENAI if record.models == "openai" else COMPATIBLE,
            refuses_text_lists=record.refuses_text_lists,
            short_call_ids=record.short_call_ids,
            results_answered=record.results_answered,
        )
    return COMPATIBLE if dialect == "openai" and not _is_openai(base_url) else OPENAI


def _prices(spec: ProviderSpec) -> Mapping[str, Price] | None:
    prices = {model: price_of(price) for model, price in spec.prices.items()}
    return MappingProxyType(prices) if prices else None


def _login(spec: AuthSpec, base_url: str, base_dir: Path | None) -> Login:
    if spec.aws is not None:
        return AwsLogin(**dict(spec.aws))
    if spec.gcp is not None:
        return GcpLogin(spec.gcp.access_token, _path(spec.gcp.service_account_file, base_dir))
    azure = spec.azure
    assert azure is not None, "one of them is set"
    foundry = (urlsplit(base_url).hostname or "").endswith(_FOUNDRY)
    scope = azure.scope or (_FOUNDRY_SCOPE if foundry else _SCOPE)
    return AzureLogin(scope, azure.tenant_id, azure.client_id, azure.client_secret)


def _path(path: str | None, base_dir: Path | None) -> str | None:
    return path if path is None or base_dir is None else str(base_dir / path)
