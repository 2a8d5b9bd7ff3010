"""Gemini's ``generateContent`` and ``streamGenerateContent``, as a client's dialect and as a provider's.

One format serves the Gemini API and Vertex AI (Gemini Enterprise Agent Platform) alike. The model and whether the answer
is streamed are in the path, not in the body. Source: https://ai.google.dev/api/generate-content and the types of the
``google-genai`` SDK 3.4. Beyond the file names that all dialects share (``parse render stream errors usage``)::

    parse_contents.py  contents of a request → messages (parts: parse_parts.py)
    parse_options.py   tools, toolConfig, generationConfig → fields of the conversation
    parse_answer.py    answer JSON → Answer
    render_turns.py    messages → contents, with the vendor's rules of placement
    render_parts.py    parts → JSON parts; media in render_media.py
    render_options.py  generationConfig, tools, thinking, what else the request carries
    render_answer.py   Answer → answer JSON
    chunks.py          what one chunk of a stream means
    stream_writer.py   AnswerEvents → client bytes (``stream.py`` reads)
    models.py          which model takes which field
    schema.py          the vendor's own schema spelling → JSON Schema
    spelling.py        camelCase and snake_case, both of which the vendor takes
    reasons.py         finish and block reasons, both ways
    signatures.py      thought signatures, those of other vendors inside ours, and the one that skips the check
    logprobs.py        log probabilities, both ways
    citations.py       citations and grounding, both ways
    dialect.py         the two classes that the rest of the gateway sees
"""
