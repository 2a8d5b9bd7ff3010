"""The OpenAI Chat Completions dialect, as clients speak it and as OpenAI and every compatible server speak it.

::

    dialect.py         the two classes that the rest of the gateway sees; they only delegate
    parse.py           request JSON → Conversation        (parse_messages.py, parse_parts.py)
    parse_answer.py    answer JSON → Answer
    render.py          Conversation → request JSON        (render_messages.py)
    render_answer.py   Answer → answer JSON
    stream.py          provider bytes → Frames            (deltas.py: what one chunk means)
    stream_writer.py   AnswerEvents → client bytes
    errors.py          GatewayError → error body;  a vendor's error → ProviderError
    usage.py           usage JSON ↔ Usage
    vocabulary.py      words that readers and writers share, as tables

Beside the published API it speaks what its clients use for Anthropic's features: ``cache_control`` marks,
``reasoning_content`` and ``thinking_blocks``, and the request field ``thinking``.
"""
