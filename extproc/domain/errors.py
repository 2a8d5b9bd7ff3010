"""The one error tree. Everything that can end a request badly is one of these.

::

    GatewayError
    ├── CallerError          the request is at fault: fix it, then send it again
    │   ├── InvalidRequest       400 invalid_request
    │   │   ├── MalformedJson        400 malformed_json
    │   │   └── UnsupportedFeature   400 unsupported_feature   (cannot be carried to this provider)
    │   ├── Unauthenticated      401 invalid_api_key
    │   ├── UnknownRoute         404 unknown_route
    │   ├── UnknownModel         404 model_not_found
    │   ├── RequestTooLarge      413 request_too_large
    │   └── ClientClosed         499 client_closed            (never sent; a row's outcome only)
    ├── PolicyError          a rule of the platform refuses it
    │   ├── ModelNotAllowed      403 model_not_allowed
    │   ├── UnknownParty         403 unknown_party        (the key's team or org is gone, and its budgets with it)
    │   ├── BudgetExceeded       402 budget_exceeded      (the status is configurable)
    │   ├── RateLimited          429 rate_limited         (requests or tokens in a window, requests under way)
    │   ├── Runaway              429 runaway_guard        (spends too fast, or says the same again and again)
    │   ├── UnknownPrice         403 price_unknown        (under a budget, what has no price cannot be bought)
    │   └── UnboundedCost        403 cost_unbounded       (under a budget, what has no upper bound cannot be bought)
    ├── ProviderError        somebody we call failed
    │   ├── ProviderRejected     400 provider_rejected_request  (the vendor calls the request bad)
    │   │   ├── ContextLength        400 context_length_exceeded
    │   │   ├── ContentPolicy        400 content_policy_violation
    │   │   └── ProviderMissing      404 provider_resource_not_found  (a response, conversation or file by id)
    │   ├── ProviderNotFound     404 provider_model_not_found
    │   ├── ProviderRateLimited  429 provider_rate_limited
    │   ├── ProviderQuota        429 provider_quota_exhausted
    │   ├── ProviderAuth         502 provider_auth_failed       (our credential, so never a 401)
    │   ├── ProviderBadAnswer    502 provider_bad_answer        (garbage, wrong content type)
    │   ├── ProviderFailed       502 provider_error             (its 5xx, or an error event)
    │   ├── ProviderTruncated    502 provider_truncated         (cut, or ended without its finish marker)
    │   ├── ProviderUnreachable  503 provider_unreachable       (connect failure, reset, no healthy host)
    │   ├── ProviderOverloaded   503 provider_overloaded        (529 for clients of Anthropic's dialect)
    │   └── ProviderTimeout      504 provider_timeout           (no first token, stall)
    ├── TransportError       a stream just ended: Envoy does not say why (its access log's flags do); never sent
    │   ├── NoAnswer             502 no_answer                  (connect failure, reset, or the client left, before an answer)
    │   └── Aborted              499 aborted                    (the client left, or the provider's connection was cut)
    └── InternalError        500 internal_error                 our own fault
        ├── StoreUnavailable     503 store_unavailable          (Redis is away, and the policy is to refuse)
        └── IdentityUnavailable  503 identity_unavailable       (an issuer's key set could never be loaded)

``code`` is stable: clients may match on it, and where an error's body has the word of the client's vendor instead, ours is
beside it. Metrics are labelled with ``outcome`` (fault and code), so an alert on the platform's own failures is one pattern.
``extproc.dialects.*.errors`` render these; nothing else writes an error body.
"""

from typing import ClassVar, Literal

Fault = Literal["caller", "policy", "provider", "transport", "gateway"]


class GatewayError(Exception):
    """A request's bad end: what to say, to whom, and whose fault it was.

    ``message`` names what is wrong and the mend; it is shown to the client, so it holds no secret and no prompt.
    ``param`` is the request field at fault, as a path (``messages[2].content``); ``retry_after`` is in seconds.
    """

    fault: ClassVar[Fault] = "gateway"
    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, param: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after

    @property
    def outcome(self) -> str:
        """The label in logs and metrics: ``<fault>:<code>``."""
        return f"{self.fault}:{self.code}"


class CallerError(GatewayError):
    """The request is at fault."""

    fault = "caller"


class InvalidRequest(CallerError):
    """The body is JSON but not a request of this dialect."""

    code = "invalid_request"
    status = 400


class MalformedJson(InvalidRequest):
    """The body is not JSON at all, or is JSON that two readers could read differently."""

    code = "malformed_json"


class UnsupportedFeature(InvalidRequest):
    """A field that the chosen provider's dialect cannot carry."""

    code = "unsupported_feature"


class Unauthenticated(CallerError):
    """No virtual key, or one that is not known, has expired, or was revoked."""

    code = "invalid_api_key"
    status = 401


class UnknownRoute(CallerError):
    """No such path, or the path does not take this method."""

    code = "unknown_route"
    status = 404


class UnknownModel(CallerError):
    """The catalogue has no such model, or it is switched off."""

    code = "model_not_found"
    status = 404


class RequestTooLarge(CallerError):
    """The body is larger than the gateway buffers."""

    code = "request_too_large"
    status = 413


class ClientClosed(CallerError):
    """The client left before its answer was complete. Never sent, only recorded."""

    code = "client_closed"
    status = 499


