"""Amazon Bedrock's Converse and ConverseStream, as a provider's dialect.

Source: the service model of ``bedrock-runtime`` that botocore carries, and
https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference.html. Beyond the file names that all dialects
share (``parse render stream errors usage``)::

    render_turns.py     messages → alternating turns, with the vendor's rules of placement
    render_blocks.py    parts → content blocks
    render_sources.py   images and documents, with formats and names as the vendor wants them
    render_tools.py     toolConfig, and what of a tool choice only Claude has a word for
    render_options.py   inferenceConfig, metadata, tiers and what clients ask of Bedrock by its own names
    render_reasoning.py how much to think, in the words of each family of models
    stream_events.py    one decoded event → AnswerEvents (``stream.py`` reads the framing)
    citations.py        citations, both ways
    redacted.py         encrypted reasoning, both ways
    families.py         which family of models takes which field
    reasons.py          stop reasons
    dialect.py          the class that the rest of the gateway sees

The model is no part of the body: it goes into the path (``/model/{modelId}/converse``, ``/converse-stream``), encoded.
Binary data is base64 in JSON. The same models of Anthropic behind InvokeModel speak Anthropic's own dialect in AWS framing:
``extproc.dialects.bedrock_anthropic``.
"""
