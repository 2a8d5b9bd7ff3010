"""OpenAI's Chat Completions and its endpoints that hold no conversation, as the simulator plays them.

``dialect`` (entered by the app) ◄── ``check`` (request → ``Ask``), ``render`` (``Exchange`` → body or events), ``quirks``
(what vendors with the same format do otherwise), ``errors``; ``rules`` are those that several endpoints share.

``endpoints`` (models, embeddings), ``moderations``, ``images``, ``speech``, ``transcripts``, ``files``, ``batches`` and
``rerank`` (which only OpenAI-compatible servers have) are handlers. Responses and Completions are folders of their own.
Source: https://platform.openai.com/docs/api-reference
"""
