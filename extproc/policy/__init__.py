"""Pure decisions: facts in, what is to be done out. No I/O, no clock, no dice of their own.

``keys``    which virtual key a request carries, and whether it may pass
``chain``   which targets serve a request, in which order
``retry``   whether a failure moves on to the next attempt
``commit``  when a withheld stream goes to the client
``tokens``  bearer tokens of identity providers, with ``claims``
``meters``  which meters count a request, and what it may take of each; ``windows``: since when
``ladder``  what changes as a budget is used up
``room``    what is said where there is no room
``tags``    what a client says of its request
"""
