"""Features of answers that are counts: ``answers`` has the others."""

from extproc.domain.answer import Answer
from extproc.domain.conversation import Text
from extproc.domain.usage import Usage
from tests.carryover.answers import Said, answer_of


def _counted(**counts) -> Answer:
    return answer_of(Text("T7"), usage=Usage(**{"input": 1000, "output": 500, **counts}))


USAGE = (
    Said(
        "input",
        "usage input",
        _counted(),
        {
            "openai-chat": "**.prompt_tokens = 1000",
            "openai-responses": "**.input_tokens = 1000",
            "openai-completions": "**.prompt_tokens = 1000",
            "anthropic-messages": "**.input_tokens = 1000",
            "gemini": "**.promptTokenCount = 1000",
        },
    ),
    Said(
        "output",
        "usage output",
        _counted(),
        {
            "openai-chat": "**.completion_tokens = 500",
            "openai-responses": "**.output_tokens = 500",
            "openai-completions": "**.completion_tokens = 500",
            "anthropic-messages": "**.output_tokens = 500",
            "gemini": "**.candidatesTokenCount = 500",
        },
    ),
    Said(
        "read from a cache",
        "usage cache_read",
        _counted(cache_read=77),
        {
            "openai-chat": "**.cached_tokens = 77",
            "openai-responses": "**.cached_tokens = 77",
            "openai-completions": "**.cached_tokens = 77",
            "anthropic-messages": "**.cache_read_input_tokens = 77",
            "gemini": "**.cachedContentTokenCount = 77",
        },
    ),
    Said(
        "written to a cache",
        "usage cache_write_5m",
        _counted(cache_write_5m=77),
        {
            "openai-chat": "**.cache_write_tokens = 77",
            "openai-responses": "**.cache_write_tokens = 77",
            "openai-completions": "**.cache_write_tokens = 77",
            "anthropic-messages": "**.cache_creation_input_tokens = 77",
        },
    ),
    Said(
        "written to a cache, for an hour",
        "usage cache_write_1h",
        _counted(cache_write_1h=77),
        {
            "openai-chat": "**.cache_write_tokens = 77",
            "openai-responses": "**.cache_write_tokens = 77",
            "openai-completions": "**.cache_write_tokens = 77",
            "anthropic-messages": "**.cache_creation_input_tokens = 77",
        },
    ),
    Said(
        "reasoning",
        "usage reasoning",
        _counted(reasoning=77),
        {
            "openai-chat": "**.reasoning_tokens = 77",
            "openai-responses": "**.reasoning_tokens = 77",
            "openai-completions": "**.reasoning_tokens = 77",
            "anthropic-messages": "**.thinking_tokens = 77",
            "gemini": "**.thoughtsTokenCount = 77",
        },
    ),
    Said(
        "audio heard",
        "usage audio_input",
        _counted(audio_input=77),
        {
            "openai-chat": "**.prompt_tokens_details.audio_tokens = 77",
            "openai-completions": "**.prompt_tokens_details.audio_tokens = 77",
            "gemini": "**.promptTokensDetails.*.tokenCount = 77",
        },
    ),
    Said(
        "audio spoken",
        "usage audio_output",
        _counted(audio_output=77),
        {
            "openai-chat": "**.completion_tokens_details.audio_tokens = 77",
            "openai-completions": "**.completion_tokens_details.audio_tokens = 77",
            "gemini": "**.candidatesTokensDetails.*.tokenCount = 77",
        },
    ),
    Said(
        "prediction, accepted",
        "usage accepted_prediction",
        _counted(accepted_prediction=77),
        {
            "openai-chat": "**.accepted_prediction_tokens = 77",
            "openai-completions": "**.accepted_prediction_tokens = 77",
        },
    ),
    Said(
        "prediction, rejected",
        "usage rejected_prediction",
        _counted(rejected_prediction=77),
        {
            "openai-chat": "**.rejected_prediction_tokens = 77",
            "openai-completions": "**.rejected_prediction_tokens = 77",
        },
    ),
    Said(
        "web searches",
        "usage web_searches",
        _counted(web_searches=77),
        {"anthropic-messages": "**.web_search_requests = 77"},
    ),
)
