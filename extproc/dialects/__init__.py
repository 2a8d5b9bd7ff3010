"""Wire formats, sans-io: bytes and decoded JSON in, neutral objects out, and the other way round.

One folder per dialect, each with the same file names, so that the file name is the index::

    parse.py    request JSON → Conversation;  answer JSON → Answer
    render.py   Conversation → request JSON;  Answer → answer JSON
    stream.py   provider bytes → Frames (StreamReader);  AnswerEvents → client bytes (StreamWriter)
    errors.py   GatewayError → body and stream event;  a vendor's status and body → ProviderError
    usage.py    usage JSON ↔ Usage

Dialects do not import each other. ``base`` has the interface they share, ``sse`` the event-stream framing,
``redact`` what no client may read in a vendor's words. ``losses`` gathers what a request asks for
that a dialect has no word for. OpenAI's APIs share the modules that begin with ``openai_``, all that speak to Claude
``claude``, ``turns`` and ``closed_schema``; ``eventstream`` is AWS's framing, and ``bedrock_anthropic`` takes Anthropic's events out of it.
"""
