"""OpenAI's legacy Completions dialect (``POST /v1/completions``): a prompt in, its continuation out.

::

    dialect.py         the two classes that the rest of the gateway sees; they only delegate
    parse.py           request JSON → Conversation
    parse_answer.py    answer JSON → Answer
    render.py          Conversation → request JSON
    render_answer.py   Answer → answer JSON
    stream.py          provider bytes → Frames           (what one chunk means)
    stream_writer.py   AnswerEvents → client bytes
    logprobs.py        log probabilities: this dialect's lists ↔ Chat Completions' objects
    vocabulary.py      finish reasons and ids

Errors, usage and the framing of streams are those of Chat Completions (``extproc.dialects.openai_errors``,
``openai_usage``, ``openai_stream``). For a provider of another dialect the prompt becomes one user message.
"""
