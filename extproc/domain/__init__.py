"""The words every other package speaks: no I/O, no clock, no dice, no wire format.

``errors``        the one error tree, by whose fault it is
``conversation``  what a client asks, free of any vendor's spelling
``answer``        what a model says, whole (``Answer``) or as a stream of events
``usage``         tokens, normalised once
``reading``       checked access to decoded JSON, with paths in its errors
``jsontext``      JSON that decoding would lose a part of
"""
