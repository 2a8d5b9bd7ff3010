"""The composition root: the only place that names concrete classes, and the processes they run in.

::

    gateway (supervisor + admin server)
      ├── worker 0..N-1   ext_proc on a unix socket each        python -m extproc.app.worker
      ├── store           the embedded redis-server, where no other is configured
      ├── envoy           the data plane (``llmgw up``)
      └── simulator       where no provider is configured        python -m extproc.app.simulate

``rundir``    the folder that the processes share: sockets, Envoy's configuration, metrics
``storage``   which Redis a process talks to, and the folders of what is kept on disk
``services``  what the requests of a worker share; ``ledger_watch`` tells metrics and log what its ledger sees
``office``    what the supervisor does with the store: the admin API's directory and reports, alerts
``worker``    one worker process, from environment to drained
``signals``   SIGINT and SIGTERM, during the start too
``children``  start, watch, restart and stop child processes
``plan``      what to run, and whether its places can be had
``gateway``   which children there are, in which order they start and stop
``envoy``     the files and the command line of the Envoy that we run; ``rotation`` has it follow its access log
"""
