"""OpenAI's Chat Completions, Embeddings and Models, as the simulator plays them.

``dialect`` (entered by the app) ◄── ``check`` (request → ``Ask``), ``render`` (``Exchange`` → body or events),
``errors``; ``endpoints`` are the small ones. Source: https://platform.openai.com/docs/api-reference/chat
"""
