"""What is asked of a model and is no conversation: a request on its way to a provider, its answer on the way back.

::

    client body ──request──► provider body        one ``Operation`` for each (operation, dialect of the configuration)
    client body ◄──answer─── provider body

``table``          all of them, by name
``base``           the interface, and how answers are read
``passthrough``    the provider speaks the client's API: the model is changed, every other byte stays
``usage``          usage of the media APIs, whole and in events
``embeddings``     what a client asks, and the answer in its shape
``embed_google``, ``embed_cohere``, ``embed_bedrock``    the vendors' sides of it
``count_tokens``   counting a conversation's tokens; ``count_wraps``: how each vendor is asked
``rerank``         Cohere's shape, which is everybody's

Answers that are no JSON, and streams, are passed on by ``extproc.translate.opaque``; forms with files are read and edited
by ``extproc.translate.multipart``. Where a provider has no such operation, the table has no entry.
"""
