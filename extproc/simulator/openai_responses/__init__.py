"""OpenAI's Responses, as the simulator plays them.

::

    endpoints ── history (earlier responses, references) ──► check (items, tools) ──► Ask
    Exchange ──► render (the response object) ──► stream (its events)

``seal`` makes and reads the encrypted content of reasoning items. Errors and shared rules are those of ``openai``, the
same vendor. Source: https://platform.openai.com/docs/api-reference/responses
"""
