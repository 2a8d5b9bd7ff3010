"""OpenAI's Responses API, as clients speak it and as OpenAI, Azure and compatible servers speak it.

::

    dialect.py         the two classes that the rest of the gateway sees; they only delegate
    parse.py           request JSON → Conversation         (parse_options.py, parse_items.py, parse_parts.py)
    parse_answer.py    answer JSON → Answer                (annotations.py)
    render.py          Conversation → request JSON         (render_items.py)
    render_answer.py   Answer → answer JSON                (response.py: the object around the output; items.py)
    stream.py          provider bytes → Frames             (events.py: what one event means)
    stream_writer.py   AnswerEvents → client bytes         (open_items.py: items that are being written)
    errors.py          GatewayError → error body;  a vendor's error → ProviderError
    usage.py           usage JSON ↔ Usage
    vocabulary.py      words that readers and writers share, as tables

The gateway stores no answers. What rests on a stored one (``previous_response_id``, ``conversation``, item references,
``background``) is refused with the mend named; ``store`` is ignored, and the answer says ``"store": false``. Reasoning
therefore always travels sealed, in ``encrypted_content`` (see ``reasoning.py``).

Source: https://developers.openai.com/api/docs/api-reference/responses and the types ``openai.types.responses``.
"""
