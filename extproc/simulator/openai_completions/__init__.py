"""OpenAI's legacy Completions, as the simulator plays them.

``dialect`` (entered by the app) ◄── ``check`` (request → ``Ask``), ``render`` (``Exchange`` → body or events). Errors are
those of ``openai``, the same vendor. Source: https://platform.openai.com/docs/api-reference/completions
"""
