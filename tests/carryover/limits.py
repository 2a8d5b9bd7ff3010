"""Features of limits and sampling."""

from tests.carryover.shape import USAGE, Feature, generation

LIMITS = (
    Feature(
        "output limit",
        {
            "openai-chat": {"max_completion_tokens": 77},
            "openai-responses": {"max_output_tokens": 77},
            "openai-completions": {"max_tokens": 77},
            "anthropic-messages": {"max_tokens": 77},
            "gemini": generation(maxOutputTokens=77),
        },
        {
            "openai": "max_completion_tokens = 77",
            "openai-responses": "max_output_tokens = 77",
            "openai-completions": "max_tokens = 77",
            "anthropic": "max_tokens = 77",
            "bedrock": "inferenceConfig.maxTokens = 77",
            "gemini": "generationConfig.maxOutputTokens = 77",
        },
    ),
    Feature(
        "output limit, older name",
        {"openai-chat": {"max_tokens": 77}},
        {
            "openai-responses": "max_output_tokens = 77",
            "openai-completions": "max_tokens = 77",
            "anthropic": "max_tokens = 77",
            "bedrock": "inferenceConfig.maxTokens = 77",
            "gemini": "generationConfig.maxOutputTokens = 77",
        },
    ),
    Feature(
        "stop sequences",
        {
            "openai-chat": {"stop": ["E7"]},
            "openai-completions": {"stop": ["E7"]},
            "anthropic-messages": {"stop_sequences": ["E7"]},
            "gemini": generation(stopSequences=["E7"]),
        },
        {
            "openai-completions": 'stop = ["E7"]',
            "anthropic": 'stop_sequences = ["E7"]',
            "bedrock": 'inferenceConfig.stopSequences = ["E7"]',
            "gemini": 'generationConfig.stopSequences = ["E7"]',
        },
    ),
    Feature(
        "temperature",
        {
            "openai-chat": {"temperature": 0.7},
            "openai-responses": {"temperature": 0.7},
            "openai-completions": {"temperature": 0.7},
            "anthropic-messages": {"temperature": 0.7},
            "gemini": generation(temperature=0.7),
        },
        {
            "openai": "temperature = 0.7",
            "openai-responses": "temperature = 0.7",
            "openai-completions": "temperature = 0.7",
            "anthropic": "temperature = 0.7",
            "bedrock": "inferenceConfig.temperature = 0.7",
            "gemini": "generationConfig.temperature = 0.7",
        },
    ),
    Feature(
        "temperature above 1",
        {
            "openai-chat": {"temperature": 1.7},
            "openai-responses": {"temperature": 1.7},
            "openai-completions": {"temperature": 1.7},
            "gemini": generation(temperature=1.7),
        },
        {
            "openai": "temperature = 1.7",
            "openai-responses": "temperature = 1.7",
            "openai-completions": "temperature = 1.7",
            "gemini": "generationConfig.temperature = 1.7",
        },
    ),
    Feature(
        "temperature of a model that reasons",
        {
            "openai-chat": {"temperature": 0.7, "reasoning_effort": "low"},
            "openai-responses": {"temperature": 0.7, "reasoning": {"effort": "low"}},
            "anthropic-messages": {"temperature": 0.7, "thinking": {"type": "enabled", "budget_tokens": 1024}},
            "gemini": generation(temperature=0.7, thinkingConfig={"thinkingLevel": "LOW"}),
        },
        {"gemini": "generationConfig.temperature = 0.7"},
    ),
    Feature(
        "top_p",
        {
            "openai-chat": {"top_p": 0.7},
            "openai-responses": {"top_p": 0.7},
            "openai-completions": {"top_p": 0.7},
            "anthropic-messages": {"top_p": 0.7},
            "gemini": generation(topP=0.7),
        },
        {
            "openai": "top_p = 0.7",
            "openai-responses": "top_p = 0.7",
            "openai-completions": "top_p = 0.7",
            "anthropic": "top_p = 0.7",
            "bedrock": "inferenceConfig.topP = 0.7",
            "gemini": "generationConfig.topP = 0.7",
        },
    ),
    Feature(
        "top_k",
        {"anthropic-messages": {"top_k": 7}, "gemini": generation(topK=7)},
        {
            "anthropic": "top_k = 7",
            "bedrock": "additionalModelRequestFields.top_k = 7",
            "gemini": "generationConfig.topK = 7",
        },
    ),
    Feature(
        "seed",
        {"openai-chat": {"seed": 7}, "openai-completions": {"seed": 7}, "gemini": generation(seed=7)},
        {"openai": "seed = 7", "openai-completions": "seed = 7", "gemini": "generationConfig.seed = 7"},
    ),
    Feature(
        "several answers",
        {"openai-chat": {"n": 2}, "openai-completions": {"n": 2}, "gemini": generation(candidateCount=2)},
        {"openai": "n = 2", "openai-completions": "n = 2", "gemini": "generationConfig.candidateCount = 2"},
    ),
    Feature(
        "log probabilities",
        {
            "openai-chat": {"logprobs": True},
            "openai-responses": {"include": ["message.output_text.logprobs"]},
            "openai-completions": {"logprobs": 0},
            "gemini": generation(responseLogprobs=True),
        },
        {
            "openai": "logprobs = true",
            "openai-responses": 'include = ["message.output_text.logprobs"]',
            "openai-completions": "logprobs = 0",
            "gemini": "generationConfig.responseLogprobs = true",
        },
    ),
    Feature(
        "log probabilities of alternatives",
        {
            "openai-chat": {"logprobs": True, "top_logprobs": 3},
            "openai-responses": {"top_logprobs": 3},
            "openai-completions": {"logprobs": 3},
            "gemini": generation(responseLogprobs=True, logprobs=3),
        },
        {
            "openai": "top_logprobs = 3",
            "openai-responses": "top_logprobs = 3",
            "openai-completions": "logprobs = 3",
            "gemini": "generationConfig.logprobs = 3",
        },
    ),
    Feature(
        "penalty on frequency",
        {
            "openai-chat": {"frequency_penalty": 0.7},
            "openai-completions": {"frequency_penalty": 0.7},
            "gemini": generation(frequencyPenalty=0.7),
        },
        {
            "openai-completions": "frequency_penalty = 0.7",
            "gemini": "generationConfig.frequencyPenalty = 0.7",
        },
    ),
    Feature(
        "penalty on presence",
        {
            "openai-chat": {"presence_penalty": 0.7},
            "openai-completions": {"presence_penalty": 0.7},
            "gemini": generation(presencePenalty=0.7),
        },
        {
            "openai-completions": "presence_penalty = 0.7",
            "gemini": "generationConfig.presencePenalty = 0.7",
        },
    ),
    Feature(
        "bias of tokens",
        {"openai-chat": {"logit_bias": {"7": -100}}, "openai-completions": {"logit_bias": {"7": -100}}},
        {"openai-completions": 'logit_bias = {"7":-100}'},
    ),
    Feature(
        "usage in the stream",
        {
            "openai-chat": {"stream": True, "stream_options": {"include_usage": True}},
            "openai-completions": {"stream": True, "stream_options": {"include_usage": True}},
        },
        dict.fromkeys(("openai", "openai-responses", "openai-completions", "anthropic", "bedrock", "gemini"), USAGE),
    ),
    Feature(
        "padding of the stream",
        {
            name: {"stream": True, "stream_options": {"include_obfuscation": False}}
            for name in ("openai-chat", "openai-responses", "openai-completions")
        },
        hints={"*": "about the size of OpenAI's own chunks; a translated stream has none"},
    ),
)
