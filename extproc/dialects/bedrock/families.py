"""Which family of models behind Converse takes which field. Told from the model's name; an ARN of a profile has none.

For those ``RenderOptions.known_as`` says what is behind it; without it the model is taken for one that could be anything.

Sources, read in November 2026, all under https://docs.aws.amazon.com/: bedrock/latest/userguide/prompt-caching.html
(who caches what, for how long), bedrock/latest/userguide/conversation-inference-supported-models-features.html,
bedrock/latest/userguide/model-parameters-openai.html, nova/latest/userguide/complete-request-schema.html and
nova/latest/nova2-userguide/request-response-schema.html. OpenAI's GPT models: https://github.com/anomalyco/opencode/pull/48195
(which field their effort has, tried on each of them).
"""

import re
from functools import lru_cache
from typing import Literal

from extproc.dialects.claude import Traits, traits_of, version_of
from extproc.domain.valueclass import valueclass

Name = Literal["claude", "nova", "nova2", "gpt", "gpt-oss", "other", "unknown"]

_NOVA = re.compile(r"amazon\.nova-(2-)?")
_GPT = re.compile(r"openai\.gpt-(oss)?")
_NAMED = re.compile(r"^[a-z0-9-]+\.[a-z0-9.-]+")
"""A model id (``meta.llama3-...``), with a region before it or not; what else there is, an ARN, says nothing."""


_ANY = Traits()


@valueclass
class Family:
    """What a model takes."""

    name: Name
    claude: Traits = _ANY
    """What Claude's models take of thinking and sampling."""
    caches: bool = False
    """``cachePoint`` in system and messages."""
    caches_tools: bool = False
    caches_1h: bool = False
    """``cachePoint.ttl``."""
    tool_status: bool = False
    """``toolResult.status``."""
    named_tool: bool = True
    """``toolChoice.tool``."""
    gross_input: bool = False
    """Its streams count the cached tokens within ``inputTokens``."""

    @property
    def is_claude(self) -> bool:
        """Whether Anthropic's own fields are understood in ``additionalModelRequestFields``."""
        return self.name == "claude"


_NOVA_1 = Family("nova", caches=True, tool_status=True)
_NOVA_2 = Family("nova2", caches=True, tool_status=True)
_GPT_OSS = Family("gpt-oss", named_tool=False, gross_input=True)
_GPT_OWN = Family("gpt", named_tool=False, gross_input=True)
_OTHER = Family("other", named_tool=False)
# Behind an ARN there may be anything: what only some models take is left out and named, the rest is the vendor's to judge.
_UNKNOWN = Family("unknown", tool_status=True)

_CACHES_SINCE = (3, 5)
_CACHES_1H_SINCE = (4, 5)


@lru_cache(maxsize=1024)
def family_of(model: str) -> Family:
    """The family behind a model id or ARN."""
    version = version_of(model)
    if version is not None:
        return Family(
            "claude",
            claude=traits_of(model),
            caches=version[1] >= _CACHES_SINCE,
            caches_tools=version[1] >= _CACHES_SINCE,
            caches_1h=version[1] >= _CACHES_1H_SINCE,
            tool_status=True,
        )
    if match := _NOVA.search(model):
        return _NOVA_2 if match[1] else _NOVA_1
    if match := _GPT.search(model):
        return _GPT_OSS if match[1] else _GPT_OWN
    return _OTHER if _NAMED.match(model) else _UNKNOWN
