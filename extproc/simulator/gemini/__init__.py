"""Gemini's API, as the simulator plays it: generateContent and its stream, token counting, embeddings, models.

``dialect`` is entered by the app through ``endpoints``; ``vertex`` is the same with other credentials and paths.

::

    schema (protocol buffers in JSON) ──► contents, tools, settings ◄── check ──► Ask
    signature ◄── render, contents

Bodies may come in camelCase or snake_case, as Google takes both; ``schema`` makes them camelCase for all the others.
Source: https://ai.google.dev/api/generate-content
"""
