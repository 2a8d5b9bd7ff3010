"""The part of LiteLLM's management API that scripts use, over the same directory and ledger as ``/api/v1``.

::

    routes ──► keys teams users budgets ──reading, bodies──► allowances ──► service
                 │                                            notes
               spend, activity ──► extproc.state.reports      views ◄── spending

``terms``       what is taken, ignored or refused; words of errors in LiteLLM's names
``bodies``      what requests may say, in LiteLLM's names
``reading``     requests → bodies; ``replies`` the other way
``allowances``  LiteLLM's budgets and limits ↔ those of the directory
``notes``       what only LiteLLM's clients know of a record, kept in its metadata
``holders``     bodies → fields of the directory
``keys``, ``teams``, ``users``, ``budgets``  paths that change something
``spending``    how much somebody has spent; ``views`` records → JSON
``spend``, ``activity``, ``report``  paths that report

Fields without effect here are ignored and named in ``x-llmgw-ignored-fields``; such as somebody would rely on are refused.
Shapes: https://docs.litellm.ai/docs/proxy/virtual_keys, .../cost_tracking, and https://litellm-api.up.railway.app
"""
