"""One request, in two phases that share no memory.

``admission``  once per request: who asks, for which model, on which chain of providers → a hand-off
               (``catalogue``: GET /v1/models; ``choice``: the chain; ``handover``: what leaves, and how; ``known``: what
               is known by now)
``attempt``    once per try: translate, address, send; its response side is ``answering``: withhold the answer until it
               commits, then pass it on, or let the next provider try
               (``incoming``, ``rejection``: what the provider sends, with a 200 and with an error status; ``endings``)
               (``admission_log``, ``attempt_log``, ``unreached``: the rows; ``spending``: what goes on the account)
``booking``    money before the call: the hold on all meters (``worst``: what a request can come to)
``settlement`` money behind it: what an attempt has come to
``handoff``    what travels from the first to the second, through Envoy's metadata
``marks``      what the attempts tell each other, admission and the access log
``events``     what Envoy tells a phase (events), what a phase tells Envoy (replies)
``ports``      what a phase needs of the world: clock, ids, dice, ledger

A phase is sans-io: it takes events and gives replies, and may ask to be woken (``deadline``). ``extproc.transport`` puts
it on a gRPC stream.
"""
