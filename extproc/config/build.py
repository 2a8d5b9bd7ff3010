"""Checked file → ``Snapshot``: defaults filled in, aliases resolved, mappings frozen. Nothing can fail here any more."""

import hashlib
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeVar

import orjson

from extproc.config.callees import provider
from extproc.config.document import Document
from extproc.config.holders import issuer, parties, virtual_key
from extproc.config.meters import Context, shared_meters
from extproc.config.prices import price_of
from extproc.config.schema import CommitSpec, FallbackSpec, GatewaySpec, ModelSpec, PolicySpec
from extproc.config.services import StoreSpec
from extproc.config.snapshot import (
    Commit,
    Model,
    Money,
    RetryCondition,
    Secret,
    Snapshot,
    Store,
    Target,
    Telemetry,
    Webhook,
)

T = TypeVar("T")

DEFAULT_RETRY_ON: frozenset[RetryCondition] = frozenset(
    {401, 403, 408, 429, 500, 502, 503, 504, 529, "connect", "timeout"}
)
"""401 and 403 are about the gateway's own key at a provider, so another provider can help; 400 and 404 are the
request's or the catalogue's fault and would fail everywhere."""

_BASE = Model(name="", targets=(), retry_on=DEFAULT_RETRY_ON)
"""What holds where neither the model nor ``defaults`` says."""


def build(spec: GatewaySpec, document: Document, base_dir: Path | None) -> Snapshot:
    """The snapshot of a file without mistakes; ``base_dir`` is where relative paths start."""
    models = {name: _model(name, model, spec.defaults) for name, model in spec.models.items()}
    context = Context(spec.timezone, catalogue_names(spec))
    keys = [virtual_key(key, context) for key in spec.keys]
    return Snapshot(
        version=_version(document),
        listen_host=spec.listen.host,
        listen_port=spec.listen.port,
        admin_host=spec.admin.host,
        admin_port=spec.admin.port,
        admin_token=spec.admin.token,
        admin_read_token=spec.admin.read_token,
        drain=spec.drain,
        secret=spec.secret,
        workers=spec.workers,
        max_request_bytes=spec.listen.max_body,
        providers=_frozen({name: provider(name, one, base_dir) for name, one in spec.providers.items()}),
        models=_frozen(models),
        names=context.names,
        keys=_frozen({key.sha256: key for key in keys}),
        telemetry=Telemetry(spec.telemetry.otlp_endpoint),
        parties=parties(spec, context),
        meters=shared_meters(spec, context),
        store=_store(spec.store, base_dir),
        money=Money(**spec.money.model_dump()),
        alerts=tuple(Webhook(hook.url, hook.format, hook.secret) for hook in spec.alerts),
        issuers=tuple(issuer(one, base_dir) for one in spec.jwt),
        timezone=spec.timezone,
    )


def catalogue_names(spec: GatewaySpec) -> Mapping[str, str]:
    """Every name of a model, aliases included → its name in the catalogue."""
    names = {name: name for name in spec.models}
    return _frozen(names | {alias: name for name, model in spec.models.items() for alias in model.aliases})


def _version(document: Document) -> str:
    """Twelve hex digits over the resolved values: comments and order do not change it, a new secret does."""
    canonical = orjson.dumps(document.data, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()[:12]


def _frozen(items: dict[str, T]) -> Mapping[str, T]:
    return MappingProxyType(items)


def _first(own: T | None, default: T | None, base: T) -> T:
    if own is not None:
        return own
    return base if default is None else default


def _path(path: str | None, base_dir: Path | None) -> str | None:
    return path if path is None or base_dir is None else str(base_dir / path)


def _store(spec: StoreSpec, base_dir: Path | None) -> Store:
    return Store(
        url=Secret(spec.url),
        prefix=spec.prefix,
        directory=_path(spec.directory, base_dir),
        ca_file=_path(spec.ca_file, base_dir),
        hold_seconds=ceil(spec.hold_timeout),
        keep_events_days=spec.events.days,
        keep_events_max=spec.events.max,
    )


def _model(name: str, spec: ModelSpec, defaults: PolicySpec) -> Model:
    own_retry = None if spec.retry_on is None else frozenset(spec.retry_on)
    default_retry = None if defaults.retry_on is None else frozenset(defaults.retry_on)
    own_commit = None if spec.commit is None else _commit(spec.commit)
    default_commit = None if defaults.commit is None else _commit(defaults.commit)
    return Model(
        name=name,
        targets=tuple(_target(name, target, target.weight) for target in spec.targets),
        fallbacks=tuple(_target(name, target, 1) for target in spec.fallbacks),
        aliases=spec.aliases,
        enabled=spec.enabled,
        strategy=_strategy(spec, defaults),
        retry_on=_first(own_retry, default_retry, _BASE.retry_on),
        retries=_first(spec.retries, defaults.retries, _BASE.retries),
        first_token_timeout=_first(spec.first_token_timeout, defaults.first_token_timeout, _BASE.first_token_timeout),
        stall_timeout=_first(spec.stall_timeout, defaults.stall_timeout, _BASE.stall_timeout),
        timeout=_first(spec.timeout, defaults.timeout, _BASE.timeout),
        commit=_first(own_commit, default_commit, _BASE.commit),
        drop_unsupported=_first(spec.drop_unsupported, defaults.drop_unsupported, _BASE.drop_unsupported),
        created=int(spec.created.timestamp()) if spec.created else _BASE.created,
        display_name=spec.display_name,
    )


def _strategy(spec: PolicySpec, defaults: PolicySpec) -> Literal["weighted", "priority"]:
    """The other strategies have not come this far (``unsupported``)."""
    return "priority" if (spec.strategy or defaults.strategy) == "priority" else "weighted"


def _commit(spec: CommitSpec) -> Commit:
    if spec.events is not None:
        return Commit("events", events=spec.events)
    if spec.after is not None:
        return Commit("after", after=spec.after)
    if spec.whole is not None:
        return Commit("whole", buffer_limit=spec.whole.limit)
    return Commit()


def _target(model: str, spec: FallbackSpec, weight: int) -> Target:
    return Target(
        provider=spec.provider,
        model=spec.model or model,
        weight=weight,
        max_output_tokens=spec.max_output_tokens,
        price=price_of(spec.price) if spec.price else None,
        context_window=spec.context_window,
        known_as=spec.known_as,
        api=spec.api,
    )
