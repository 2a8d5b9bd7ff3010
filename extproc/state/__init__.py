"""What outlives a request, in Redis: the ledger, the directory of keys; and the keys of identity providers, in memory.

The ledger::

    phases ──hold, open──►  ledger ──► steps ──Call──► delivery ──batch──► store ──► Redis: scripts/*.lua
           ──settle,charge,close──►│                      │ store away
           ──keep, drop──►         └──► outage            └──► journal ──► delivery of this or of another process
    admin, cli ──► reports ──► store

``ledger``     the books: orders and settlements, in Redis
``steps``      its words as calls of the scripts, and their replies
``delivery``   group commit: one round trip for the calls of one turn; what is owed is sent until it has arrived
``parcels``    what is delivered, and what that needs
``outage``     what may be granted while the store is away
``events``     usage events as JSON, and the names they are summed up by
``reports``    what was used: events, sums, where meters stand
``layout``     every key name of the ledger; ``scripts/books.lua`` has them too
``memory``     a ledger without Redis; ``books``, ``counters`` and ``deciding`` are what the scripts mean, in Python

``store``      the connection, with ``dial``, ``servers`` and ``lanes``; ``answering``: without scripts
``embedded``   the Redis that the gateway brings along
``journal``    lines on disk of what Redis has yet to be told; ``keeping`` writes them and reads them back
``directory``  who there is, with ``directory_store``, ``directory_layout``, ``records``, ``members``, ``roll``, ``audit``
               and ``watch``
``alerts``     what the ledger raises, sent to webhooks: with ``alert_group``, ``alert_log`` and ``webhooks``
``jwks``       key sets of identity providers
"""
