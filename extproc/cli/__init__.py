"""``llmgw``, the command line: every command is a thin shell over ``extproc.app``.

``main``  the commands   ``source``  the configuration they work on   ``keys``  virtual keys, by ``client`` and the admin port
"""

from extproc.cli.main import main

__all__ = ["main"]
