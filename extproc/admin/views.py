"""The configuration as it is shown. Fields are listed one by one, so a new secret is not shown until someone adds it."""

from urllib.parse import urlsplit

from extproc.config.snapshot import Model, Provider, Snapshot, Target
from extproc.domain.reading import JsonObject


def config_view(snapshot: Snapshot) -> JsonObject:
    """Version, providers (name, dialect, host) and models (name, aliases, targets)."""
    return {
        "version": snapshot.version,
        "providers": [_provider(provider) for provider in snapshot.providers.values()],
        "models": [_model(model) for model in snapshot.models.values()],
    }


def _provider(provider: Provider) -> JsonObject:
    # The host alone: a URL can hold a user and password, and a path can hold an account.
    url = urlsplit(provider.base_url)
    return {"name": provider.name, "dialect": provider.dialect, "host": url.hostname, "region": provider.region}


def _model(model: Model) -> JsonObject:
    return {
        "name": model.name,
        "aliases": list(model.aliases),
        "enabled": model.enabled,
        "strategy": model.strategy,
        "targets": [{**_target(target), "weight": target.weight} for target in model.targets],
        "fallbacks": [_target(target) for target in model.fallbacks],
    }


def _target(target: Target) -> JsonObject:
    return {"provider": target.provider, "model": target.model}
