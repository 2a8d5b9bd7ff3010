"""How Envoy's configuration spells extensions, durations and addresses."""

import ipaddress

from extproc.domain.reading import Json, JsonObject

_TYPE_URL = "type.googleapis.com/"


def typed(message: str, fields: JsonObject | None = None) -> JsonObject:
    """A ``google.protobuf.Any`` holding that message (``envoy.extensions.…``)."""
    return {"@type": f"{_TYPE_URL}{message}", **(fields or {})}


def extension(name: str, message: str, fields: JsonObject | None = None) -> JsonObject:
    """An extension by its registered name, with its configuration."""
    return {"name": name, "typed_config": typed(message, fields)}


def duration(seconds: float) -> str:
    """A ``google.protobuf.Duration`` to the millisecond."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


def is_ip(host: str) -> bool:
    """Whether the host is an IP literal, which needs no DNS and cannot be an SNI."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def socket_address(host: str, port: int) -> JsonObject:
    """A TCP address; the host is an IP literal, or a DNS name where the resource resolves names."""
    return {"socket_address": {"address": host, "port_value": port}}


def pipe_address(path: str) -> JsonObject:
    """A unix socket."""
    return {"pipe": {"path": path}}


def endpoint(address: JsonObject) -> Json:
    """One endpoint of a cluster."""
    return {"endpoint": {"address": address}}
