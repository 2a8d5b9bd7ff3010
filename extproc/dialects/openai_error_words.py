"""The words by which vendors' errors in OpenAI's shape are known: tables, read by ``extproc.dialects.openai_errors``."""

import re
from collections.abc import Mapping

from extproc.domain.errors import (
    ContentPolicy,
    ContextLength,
    ProviderAuth,
    ProviderError,
    ProviderNotFound,
    ProviderOverloaded,
    ProviderQuota,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
)

Kind = type[ProviderError]

KIND_OF_WORD: Mapping[str, Kind] = {
    "context_length_exceeded": ContextLength,
    "exceed_context_size_error": ContextLength,  # llama.cpp
    "1261": ContextLength,  # Zhipu
    "content_filter": ContentPolicy,  # Azure
    "content_policy_violation": ContentPolicy,
    "responsibleaipolicyviolation": ContentPolicy,  # Azure, in innererror
    "invalid_prompt": ContentPolicy,  # OpenAI's reasoning models: the prompt was flagged
    "bio_policy": ContentPolicy,  # this and what follows: openai.types.responses.ResponseError
    "misalignment_policy_violation": ContentPolicy,
    "image_content_policy_violation": ContentPolicy,
    "vector_store_timeout": ProviderTimeout,
    "data_residency_mismatch": ProviderRejected,
    "invalid_image": ProviderRejected,
    "invalid_image_format": ProviderRejected,
    "invalid_base64_image": ProviderRejected,
    "invalid_image_url": ProviderRejected,
    "invalid_image_mode": ProviderRejected,
    "image_too_large": ProviderRejected,
    "image_too_small": ProviderRejected,
    "image_parse_error": ProviderRejected,
    "image_file_too_large": ProviderRejected,
    "unsupported_image_media_type": ProviderRejected,
    "empty_image_file": ProviderRejected,
    "failed_to_download_image": ProviderRejected,
    "image_file_not_found": ProviderRejected,
    "model_not_found": ProviderNotFound,
    "deploymentnotfound": ProviderNotFound,  # Azure
    "insufficient_quota": ProviderQuota,
    "credit_balance_exhausted": ProviderQuota,
    "billing_hard_limit_reached": ProviderQuota,
    "billing_not_active": ProviderQuota,
    "invalid_api_key": ProviderAuth,
    "authentication_error": ProviderAuth,
    "rate_limit_exceeded": ProviderRateLimited,
    "rate_limit_error": ProviderRateLimited,
    "slow_down": ProviderRateLimited,
    "overloaded_error": ProviderOverloaded,
    "server_is_overloaded": ProviderOverloaded,
    "service_unavailable_error": ProviderOverloaded,
    "timeout": ProviderTimeout,
}
"""Error codes and types, in lower case. Code is looked up before type: quota errors have the type of rate limits.

Not here is ``server_error``, which says less than a status: OpenAI's 503 for an overloaded model has it, too.
"""

KIND_OF_STATUS: Mapping[int, Kind] = {
    401: ProviderAuth,
    402: ProviderQuota,  # DeepSeek, OpenRouter, Together: no balance
    403: ProviderAuth,
    404: ProviderNotFound,
    408: ProviderTimeout,
    429: ProviderRateLimited,
    498: ProviderOverloaded,  # Groq: the flex tier has no capacity
    503: ProviderOverloaded,
    504: ProviderTimeout,
    524: ProviderTimeout,  # Cloudflare in front of a vendor
    529: ProviderOverloaded,
}

# Last the phrases of xAI and Moonshot, DashScope and Zhipu, TGI, Gemini and Vertex.
MISSING = re.compile(
    r"(?!.*\bmodel\b)(?:.*\bwith id\b.*\bnot found\b|no such \w+ object\b|no \w+ found with id\b)", re.IGNORECASE
)
"""What OpenAI's 404 says of something that it was to keep: "Conversation with id 'conv_1' not found.", "Item with id 'rs_1'
not found. Items are not persisted when …", "No such File object: file-1"."""

_TOO_LONG = r"""maximum context length|context window|context length|prompt is too long
|maximum prompt length is|exceeded model token limit|range of input length should be|prompt exceeds max length
|`inputs` tokens \+ `max_new_tokens` must be|input token count.{0,40}?(?:exceeds the maximum|only supports up to)"""

KIND_OF_MESSAGE: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(_TOO_LONG.replace("\n", ""), re.IGNORECASE), ContextLength),
    (
        re.compile(r"api key (?:is )?(?:not valid|invalid|expired)|(?:invalid|incorrect) api key", re.IGNORECASE),
        ProviderAuth,
    ),
)
"""For a 400 without a telling code, as vLLM (context) and Gemini (key) answer."""

STATUS_IN_STREAM: Mapping[Kind, int] = {
    ProviderRateLimited: 429,
    ProviderQuota: 429,
    ProviderOverloaded: 503,
    ProviderTimeout: 504,
    ProviderNotFound: 404,
    ProviderAuth: 401,
    ContextLength: 400,
    ContentPolicy: 400,
    ProviderRejected: 400,
}
"""What an error inside a 200 counts as, where it names no status itself. Others: 500."""