class PolicyError(GatewayError):
    """A rule of the platform refuses the request."""

    fault = "policy"
    code = "refused"
    status = 403


class ModelNotAllowed(PolicyError):
    """The key's scope does not hold this model."""

    code = "model_not_allowed"
    status = 403


class UnknownParty(PolicyError):
    """The key belongs to a team or an organisation that nobody knows, so nobody knows its budgets either."""

    code = "unknown_party"
    status = 403


class BudgetExceeded(PolicyError):
    """A budget has no room for this request. SDKs do not retry a 402, and waiting seldom helps."""

    code = "budget_exceeded"
    status = 402

    def __init__(
        self, message: str, *, param: str | None = None, retry_after: float | None = None, status: int = 402
    ) -> None:
        super().__init__(message, param=param, retry_after=retry_after)
        self.status = status  # type: ignore[misc]  the one class whose status the configuration may change


class RateLimited(PolicyError):
    """A limit on requests, tokens or concurrency has no room for this request; ``retry_after`` says when it may."""

    code = "rate_limited"
    status = 429


class Runaway(PolicyError):
    """The guard against loops: the key spends too fast, or repeats itself."""

    code = "runaway_guard"
    status = 429


class UnknownPrice(PolicyError):
    """A budget applies, and nobody knows what this model costs."""

    code = "price_unknown"
    status = 403


class UnboundedCost(PolicyError):
    """A budget applies, and the request could cost anything."""

    code = "cost_unbounded"
    status = 403


class ProviderError(GatewayError):
    """Somebody we call failed.

    ``retry_status`` is the status the failure counts as when a model's ``retry_on`` is consulted: a vendor's 529 is
    a 503 in this tree but is listed as 529; an error event inside a 200 stream counts as the status it names.
    ``vendor_code`` is the vendor's own name of the cause, where programs of its dialect go by it to mend the request;
    clients of other dialects are not shown it. ``should_retry`` is what the vendor advises its SDKs (``x-should-retry``).
    """

    fault = "provider"
    code = "provider_error"
    status = 502

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        retry_status: int | None = None,
        vendor_code: str | None = None,
    ) -> None:
        super().__init__(message, param=param, retry_after=retry_after)
        self.vendor_code = vendor_code
        self.should_retry: bool | None = None
        self.retry_status = self.status if retry_status is None else retry_status


class ProviderRejected(ProviderError):
    """The vendor says that the request is bad; its message is kept, for the caller can mend it."""

    code = "provider_rejected_request"
    status = 400


class ContextLength(ProviderRejected):
    """The prompt does not fit into the model's context window."""

    code = "context_length_exceeded"


class ContentPolicy(ProviderRejected):
    """The vendor's safety system refused the prompt."""

    code = "content_policy_violation"


class ProviderMissing(ProviderRejected):
    """The vendor does not have, or no longer, what the request names by id; the model is not what is missing."""

    code = "provider_resource_not_found"
    status = 404


class ProviderNotFound(ProviderError):
    """The vendor does not know the model that the catalogue names."""

    code = "provider_model_not_found"
    status = 404


class ProviderRateLimited(ProviderError):
    """The vendor limits this account's rate."""

    code = "provider_rate_limited"
    status = 429


class ProviderQuota(ProviderError):
    """The account at the vendor has no credit left: waiting does not help."""

    code = "provider_quota_exhausted"
    status = 429


class ProviderAuth(ProviderError):
    """The vendor refuses the gateway's own credential. The client's key was fine, so this is never a 401."""

    code = "provider_auth_failed"
    status = 502


class ProviderBadAnswer(ProviderError):
    """The answer is not of the vendor's dialect: an HTML page, a malformed line, a wrong content type."""

    code = "provider_bad_answer"
    status = 502


class ProviderFailed(ProviderError):
    """The vendor reports a failure of its own."""

    code = "provider_error"
    status = 502


class ProviderTruncated(ProviderError):
    """The answer ended without its finish marker."""

    code = "provider_truncated"
    status = 502


class ProviderUnreachable(ProviderError):
    """No connection to the vendor, or it was reset before an answer."""

    code = "provider_unreachable"
    status = 503


class ProviderOverloaded(ProviderError):
    """The vendor is out of capacity."""

    code = "provider_overloaded"
    status = 503


class ProviderTimeout(ProviderError):
    """No first token in time, or the stream stalled."""

    code = "provider_timeout"
    status = 504


class TransportError(GatewayError):
    """A stream just ended. Never sent, only recorded."""

    fault = "transport"


class NoAnswer(TransportError):
    """An attempt ended before any response headers: connect failure, reset, or the client left."""

    code = "no_answer"
    status = 502


class Aborted(TransportError):
    """An answer that had begun to flow ended early: the client left, or the provider's connection was cut."""

    code = "aborted"
    status = 499


class InternalError(GatewayError):
    """Our own fault. The message never carries a detail of the exception behind it."""


class StoreUnavailable(InternalError):
    """The store cannot be reached, and what needs it is refused. Never a 401: the key may be as good as ever."""

    code = "store_unavailable"
    status = 503


class IdentityUnavailable(InternalError):
    """The keys that check an issuer's tokens were never loaded. Never a 401: the token may be as good as ever."""

    code = "identity_unavailable"
    status = 503
