"""Where the ledger lies in Redis: every key name of it. ``directory_layout`` has those of the directory.

All names begin with the hash tag ``{<prefix>}``, so that a request's meters lie in one slot of a cluster and one atomic
step can reach them all. The scripts (``scripts/books.lua``) make the same names from the root; a test compares.

===================== ======= ===========================================================================================
key                   type    holds
===================== ======= ===========================================================================================
``m:<meter>:<start>`` hash    a calendar meter's window: ``s`` settled, ``h`` held, ``a<share>`` alert sent, ``ar`` that of
                              a request turned away
``m:<meter>``         hash    a rolling meter: ``b<n>`` settled in bucket n, ``t`` their sum, ``lo`` and ``hi`` the first
                              and last bucket, ``h``, ``a<share>``, ``ar``; of what is under way: ``h`` alone
``h:<hold id>``       string  a hold (MessagePack): lines, facts, attempts that settled, attempts known
``x``                 zset    hold id -> when it expires, Unix milliseconds
``d:<hold id>``       string  a hold that has ended, for a while, so that what comes twice or late is known
``e``                 stream  usage events: ``e`` JSON; ``state``, and amounts ``usd in out`` where they are not the JSON's
``a``                 stream  alerts: ``meter start share settled limit at``; ``held needs`` of a request turned away
``r:<hour>``          hash    hours since 1970: ``org|team|user|key id|model|provider`` -> ``usd input output requests failed``
===================== ======= ===========================================================================================

Amounts are nano-dollars, tokens or requests. Calendar windows are kept 35 days beyond their end, rolling ones an hour,
rollups 400 days. A server that evicts keys for want of memory would forget money: ``maxmemory-policy`` has to be
``noeviction``.
"""

from extproc.domain.meters import Meter, Window

BUCKETS = 60
"""Of a rolling window: what is charged leaves at most a sixtieth of the window late, and never early."""


def root(prefix: str) -> str:
    """What every key name begins with."""
    return f"{{{prefix}}}:"


def meter_name(meter: Meter, start: int) -> str:
    """A meter's key without the root. ``start``: of the calendar window, Unix seconds."""
    return f"m:{meter.id}:{start}" if meter.window.kind == "calendar" else f"m:{meter.id}"


def hold(prefix: str, hold_id: str) -> str:
    """A hold's row."""
    return f"{root(prefix)}h:{hold_id}"


def marker(prefix: str, hold_id: str) -> str:
    """What is left of a hold that has ended."""
    return f"{root(prefix)}d:{hold_id}"


def events(prefix: str) -> str:
    """The stream of usage events."""
    return f"{root(prefix)}e"


def alerts(prefix: str) -> str:
    """The stream of alerts."""
    return f"{root(prefix)}a"


def rollup(prefix: str, hour: int) -> str:
    """The sums of an hour, counted from 1970."""
    return f"{root(prefix)}r:{hour}"


def bucket_ms(window: Window) -> int:
    """Milliseconds of a rolling window's bucket, rounded up: a window may be longer than asked, not shorter."""
    return -(-window.seconds * 1000 // BUCKETS)


def whole_seconds(window: Window) -> int:
    """How long what is charged to a rolling window stays in it at most: one bucket longer than the window, rounded up."""
    return -(-bucket_ms(window) * (BUCKETS + 1) // 1000)
