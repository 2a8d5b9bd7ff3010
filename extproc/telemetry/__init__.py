"""What happened, told three ways: a row, a number, a span. Never a prompt, an answer or a secret.

::

    phases ──AttemptRecord, RequestRecord──► recorder ──► log      one JSON line each, from a thread of its own
       │                                        └───────► metrics  Prometheus counters in files that all workers share
       └──start_admission, start_attempt──────► traces             OpenTelemetry spans, when a collector is configured

``records``     what the phases hand over; these fields are all that can ever be written
``recorder``    the one object the phases call; ``fakes`` has its double for tests
``rows``        records → JSON lines, and the table of their keys; ``log`` writes them
``events``      the process's own messages (start, stop, reload, crash), which belong to no request
``metrics``     a worker's side of ``/metrics``; ``labels`` keeps its label values bounded
``exposition``  the other side: the sum over all workers, the dead ones included
``traces``      spans across processes: the parent travels as a ``traceparent`` string
"""
