"""The composition root: the only place that names concrete classes, and the processes they run in.

::

    gateway (supervisor + admin server)
      ├── worker 0..N-1   ext_proc on a unix socket each        python -m extproc.app.worker
      ├── envoy           the data plane (``llmgw up``)
      └── simulator       where no provider is configured        python -m extproc.app.simulate

``rundir``    the folder that the processes share: sockets, configuration, metrics
``worker``    one worker process, from environment to drained
``children``  start, watch, restart and stop child processes
``gateway``   which children there are, in which order they start and stop
``envoy``     the files and the command line of the Envoy that we run
"""
