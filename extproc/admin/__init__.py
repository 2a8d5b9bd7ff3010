"""The gateway's HTTP port for operators: is it alive, is it ready, what does it count, how is it configured.

``app``     routes, one visible list, and what each answers
``access``  who may call: the admin tokens, needed everywhere but on the paths that probes and scrapers use
``replies`` answers; ``errors`` has the refusals
``health``  what "ready" means
``views``   the configuration as shown, which is what is listed there and so never a secret
``server``  the app on a socket

Keys, organisations, teams and users made at run time::

    api ──reading, bodies──► service ──fields, checks──► changes ──► extproc.state.directory_store
     ◄──directory_views, replies──┘ entries    └── meter_reader ──► extproc.state.reports

``api``      its paths; nothing but HTTP          ``service``  its rules; nothing of HTTP
``bodies``   what it takes, as models             ``reading``  requests → bodies, mistakes → errors
``fields``   bodies → records                     ``checks``   what of a record depends on others
``changes``  compare-and-set, and the audit       ``entries``  what the service answers
``slips``    what a changed file did to keys
``directory_views``  entries → JSON               ``meter_reader``  where meters stand now

What was used::

    usage, standings ──asking──► extproc.state.reports, extproc.state.alert_log

``usage``    events, sums, alerts                 ``standings``  budgets and limits, the fullest first
``asking``   what a query about usage may hold    ``litellm``    LiteLLM's management API over all of this
``cells``    CSV for spreadsheets
"""
