"""The configuration of the gateway that worlds play in: providers, models, keys, and a meter where one is wanted."""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from extproc.config.snapshot import Model, Price, Provider, Secret, Snapshot, Target, Telemetry, VirtualKey
from extproc.domain.meters import Meter, Unit, Window, meter_id

KEY = "sk-test"


def provider(name: str, dialect: str = "openai") -> Provider:
    return Provider(name=name, dialect=dialect, base_url=f"https://{name}.example/v1", api_key=Secret(f"key-of-{name}"))


def digest(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()


PROVIDERS = {p.name: p for p in (provider("o1"), provider("o2"), provider("o3"), provider("a1", "anthropic"))}
MODELS = {
    m.name: m
    for m in (
        Model("one", (Target("o1", "m1"),), retry_on=frozenset({429, 500, 502, 503, "connect", "timeout"})),
        Model(
            "two",
            (Target("o1", "m1"),),
            fallbacks=(Target("o2", "m2"),),
            aliases=("zwei",),
            retry_on=frozenset({429, 500, 502, 503, 504, "connect", "timeout"}),
            created=1_700_000_000,
            display_name="Model two",
        ),
        Model("claude", (Target("a1", "c1", max_output_tokens=77),)),
        Model("mixed", (Target("a1", "c1"),), fallbacks=(Target("o1", "m1"),), retry_on=frozenset({429})),
        Model("off", (Target("o1", "m1"),), enabled=False),
    )
}
SNAPSHOT = Snapshot(
    version="c0ffee",
    listen_host="0.0.0.0",
    listen_port=8080,
    admin_host="127.0.0.1",
    admin_port=9090,
    admin_token=None,
    workers=1,
    max_request_bytes=64 * 1024 * 1024,
    providers=PROVIDERS,
    models=MODELS,
    names={n: m.name for m in MODELS.values() for n in (m.name, *m.aliases)},
    keys={
        key.sha256: key
        for key in (
            VirtualKey("ci", digest(KEY), id="ci", team="search", tags={"env": "qa"}),
            VirtualKey("scoped", digest("sk-scoped"), id="scoped", models=frozenset({"two"})),
            VirtualKey("old", digest("sk-old"), id="old", enabled=False),
        )
    },
    telemetry=Telemetry(),
)
DAY = Window("calendar", "day")
CHEAP = Price(Decimal(1), Decimal(10))
"""A prompt token costs 1000 nano-dollars, one of the answer 10,000."""


def make_meter(
    unit: Unit, limit: int, window: Window = DAY, scope: Mapping[str, str] | None = None, **rest: Any
) -> Meter:
    """A meter; of the key's where no scope is given."""
    parts = tuple((scope or {"key": "ci"}).items())
    return Meter(meter_id(parts, unit, window), parts, unit, window, limit, **rest)
