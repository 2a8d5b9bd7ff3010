"""Names that cross a border between processes: written in one place, imported by writer and reader.

Envoy's configuration (``extproc.envoyconf``) and the phases that run behind it (``extproc.phases``) must agree on them.
"""

METADATA_NAMESPACE = "llmgw"
"""Dynamic metadata: the hand-off from admission to the attempts, and what the attempts tell admission and the log."""

HANDOFF_KEY = "h"
"""In ``METADATA_NAMESPACE``: the hand-off, one string (``extproc.phases.handoff``)."""

ATTEMPT_KEY = "a"
"""Prefix, in ``METADATA_NAMESPACE``: ``a1``, ``a2``... say how attempt n fared."""

ROUTE_NAMESPACE = "llmgw.route"
"""Typed dynamic metadata: the ordered chain of clusters (``PriorityGroupsOverride``)."""

ATTRIBUTE_CLUSTER = "xds.cluster_name"
ATTRIBUTE_ATTEMPT = "upstream.request_attempt_count"

CLUSTER_PREFIX = "provider-"
"""Envoy's cluster of a provider is this and the provider's name."""

ROUTE_HEADER = "x-llmgw-route"
"""Set by admission: which route, that is which idle timeout (``extproc.config.routes``), serves the request."""

STATUS_HEADER = "x-llmgw-status"
"""Beside ``RETRY_STATUS``: the status to show should Envoy not retry after all."""

RETRY_STATUS = 599
"""What an attempt answers when the next provider shall try: the only status that Envoy's route retries."""

CODED_HEADER = "x-llmgw-coded"
"""Set by Envoy: the ``content-encoding`` that a request came with, which is taken off before admission sees it."""

INTERNAL_HEADER_PREFIXES = (ROUTE_HEADER, CODED_HEADER, "x-envoy-")
"""Removed from what clients send: Envoy obeys them, and cluster-internal callers count as trusted."""

REQUEST_ID_HEADER = "x-request-id"

ANTHROPIC_REQUEST_ID_HEADER = "request-id"
"""The same on answers, where Anthropic's SDK looks for it."""

PROVIDER_HEADER = "x-llmgw-provider"
"""On answers: who served it."""

MODEL_HEADER = "x-llmgw-model"
"""On answers: the provider's name of the model that served it."""

ATTEMPTS_HEADER = "x-llmgw-attempts"
"""On answers: how many attempts it took."""

DROPPED_HEADER = "x-llmgw-dropped"
"""On answers: request fields that the provider's dialect could not carry (``drop_unsupported``)."""

OUTPUT_LIMIT_HEADER = "x-llmgw-output-limit"
"""On answers: the output limit that the budgets could pay for, where it is lower than the client's."""

LADDER_HEADER = "x-llmgw-ladder"
"""On answers: the steps of budgets' ladders that changed the model or the output limit: ``team=search@0.6``."""

SHOW_COST_HEADER = "x-llmgw-show-cost"
"""On requests: tell what the answer cost."""

COST_HEADER = "x-llmgw-cost"
"""On whole answers, where asked for: US dollars."""

BUDGET_LEFT_HEADER = "x-llmgw-budget-remaining"
"""On answers and refusals: US dollars left of the tightest budget, holds of requests under way taken off."""

BUDGET_LIMIT_HEADER = "x-llmgw-budget-limit"
"""On answers and refusals: US dollars of that budget."""

DETAILS_PREFIX = "llmgw_"
"""Response code details of our own immediate responses, so that Envoy's local-reply mapping leaves them alone."""
