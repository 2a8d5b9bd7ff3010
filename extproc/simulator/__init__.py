"""The built-in provider simulator: it plays the vendors and their bad days on one port.

::

    socket ── connection ──► Request ── app ──► Plan(reply, behaviour) ── player ──► socket
              (HTTP/1.1 in)      (decide: no I/O)        (act: pace, split, compress, misbehave)

``connection``  the protocol: parses requests, keeps connections alive, notices clients that leave
``app``         authenticate, read, script, answer. Returns a plan, touches no socket
``routes``      path → manners and handler (``handlers``); ``clouds`` are those of Bedrock, Gemini and Vertex
``form``        uploads, taken apart; ``replies`` the small endpoints' answers; ``kept`` what is stored between requests
``player``      carries a plan out, byte by byte, with whatever fault the behaviour asks for
``script``      where a behaviour comes from: headers, the model's suffix, run-time programmes, the default
``behaviour``   what can be asked for: latency, pace, status, fault, splits, compression
``mind``        the pretend model, shared by all dialects: what is said to what was asked
``billing``     usage numbers where a behaviour wants other ones than the true ones: the most, or as scripted
``record``      what was received and what was really sent: the truth for billing tests
``control``     the HTTP API under ``/sim/`` that sets scripts and reads records
``server``      entry points: ``serve`` (in a running loop) and ``run`` (processes, blocks)

A dialect is a folder with the same file names in each (``check errors render endpoints dialect``) and is entered by its
``dialect`` module, which has the functions of ``extproc.simulator.dialect.Dialect``. The simulator is an independent
witness: it judges what the gateway sends to vendors by the vendors' published rules, so it shares no code with
``extproc.dialects`` or ``extproc.translate``. Claude at Bedrock and Vertex is a second dialect of those folders
(``claude``), made of Anthropic's; ``credentials`` are the endpoints where the clouds' tokens come from.

Tokens are simple, and exact for what was sent. Output: a token is a run of at most eight non-space characters with the
white space before it. Input: a token is four started bytes of text, plus three per message, plus a constant per image.
"""
