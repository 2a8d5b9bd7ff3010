"""One file configures the gateway: ``gateway.yaml`` → checked schema → immutable ``Snapshot``.

``load``        text → snapshot, or every mistake of the file at once; the rest are its steps, in this order
``locate``      YAML → plain data, and the line of each part
``references``  ``${ENV}`` and ``file:`` → values, which no message shows
``schema``      what may be written in the file (pydantic); its parts: ``sections`` (budgets, limits, guards), ``prices``,
                ``identity`` (keys, parties, token issuers), ``services`` (store, alerts, credentials, rules); its values:
                ``scalars`` and ``quantities``
``explain``     pydantic's errors → problems with line, path and mend
``address``     the URL of a store, which state connects to
``unsupported`` what the format has and this version does not do yet, as one table
``checks``      what shows only when parts are compared; ``calling`` is its part about providers
``kinds``       what a provider of each dialect needs and takes; ``vendors`` the vendors of OpenAI's API, as data
``names``       whether what is named exists
``conflicts``   whether what is well-formed contradicts itself; ``paths`` whether the files that it names are there
``notes``       what is probably a slip, though it can be used
``build``       checked file → snapshot, with defaults filled in
``holders``     the part of ``build`` about who asks, ``callees`` the one about whom we call
``meters``      budgets and limits → meters; the admin API uses it for those made at run time
``snapshot``    what the rest of the gateway reads: frozen, resolved, with nothing left to look up or to default
``loaded``      a snapshot on its way to another process, which reads nothing again
``directory``   who there is: the file's keys and parties, and what else answers that question
``routes``      which of Envoy's routes serves a request

``problems`` and ``document`` are what the steps speak in, ``digest`` is how keys are known, ``published`` makes the JSON
Schema for editors (``gateway.schema.json``); ``demo.yaml`` is the catalogue that serves where there is no file.
"""
