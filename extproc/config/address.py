"""Reads a store's URL: where Redis is, in which of its arrangements, and who we are to it.

::

    redis://[user:password@]host[:port][/db]                            rediss:// for TLS
    unix://[user:password@]/path/to.sock[?db=n]
    redis+sentinel://[user:password@]host[:port],host[:port]/service[/db][?sentinel_username=..&sentinel_password=..]
    redis+cluster://[user:password@]host[:port],host[:port]             rediss+sentinel, rediss+cluster: all over TLS

A user or password with ``@ / : , ?`` in it is written percent-encoded. The forms without ``+`` are those that IANA has
registered (https://www.iana.org/assignments/uri-schemes/prov/redis); the two with it are our own.
"""

from dataclasses import field
from typing import Literal
from urllib.parse import parse_qsl, unquote

from extproc.domain.valueclass import valueclass

Arrangement = Literal["single", "unix", "sentinel", "cluster"]

_SCHEMES: dict[str, tuple[Arrangement, bool]] = {
    "redis": ("single", False),
    "rediss": ("single", True),
    "unix": ("unix", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_OPTIONS: dict[Arrangement, frozenset[str]] = {
    "single": frozenset(),
    "unix": frozenset({"db"}),
    "sentinel": frozenset({"sentinel_username", "sentinel_password"}),
    "cluster": frozenset(),
}
_REDIS_PORT, _SENTINEL_PORT = 6379, 26379


class AddressError(ValueError):
    """The URL cannot be; the message says what is wrong with it and shows none of it: what seems a host may be a password."""


@valueclass
class Address:
    """Where Redis is. ``str`` of it shows no credential."""

    arrangement: Arrangement
    tls: bool = False
    hosts: tuple[tuple[str, int], ...] = ()
    """Of ``sentinel`` the Sentinels, of ``cluster`` the nodes to ask first."""
    path: str = ""
    """The unix socket."""
    service: str = ""
    """What the Sentinels call the group of servers."""
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """For messages, and to tell stores apart."""
        scheme = next(name for name, kind in _SCHEMES.items() if kind == (self.arrangement, self.tls))
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        if self.arrangement == "unix":
            return f"{scheme}://{self.path}" + (f"?db={self.db}" if self.db else "")
        path = "".join(f"/{part}" for part in (self.service, str(self.db or "")) if part)
        return f"{scheme}://{hosts}{path}"


def parse_address(url: str) -> Address:
    """Read a URL. Raises ``AddressError``."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise AddressError(f"the scheme must be one of {', '.join(_SCHEMES)}")
    arrangement, tls = _SCHEMES[scheme]
    rest, _, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    credentials, _, hosts = authority.rpartition("@")
    username, _, password = credentials.partition(":")
    options = _options(query, arrangement)
    service, db = _service_and_db(arrangement, path, options)
    return Address(
        arrangement=arrangement,
        tls=tls,
        hosts=() if arrangement == "unix" else _hosts(hosts, arrangement),
        path=unquote(slash + path) if arrangement == "unix" else "",
        service=service,
        db=db,
        username=unquote(username) or None,
        password=unquote(password) or None,
        sentinel_username=options.get("sentinel_username"),
        sentinel_password=options.get("sentinel_password"),
    )


def _options(query: str, arrangement: Arrangement) -> dict[str, str]:
    options = dict(parse_qsl(query))
    known = _OPTIONS[arrangement]
    if set(options) - known:
        raise AddressError(
            f"behind the ? only {' and '.join(sorted(known))} may stand" if known else "no ? may stand in it"
        )
    return options


def _hosts(text: str, arrangement: Arrangement) -> tuple[tuple[str, int], ...]:
    default = _SENTINEL_PORT if arrangement == "sentinel" else _REDIS_PORT
    hosts = tuple(_host(one.strip(), default) for one in text.split(","))
    if arrangement == "single" and len(hosts) > 1:
        raise AddressError("several hosts are for redis+sentinel:// and redis+cluster://")
    return hosts


def _host(text: str, default: int) -> tuple[str, int]:
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    if not host:
        raise AddressError("a host is missing")
    if port and not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        raise AddressError("the port must be a number from 1 to 65535")
    return host, int(port or default)


def _service_and_db(arrangement: Arrangement, path: str, options: dict[str, str]) -> tuple[str, int]:
    if arrangement == "unix":
        if not path:
            raise AddressError("the path of the socket is missing: unix:///path/to.sock")
        return "", _number(options.get("db", ""))
    service, _, db = path.partition("/") if arrangement == "sentinel" else ("", "", path)
    if arrangement == "sentinel" and not service:
        raise AddressError("the service's name is missing: redis+sentinel://host:port/service")
    if arrangement == "cluster" and db.strip("/0"):
        raise AddressError("a cluster has no databases but 0")
    return unquote(service), 0 if arrangement == "cluster" else _number(db)


def _number(text: str) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) < 6):
        raise AddressError("the database must be a number below 100000")
    return int(text or 0)
