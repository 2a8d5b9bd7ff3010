"""No deadline per example: the machine that runs the tests may be busy, and timing is not what they claim."""

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
