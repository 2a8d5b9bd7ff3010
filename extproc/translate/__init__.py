"""Dialect ↔ provider: the bytes of a request on its way out, the bytes of an answer on its way back. Sans-io.

::

    client body ──request──► provider body        same dialect: edit the bytes that must change (same, edit)
                                                  otherwise: parse → Conversation → render
    client body ◄──answer─── provider body        a whole answer
    client body ◄─response── provider body        a stream: feed(bytes) → Progress
                    ▲
             content_coding                       gzip and deflate, where a provider compresses its answer

What is no conversation (embeddings, speech, files, ...) is in ``operations``; ``multipart`` reads and edits its forms,
``opaque`` passes on those of its answers that nobody but the client reads.

``limit`` puts the output limit of a budget into a request, ``price_tag`` the cost into an answer. ``capability`` asks whether
a dialect can carry a request. ``pairs`` lists the dialects by name, and which client and provider dialect are the same. All of it runs again on each
attempt, so nothing here changes its input.
"""
