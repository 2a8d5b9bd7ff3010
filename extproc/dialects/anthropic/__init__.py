"""Anthropic Messages, as a client's dialect and as a provider's.

Source: https://platform.claude.com/docs/en/api/messages and the types of the ``anthropic`` SDK 2.12. Beyond the file
names that all dialects share (``parse render stream errors usage``)::

    parse_blocks.py    content blocks of a request → parts
    render_turns.py    messages → alternating turns, with the vendor's rules of placement
    render_blocks.py   parts → content blocks
    render_options.py  sampling, thinking, tools, output format
    stream_writer.py   AnswerEvents → client bytes (``stream.py`` reads)
    reasons.py         stop reasons, both ways
    dialect.py         the two classes that the rest of the gateway sees

Rendered requests are of ``anthropic-version: 2023-06-01``: the later 2026-10-21 only takes away (temperature, top_p and
top_k, which older models still heed), so this version serves all models. What is read is the same in both.
"""
