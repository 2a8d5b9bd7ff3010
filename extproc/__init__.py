"""An LLM gateway for Envoy: applications call one URL with a virtual key, Envoy carries the traffic, this decides.

::

    client ─HTTP─► Envoy listener
                    ├─ ext_proc filter ─gRPC─► phases.admission   once per request: who, which model, which chain
                    ├─ router: clusters in the chain's order, one attempt each, retries on a status of ours
                    └─ provider's cluster
                         └─ ext_proc filter ─gRPC─► phases.attempt   once per try: translate, withhold, pass on
                              └─ TLS ─► provider

Nothing in this process ties the two phases together: what admission decides travels to the attempts as Envoy's dynamic
metadata, so any worker, replica or restart may serve either. What outlives a request is in Redis: admission takes a hold
on every meter that counts the request, an upper bound of its cost; the attempt's end settles it, once, whatever ended it.

An attempt withholds the provider's 200 until the stream has shown that it works; until then a failure becomes a status
that Envoy retries on the next provider, and the client sees one answer.

Layers, upper ones import lower ones::

    cli                            llmgw: up serve check envoy-config simulate keys ...
    app                            composition root: processes, and which concrete classes they use
    transport | admin | envoyconf | simulator    gRPC (the only protobuf) | HTTP | Envoy's config | stand-in for vendors
    phases                         one request in two phases, sans-io
    policy | translate | telemetry pure decisions | dialect to dialect | rows, metrics, spans
    state | accounting | credentials   Redis: ledger, keys, alerts | prices, bounds, costs | the clouds' (beside these three)
    providers                      who we call: addresses and credentials
    dialects                       wire formats, sans-io
    config                         gateway.yaml → immutable snapshot
    domain                         errors, usage, conversation, answer
"""
