"""``llmgw``, the command line: every command is a thin shell over ``extproc.app``.

``main``  the commands   ``demo``  what runs when no configuration is given
"""

from extproc.cli.main import main

__all__ = ["main"]
