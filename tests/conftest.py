"""Properties find the same examples in every run: what fails in one fails for everybody, and a change is what broke it.

``make test ARGS="--hypothesis-profile=explore tests/properties"`` looks further, with new examples each time. Neither has a
deadline per example: the machine that runs the tests may be busy, and timing is not what they claim.
"""

from hypothesis import settings

settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("same")
