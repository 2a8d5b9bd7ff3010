"""``llmgw``, the command line: every command is a thin shell over ``extproc.app``.

``main``  the commands   ``source``  the configuration they work on   ``keys`` and ``usage``  virtual keys, spend
and budgets of a running gateway, by ``client`` and its admin port; ``asking`` and ``output`` are what they share
"""

from extproc.cli.main import main

__all__ = ["main"]
