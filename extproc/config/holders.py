"""Specs of keys, parties and identity providers → what the snapshot has of them. The part of ``build`` about who asks."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from extproc.config.digest import hash_key
from extproc.config.identity import HolderSpec, JwtSpec, KeySpec
from extproc.config.meters import ANY, Context, guard_meters, is_off, metered
from extproc.config.schema import GatewaySpec
from extproc.config.snapshot import JwtIssuer, Party, PartyKind, Secret, VirtualKey
from extproc.domain.meters import Scope

_FILE = "file:"


def virtual_key(spec: KeySpec, context: Context) -> VirtualKey:
    """A declared key; its id is its name."""
    scope: Scope = (("key", spec.name),)
    return VirtualKey(
        name=spec.name,
        sha256=spec.sha256 or hash_key(spec.key.reveal() if spec.key else ""),
        id=spec.name,
        org=spec.org,
        team=spec.team,
        user=spec.user,
        models=_models(spec, context),
        expires=spec.expires,
        enabled=spec.enabled,
        tags=_tags(spec),
        meters=(*metered(scope, spec, context), *guard_meters(scope, spec.guard)),
        credentials=_credentials(spec),
        unguarded=is_off(spec.guard),
    )


def parties(spec: GatewaySpec, context: Context) -> Mapping[tuple[PartyKind, str], Party]:
    """Organisations, teams and users, by kind and name."""
    return MappingProxyType({(party.kind, party.name): party for party in _parties(spec, context)})


def _parties(spec: GatewaySpec, context: Context) -> Iterator[Party]:
    for name, org in spec.orgs.items():
        yield _party("org", name, org, context)
    for name, team in spec.teams.items():
        party = _party("team", name, team, context, org=team.org)
        guard = guard_meters((("key", ANY),), team.guard)
        yield replace(party, meters=(*party.meters, *guard), unguarded=is_off(team.guard))
    for name, user in spec.users.items():
        yield _party("user", name, user, context, org=user.org)


def _party(kind: PartyKind, name: str, spec: HolderSpec, context: Context, *, org: str | None = None) -> Party:
    return Party(
        kind=kind,
        name=name,
        org=org,
        models=_models(spec, context),
        enabled=spec.enabled,
        tags=_tags(spec),
        meters=metered(((kind, name),), spec, context),
        credentials=_credentials(spec),
    )


def _models(spec: HolderSpec, context: Context) -> frozenset[str] | None:
    return None if spec.models is None else frozenset(context.names[name] for name in spec.models)


def _tags(spec: HolderSpec) -> Mapping[str, str] | None:
    return MappingProxyType(spec.tags) if spec.tags else None


def _credentials(spec: HolderSpec) -> Mapping[str, Secret] | None:
    found = {provider: own.api_key for provider, own in spec.providers.items()}
    return MappingProxyType(found) if found else None


def issuer(spec: JwtSpec, base_dir: Path | None) -> JwtIssuer:
    """An identity provider; the path of its key file is absolute where the file's folder is known."""
    jwks = spec.jwks
    if jwks.startswith(_FILE) and base_dir is not None:
        jwks = f"{_FILE}{base_dir / jwks.removeprefix(_FILE)}"
    claims = spec.claims
    return JwtIssuer(
        issuer=spec.issuer,
        jwks=jwks,
        audiences=spec.audiences,
        algorithms=spec.algorithms,
        org_claim=claims.org,
        team_claim=claims.team,
        user_claim=claims.user,
        models_claim=claims.models,
        tags_claims=MappingProxyType(claims.tags) if claims.tags else None,
        team_required=spec.require_team,
        refresh_seconds=spec.refresh,
        leeway_seconds=spec.leeway,
    )
