"""Azure OpenAI, as the simulator plays it: OpenAI's formats with Azure's keys, errors and content filters.

``dialect`` wraps one of OpenAI's, its manners and its speech apart; ``errors`` and ``filters`` are what Azure adds. Paths with a
deployment, or without ``v1``, need an ``api-version``. Source: https://learn.microsoft.com/azure/ai-foundry/openai/reference
"""
